/** What is shown on standard error while a run is under way. */

import type { Progress, ProgressSnapshot } from "../../lib/index.ts";
import { writeLine } from "../output.ts";
import { countOf, formatByteRate, formatCount, formatPercent, formatTimeLeft } from "../report/quantities.ts";
import { showBar } from "./bar.ts";
import { countsEntries, type Pace, PaceMeter } from "./pace.ts";

export interface Display {
  /** Shows a line, without disturbing the progress. */
  say(line: string): void;
  /** Stops showing progress, and leaves the terminal as it was. */
  close(): void;
}

/** A bar on a terminal, lines elsewhere, no progress if quiet. */
export function openDisplay(progress: Progress, quiet: boolean): Display {
  if (quiet) return { say: writeLine, close: () => {} };
  const canRedraw = process.stderr.isTTY && process.env.TERM !== "dumb";
  return canRedraw ? showBar(progress) : showLines(progress);
}

const POLL_MS = 250;
const LINE_EVERY_MS = 5_000;

/** A phase that lasts this long is reported, even if it began just after the last line. */
const LASTING_MS = 1_000;

/** Progress as a line every few seconds, for logs and pipes. */
function showLines(progress: Progress): Display {
  const meter = new PaceMeter();
  let lastLine = performance.now();
  let latest = { phase: "", since: 0, isReported: false };
  const poll = () => {
    const now = performance.now();
    const snapshot = progress.snapshot();
    const pace = meter.observe(snapshot, now);
    const { phase } = snapshot;
    if (phase !== latest.phase) latest = { phase, since: now, isReported: false };
    const isDue = !latest.isReported && now - latest.since >= LASTING_MS;
    if (!isDue && now - lastLine < LINE_EVERY_MS) return;
    latest.isReported = true;
    lastLine = now;
    writeLine(progressLine(snapshot, pace));
  };
  const timer = setInterval(poll, POLL_MS);
  return { say: writeLine, close: () => clearInterval(timer) };
}

/** `copying 1,234,567 of 4,000,000 entries (30.9 %), 210,000 entries/s, 215 MB/s, 0 retries, 13 s left`. */
export function progressLine({ phase, size, entriesDone, counters }: ProgressSnapshot, pace: Pace): string {
  if (!countsEntries(phase)) return phase;
  const { entriesPerSecond, bytesPerSecond, secondsLeft } = pace;
  const done = `${formatCount(entriesDone)} of ${countOf(size, "entry", "entries")}`;
  return [
    `${phase} ${done} (${formatPercent(entriesDone, size)})`,
    ...(entriesPerSecond === undefined ? [] : [`${formatCount(entriesPerSecond)} entries/s`]),
    ...(bytesPerSecond ? [formatByteRate(bytesPerSecond)] : []),
    countOf(counters.get("retries"), "retry", "retries"),
    ...(secondsLeft === undefined ? [] : [`${formatTimeLeft(secondsLeft)} left`]),
  ].join(", ");
}
