/**
 * How far the target of a live move is behind its source, seen from outside: for how long the oldest checkpoint that it
 * lacks has been published. The program's own word for it is asked for at the same moments.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The source's checkpoint is read so often; how old one is, is exact to that. */
const PUBLISHED_EVERY_MS = 5;
/** Between two looks at the target. */
const LOOK_EVERY_MS = 100;

/** Seconds, one for each look. */
export interface LagSamples {
  readonly seen: readonly number[];
  /** As the program says it: since it knows of what it lacks. None while it is down. */
  readonly said: readonly number[];
}

export interface LagSource {
  /** Directory of the log. */
  readonly directory: string;
  /** Entries of the tree that is wholly in the target; undefined while that cannot be seen. */
  copied(): Promise<number | undefined>;
  /** Of the program's metric; undefined where it does not answer. */
  said(): Promise<number | undefined>;
}

/** Looks until it is disposed of. */
export class LagWatch implements AsyncDisposable {
  readonly #source: LagSource;
  readonly #timer: NodeJS.Timeout;
  /** Checkpoints that the target lacks, the oldest first. */
  readonly #lacking: { readonly size: number; readonly at: number }[] = [];
  readonly #looking: Promise<void>;
  #samples: { seen: number[]; said: number[] } | undefined;
  #published = -1;
  #copied = -1;
  #isOver = false;

  constructor(source: LagSource) {
    this.#source = source;
    this.#timer = setInterval(() => this.#notePublished(), PUBLISHED_EVERY_MS);
    this.#looking = this.#look();
    // Awaited at the end.
    this.#looking.catch(() => {});
  }

  /** Entries of the newest checkpoint of the source, and of what is known to be in the target. */
  get published(): number {
    return this.#published;
  }

  get copied(): number {
    return this.#copied;
  }

  /** What is seen from now on. */
  begin(): LagSamples {
    this.#samples = { seen: [], said: [] };
    return this.#samples;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#isOver = true;
    await this.#looking;
  }

  #notePublished(): void {
    const size = publishedSize(this.#source.directory);
    // A file that is just being written may lack it.
    if (!(size > this.#published)) return;
    this.#published = size;
    this.#lacking.push({ size, at: performance.now() });
  }

  async #look(): Promise<void> {
    for (; !this.#isOver; await sleep(LOOK_EVERY_MS)) {
      const [copied, said] = await Promise.all([this.#source.copied(), this.#source.said()]);
      this.#copied = Math.max(this.#copied, copied ?? -1);
      while ((this.#lacking[0]?.size ?? Number.POSITIVE_INFINITY) <= this.#copied) this.#lacking.shift();
      const oldest = this.#lacking[0];
      this.#samples?.seen.push(oldest === undefined ? 0 : (performance.now() - oldest.at) / 1000);
      if (said !== undefined) this.#samples?.said.push(said);
    }
  }
}

/** Size in the checkpoint that a log has published; -1 where there is none yet. */
function publishedSize(directory: string): number {
  try {
    return Number(readFileSync(join(directory, "checkpoint"), "latin1").split("\n")[1]);
  } catch {
    return -1;
  }
}

/** The sample that so many of all are not above. @param share from 0 to 1. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError("nothing was sampled");
  return value;
}
