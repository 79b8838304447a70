/** How fast a run is, and how long it will take at that rate. */

import type { Phase, ProgressSnapshot } from "../../lib/index.ts";

/** Rates are averages over this time, so that they neither flicker nor include a slow start for ever. */
const WINDOW_MS = 10_000;

/** Shorter spans are too short for a rate. */
const MIN_SPAN_MS = 500;

const MIN_SAMPLE_MS = 200;

/** Rates over the last seconds; undefined while they are not known. */
export interface Pace {
  readonly entriesPerSecond?: number;
  /** Bytes stored or, where nothing is stored, received. */
  readonly bytesPerSecond?: number;
  readonly secondsLeft?: number;
}

type Sample = Readonly<{ atMs: number; entries: number; bytes: number }>;

/** Whether a phase works through the entries one by one. */
export function countsEntries(phase: Phase): boolean {
  return phase === "copying" || phase === "verifying";
}

export class PaceMeter {
  #phase: Phase | undefined;
  #samples: Sample[] = [];

  /** @param nowMs a clock that only goes forward, in milliseconds. */
  observe(snapshot: ProgressSnapshot, nowMs: number): Pace {
    const pace = this.#measure(snapshot, nowMs);
    const { phase, leastSecondsLeft } = snapshot;
    if (leastSecondsLeft === undefined || !countsEntries(phase)) return pace;
    return { ...pace, secondsLeft: Math.max(leastSecondsLeft, pace.secondsLeft ?? 0) };
  }

  #measure({ phase, size, entriesDone, counters }: ProgressSnapshot, nowMs: number): Pace {
    if (phase !== this.#phase) this.#samples = [];
    this.#phase = phase;
    if (!countsEntries(phase)) return {};
    // Entries found in place are done at once, which says nothing about the others.
    const entries = counters.get("entries");
    const bytes = counters.get(phase === "copying" ? "bytesStored" : "bytesReceived");
    const oldest = this.#remember({ atMs: nowMs, entries, bytes });
    if (nowMs - oldest.atMs < MIN_SPAN_MS) return {};
    const seconds = (nowMs - oldest.atMs) / 1000;
    const entriesPerSecond = (entries - oldest.entries) / seconds;
    const bytesPerSecond = (bytes - oldest.bytes) / seconds;
    if (entriesPerSecond === 0) return { entriesPerSecond, bytesPerSecond };
    return { entriesPerSecond, bytesPerSecond, secondsLeft: (size - entriesDone) / entriesPerSecond };
  }

  /** Keeps a sample, and returns the one from a window ago. */
  #remember(now: Sample): Sample {
    const last = this.#samples.at(-1);
    if (last === undefined || now.atMs - last.atMs >= MIN_SAMPLE_MS) this.#samples.push(now);
    const start = this.#samples.findIndex(({ atMs }) => now.atMs - atMs <= WINDOW_MS);
    this.#samples.splice(0, Math.max(0, start - 1));
    return this.#samples[0] ?? now;
  }
}
