/** Progress as a bar on a terminal. */

import { styleText } from "node:util";
import cliProgress, { type Options, type SingleBar } from "cli-progress";
import type { Progress, ProgressSnapshot } from "../../lib/index.ts";
import { writeLine } from "../output.ts";
import {
  countOf,
  formatByteRate,
  formatCompact,
  formatCount,
  formatPercent,
  formatTimeLeft,
} from "../report/quantities.ts";
import { countsEntries, type Pace, PaceMeter } from "./pace.ts";

const FRAMES_PER_SECOND = 8;
const [MIN_BAR, MAX_BAR] = [6, 40];

export class BarDisplay {
  readonly #bar: SingleBar;
  #closed = false;
  readonly #close = (): void => this.close();

  constructor(progress: Progress) {
    const meter = new PaceMeter();
    this.#bar = new cliProgress.SingleBar({
      ...barCharacters(),
      barsize: MAX_BAR,
      clearOnComplete: true,
      fps: FRAMES_PER_SECOND,
      gracefulExit: false,
      hideCursor: true,
      linewrap: false,
      stream: process.stderr,
      format: (options, { maxWidth }) => {
        const snapshot = progress.snapshot();
        const pace = meter.observe(snapshot, performance.now());
        const bar = (share: number, width: number) => drawBar(share, width, options);
        // The last column stays empty: some terminals wrap as soon as it is written.
        return progressBarLine(snapshot, pace, maxWidth - 1, bar);
      },
    });
    // However the process ends, the cursor is shown again.
    process.once("exit", this.#close);
    this.#bar.start(1, 0);
  }

  say(line: string): void {
    if (!this.#closed) this.#bar.stop();
    writeLine(line);
    if (!this.#closed) this.#bar.start(1, 0);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    process.off("exit", this.#close);
    this.#bar.stop();
  }
}

/** Draws a bar of `width` columns, filled to a share from 0 to 1. */
export type DrawBar = (share: number, width: number) => string;

/** One line of at most `width` columns: what does not fit is shortened, then left out, the least important first. */
export function progressBarLine(
  snapshot: ProgressSnapshot,
  pace: Pace,
  width: number,
  draw: DrawBar,
): string {
  const { phase, size, entriesDone } = snapshot;
  if (!countsEntries(phase)) return `${phase} …`.slice(0, width);
  const head = `${phase} `;
  for (const facts of candidates(snapshot, pace)) {
    const tail = facts.join(", ");
    const left = width - head.length - tail.length - 1;
    if (left >= MIN_BAR) {
      const share = size === 0 ? 1 : entriesDone / size;
      return `${head}${draw(share, Math.min(left, MAX_BAR))} ${tail}`;
    }
  }
  return `${head}${formatPercent(entriesDone, size)}`.slice(0, width);
}

/** What may follow the bar, the most detailed first. */
function candidates(
  { size, entriesDone, counters }: ProgressSnapshot,
  { entriesPerSecond, bytesPerSecond, secondsLeft }: Pace,
): string[][] {
  const percent = formatPercent(entriesDone, size);
  const known = (parts: (string | undefined)[]) => parts.filter((part) => part !== undefined);
  const written = (format: (count: number) => string, rateUnit: string) => ({
    entries: `${percent} of ${format(size)}`,
    count: `${format(entriesDone)} of ${format(size)} entries`,
    rate: entriesPerSecond === undefined ? undefined : `${format(entriesPerSecond)}${rateUnit}`,
  });
  const full = written(formatCount, " entries/s");
  const short = written(formatCompact, "/s");
  const bytes = bytesPerSecond ? formatByteRate(bytesPerSecond) : undefined;
  const retries = countOf(counters.get("retries"), "retry", "retries");
  const left = secondsLeft === undefined ? undefined : `${formatTimeLeft(secondsLeft)} left`;
  return [
    [percent, full.count, full.rate, bytes, retries, left],
    [percent, short.count, short.rate, bytes, retries, left],
    [short.entries, short.rate, bytes, retries, left],
    [short.entries, short.rate, bytes, left],
    [percent, short.rate, left],
    [percent, left],
    [percent],
  ].map(known);
}

function drawBar(share: number, width: number, options: Options): string {
  const bar = cliProgress.Format.BarFormat(share, { ...options, barsize: width });
  return styleText("cyan", bar, { stream: process.stderr });
}

/** Blocks where the locale says that the terminal has them. */
function barCharacters(): Pick<Options, "barCompleteChar" | "barIncompleteChar"> {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  const isUnicode = /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
  return isUnicode
    ? { barCompleteChar: "█", barIncompleteChar: "░" }
    : { barCompleteChar: "=", barIncompleteChar: "-" };
}
