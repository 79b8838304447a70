/** Progress as a bar on a terminal. */

import { styleText } from "node:util";
import cliProgress, { type Options } from "cli-progress";
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

const [MIN_BAR, MAX_BAR] = [6, 40];

/** Shows progress as a bar until it is closed. */
export function showBar(progress: Progress) {
  const { stderr: stream } = process;
  const meter = new PaceMeter();
  let isOpen = true;
  const options: Options = {
    barsize: MAX_BAR,
    clearOnComplete: true,
    fps: 8,
    gracefulExit: false,
    hideCursor: true,
    linewrap: false,
    stream,
    format: (options, { maxWidth }) => {
      const snapshot = progress.snapshot();
      const pace = meter.observe(snapshot, performance.now());
      const draw = (share: number, barsize: number) =>
        styleText("cyan", cliProgress.Format.BarFormat(share, { ...options, barsize }), { stream });
      // The last column stays empty: some terminals wrap as soon as it is written.
      return progressBarLine(snapshot, pace, maxWidth - 1, draw);
    },
  };
  // Blocks where the locale says that the terminal has them.
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  const isUnicode = /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
  const { shades_classic, legacy } = cliProgress.Presets;
  const bar = new cliProgress.SingleBar(options, isUnicode ? shades_classic : legacy);
  const close = (): void => {
    if (isOpen) bar.stop();
    isOpen = false;
    process.off("exit", close);
  };
  // However the process ends, the cursor is shown again.
  process.once("exit", close);
  bar.start(1, 0);
  return {
    say(line: string): void {
      if (isOpen) bar.stop();
      writeLine(line);
      if (isOpen) bar.start(1, 0);
    },
    close,
  };
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
  if (!countsEntries(phase)) return `${phase} …`.slice(0, width);
  const head = `${phase} `;
  for (const facts of candidates(snapshot, pace)) {
    const tail = facts.filter((fact) => fact !== undefined).join(", ");
    const left = width - head.length - tail.length - 1;
    const share = size === 0 ? 1 : entriesDone / size;
    if (left >= MIN_BAR) return `${head}${draw(share, Math.min(left, MAX_BAR))} ${tail}`;
  }
  return `${head}${formatPercent(entriesDone, size)}`.slice(0, width);
}

/** What may follow the bar, the most detailed first. */
function candidates(
  { size, entriesDone, counters }: ProgressSnapshot,
  { entriesPerSecond, bytesPerSecond, secondsLeft }: Pace,
): (string | undefined)[][] {
  const percent = formatPercent(entriesDone, size);
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
  ];
}
