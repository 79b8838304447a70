/** Progress in one line, for logs and for a terminal of some width. */

import { formatCount, type ProgressSnapshot } from "../../lib/index.ts";
import { countOf } from "../report/quantities.ts";
import { formatByteRate, formatCompact, formatPercent, formatTimeLeft } from "../report/units.ts";
import { countsEntries, type Pace } from "./pace.ts";

const MIN_BAR = 6;
export const MAX_BAR = 40;

/** `copying 1,234,567 of 4,000,000 entries (30.9 %), 210,000 entries/s, 215 MB/s, 0 retries, 13 s left`. */
export function progressLine(snapshot: ProgressSnapshot, pace: Pace): string {
  const { phase } = snapshot;
  if (!countsEntries(phase)) return phaseLine(snapshot);
  const { count, percent, rate, bytes, retries, left } = factsOf(snapshot, pace, formatCount, " entries/s");
  return joined([`${phase} ${count} (${percent})`, rate, bytes, retries, left]);
}

/** `listing the log, 7,830 objects`; the phase alone where nothing is listed. */
function phaseLine({ phase, counters }: ProgressSnapshot): string {
  const listed = counters.get("listedObjects");
  const isListing = phase === "listing the log" || phase === "checking the target";
  return isListing && listed > 0 ? `${phase}, ${countOf(listed, "object")}` : phase;
}

/** Of a run that does not move: how far it is, and why. */
export function stalledLine(snapshot: ProgressSnapshot, reason: string): string {
  const { phase, size, entriesDone } = snapshot;
  if (!countsEntries(phase)) return `${phaseLine(snapshot)}: ${reason}`;
  return `${phase}, ${formatPercent(entriesDone, size)} done: ${reason}`;
}

/** The same for machines: numbers as they are. */
export function progressFacts({ phase, size, entriesDone, counters }: ProgressSnapshot, pace: Pace) {
  return { phase, size, entriesDone, ...pace, retries: counters.get("retries") };
}

/**
 * One line of at most `width` columns: what does not fit is shortened, then left out, the least important first.
 * @param draw draws a bar of `width` columns, filled to a share from 0 to 1.
 */
export function progressBarLine(
  snapshot: ProgressSnapshot,
  pace: Pace,
  width: number,
  draw: (share: number, width: number) => string,
): string {
  const { phase, size, entriesDone } = snapshot;
  if (!countsEntries(phase)) return `${phaseLine(snapshot)} …`.slice(0, width);
  const full = factsOf(snapshot, pace, formatCount, " entries/s");
  const short = factsOf(snapshot, pace, formatCompact, "/s");
  const { percent, bytes, retries, left } = short;
  const percentOf = `${percent} of ${formatCompact(size)}`;
  for (const facts of [
    [percent, full.count, full.rate, bytes, retries, left],
    [percent, short.count, short.rate, bytes, retries, left],
    [percentOf, short.rate, bytes, retries, left],
    [percentOf, short.rate, bytes, left],
    [percent, short.rate, left],
    [percent, left],
    [percent],
  ]) {
    const [head, tail] = [`${phase} `, ` ${joined(facts)}`];
    const share = size === 0 ? 1 : entriesDone / size;
    const bar = width - head.length - tail.length;
    if (bar >= MIN_BAR) return head + draw(share, Math.min(bar, MAX_BAR)) + tail;
  }
  return `${phase} ${percent}`.slice(0, width);
}

function factsOf(
  { size, entriesDone, counters }: ProgressSnapshot,
  { entriesPerSecond, bytesPerSecond, secondsLeft }: Pace,
  format: (count: number) => string,
  rateUnit: string,
) {
  return {
    count: `${format(entriesDone)} of ${format(size)} ${size === 1 ? "entry" : "entries"}`,
    percent: formatPercent(entriesDone, size),
    rate: entriesPerSecond === undefined ? undefined : `${format(entriesPerSecond)}${rateUnit}`,
    bytes: bytesPerSecond ? formatByteRate(bytesPerSecond) : undefined,
    retries: countOf(counters.get("retries"), "retry", "retries"),
    left: secondsLeft === undefined ? undefined : `${formatTimeLeft(secondsLeft)} left`,
  };
}

function joined(facts: readonly (string | undefined)[]): string {
  return facts.filter((fact) => fact !== undefined).join(", ");
}
