/** Progress as a line every few seconds, for logs and pipes. */

import type { Progress, ProgressSnapshot } from "../../lib/index.ts";
import { writeLine } from "../output.ts";
import { countOf, formatByteRate, formatCount, formatPercent, formatTimeLeft } from "../report/quantities.ts";
import { countsEntries, type Pace, PaceMeter } from "./pace.ts";

const POLL_MS = 250;
const LINE_EVERY_MS = 5_000;

/** A phase that lasts this long is reported, even if it began just after the last line. */
const LASTING_MS = 1_000;

export class LinesDisplay {
  readonly #progress: Progress;
  readonly #meter = new PaceMeter();
  readonly #timer: NodeJS.Timeout;
  #phase = "";
  #phaseSince = 0;
  #phaseReported = false;
  #lastLine = performance.now();

  constructor(progress: Progress) {
    this.#progress = progress;
    this.#timer = setInterval(() => this.#poll(performance.now()), POLL_MS);
  }

  say(line: string): void {
    writeLine(line);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #poll(now: number): void {
    const snapshot = this.#progress.snapshot();
    const pace = this.#meter.observe(snapshot, now);
    if (snapshot.phase !== this.#phase) {
      this.#phase = snapshot.phase;
      this.#phaseSince = now;
      this.#phaseReported = false;
    }
    const isNew = !this.#phaseReported && now - this.#phaseSince >= LASTING_MS;
    if (!isNew && now - this.#lastLine < LINE_EVERY_MS) return;
    this.#phaseReported = true;
    this.#lastLine = now;
    writeLine(progressLine(snapshot, pace));
  }
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
