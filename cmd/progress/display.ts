/** What is shown on standard error while a run is under way. */

import { styleText } from "node:util";
import cliProgress, { type Options } from "cli-progress";
import type { Progress } from "../../lib/index.ts";
import { isTextFormat, type Level, writeLine } from "../output.ts";
import { MAX_BAR, progressBarLine, progressFacts, progressLine, stalledLine } from "./line.ts";
import { PaceMeter } from "./pace.ts";
import { StallWatch } from "./stall.ts";

export interface Display {
  /** Shows a line, without disturbing the progress. */
  say(line: string, level: Level, facts?: object): void;
  /** Stops showing progress, and leaves the terminal as it was. */
  close(): void;
}

/** A bar on a terminal, lines elsewhere, no progress if quiet. */
export function openDisplay(progress: Progress, quiet: boolean): Display {
  if (quiet) return { say: writeLine, close: () => {} };
  const canRedraw = isTextFormat() && process.stderr.isTTY && process.env.TERM !== "dumb";
  return canRedraw ? showBar(progress) : showLines(progress);
}

function showBar(progress: Progress): Display {
  const { stderr: stream, env } = process;
  const meter = new PaceMeter();
  const watch = new StallWatch();
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
      const stall = watch.observe(snapshot, performance.now());
      if (stall !== undefined) return stalledLine(snapshot, stall).slice(0, maxWidth - 1);
      const draw = (share: number, barsize: number) =>
        styleText("cyan", cliProgress.Format.BarFormat(share, { ...options, barsize }), { stream });
      // The last column stays empty: some terminals wrap as soon as it is written.
      return progressBarLine(snapshot, pace, maxWidth - 1, draw);
    },
  };
  // Blocks where the locale says that the terminal has them.
  const isUnicode = /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || "");
  const { shades_classic, legacy } = cliProgress.Presets;
  const bar = new cliProgress.SingleBar(options, isUnicode ? shades_classic : legacy);
  // The shell that the operator is back in, at Ctrl-Z, has a cursor and wraps its lines.
  const suspend = (): void => {
    bar.stop();
    process.kill(process.pid, "SIGSTOP");
  };
  const goOn = (): void => {
    bar.stop();
    bar.start(1, 0);
  };
  const close = (): void => {
    if (isOpen) bar.stop();
    isOpen = false;
    process.off("exit", close).off("SIGTSTP", suspend).off("SIGCONT", goOn);
  };
  // However the process ends, the cursor is shown again.
  process.once("exit", close).on("SIGTSTP", suspend).on("SIGCONT", goOn);
  bar.start(1, 0);
  return {
    say(...line) {
      if (isOpen) bar.stop();
      writeLine(...line);
      if (isOpen) bar.start(1, 0);
    },
    close,
  };
}

const POLL_MS = 250;

/** Lines come often while somebody may be watching, and later so that a log of days stays readable. */
const LINE_EVERY_MS = 5_000;
const OFTEN_MS = 60_000;
const LATER_EVERY_MS = 60_000;
const STALL_LINE_MS = 2_000;

/** A phase that lasts this long is reported, even if it began just after the last line. */
const LASTING_MS = 1_000;

function showLines(progress: Progress): Display {
  const meter = new PaceMeter();
  const watch = new StallWatch();
  let wasStalled = false;
  const startedAt = performance.now();
  let lastLine = startedAt;
  let latest = { phase: "", since: 0, isReported: false };
  const poll = () => {
    const now = performance.now();
    const snapshot = progress.snapshot();
    const pace = meter.observe(snapshot, now);
    const { phase } = snapshot;
    if (phase !== latest.phase) latest = { phase, since: now, isReported: false };
    const stall = watch.observe(snapshot, now);
    // At once, but not more often than other lines where it comes and goes.
    const isNewStall = stall !== undefined && !wasStalled && now - lastLine >= STALL_LINE_MS;
    if (stall === undefined || isNewStall) wasStalled = stall !== undefined;
    const isDue = isNewStall || (!latest.isReported && now - latest.since >= LASTING_MS);
    const everyMs = now - startedAt <= OFTEN_MS ? LINE_EVERY_MS : LATER_EVERY_MS;
    if (!isDue && now - lastLine < everyMs) return;
    latest.isReported = true;
    lastLine = now;
    const line = stall === undefined ? progressLine(snapshot, pace) : stalledLine(snapshot, stall);
    const facts = { ...progressFacts(snapshot, pace), ...(stall !== undefined && { stall }) };
    writeLine(line, "info", { progress: facts });
  };
  const timer = setInterval(poll, POLL_MS);
  return { say: writeLine, close: () => clearInterval(timer) };
}
