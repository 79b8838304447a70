/** How a run went: its counts over time, in a bounded number of samples. */

import type { Sample, StatusDocument } from "./document.ts";

/** Twice what a chart shows well: a fuller history is thinned to half. */
const MAX_SAMPLES = 600;

/** The sample that a state is. */
export function sampleOf({ at, command, counts, following }: StatusDocument): Sample {
  const bytes = command === "verify" ? counts.bytesReceived : counts.bytesStored;
  return [Date.parse(at), counts.entries, bytes, following?.lagSeconds ?? 0];
}

export class History {
  #samples: Sample[] = [];
  #everyMs = 0;

  /** Adds a sample, unless the last one is newer than what the history is thinned to. */
  add(sample: Sample): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && sample[0] - last[0] < this.#everyMs) return;
    this.#samples.push(sample);
    if (this.#samples.length < MAX_SAMPLES) return;
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0);
    const [first, latest] = [this.#samples[0], this.#samples.at(-1)];
    if (first && latest) this.#everyMs = (latest[0] - first[0]) / this.#samples.length;
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }
}
