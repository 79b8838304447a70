/** Rates over time, from counts over time. */

import type { Sample } from "../document.ts";

/** Rates are averages over this time: units of work end in bursts. */
const SMOOTH_MS = 4_000;

/** What a chart draws: columns of the same length. Times are in seconds since the Unix epoch. */
export interface Rates {
  readonly times: readonly number[];
  readonly entries: readonly number[];
  readonly bytes: readonly number[];
  readonly lag: readonly number[];
}

export function ratesOf(samples: readonly Sample[]): Rates {
  const rates = {
    times: [] as number[],
    entries: [] as number[],
    bytes: [] as number[],
    lag: [] as number[],
  };
  let from = 0;
  for (const [index, [at, entries, bytes, lag]] of samples.entries()) {
    if (index === 0) continue;
    // The latest sample that is long enough ago, or the one before.
    while (from + 1 < index && at - (samples[from + 1]?.[0] ?? at) >= SMOOTH_MS) from++;
    const [atBefore, entriesBefore, bytesBefore] = samples[from] ?? [at, entries, bytes];
    const seconds = (at - atBefore) / 1000;
    // A clock that was set back.
    if (seconds <= 0) continue;
    rates.times.push(at / 1000);
    rates.entries.push((entries - entriesBefore) / seconds);
    rates.bytes.push((bytes - bytesBefore) / seconds);
    rates.lag.push(lag);
  }
  return rates;
}

/** At most so many of them, evenly spread, the last one among them. */
export function spread(length: number, most: number): number[] {
  const rows = Math.min(length, most);
  return Array.from({ length: rows }, (_, row) => Math.ceil(((row + 1) * length) / rows) - 1);
}
