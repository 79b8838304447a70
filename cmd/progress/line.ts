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

/** `listing the log, 7,830 objects`; `waiting for the source to grow, 12 entries behind for 3 s`. */
function phaseLine(snapshot: ProgressSnapshot): string {
  const { phase, counters } = snapshot;
  const listed = counters.get("listedObjects");
  const isListing = phase === "listing the log" || phase === "checking the target";
  const objects = isListing && listed > 0 ? countOf(listed, "object") : undefined;
  return joined([phase, objects, lagWords(snapshot)]);
}

/** How far a copy that follows its source is behind it; undefined for others. */
function lagWords({ lag, following }: ProgressSnapshot): string | undefined {
  if (lag === undefined) return undefined;
  if (lag.entries > 0)
    return `${countOf(lag.entries, "entry", "entries")} behind for ${formatTimeLeft(lag.seconds)}`;
  return `caught up at ${countOf(following?.copied ?? 0, "entry", "entries")}`;
}

/** Of a run that does not move: how far it is, and why. */
export function stalledLine(snapshot: ProgressSnapshot, reason: string): string {
  const { phase, size, entriesDone } = snapshot;
  if (!countsEntries(phase)) return `${phaseLine(snapshot)}: ${reason}`;
  return `${phase}, ${formatPercent(entriesDone, size)} done: ${reason}`;
}

/** The same for machines: numbers as they are. */
export function progressFacts({ phase, size, entriesDone, counters, lag }: ProgressSnapshot, pace: Pace) {
  return { phase, size, entriesDone, ...pace, retries: counters.get("retries"), ...(lag && { lag }) };
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
