/** Common to the runs of all commands: progress, metrics, signals. */

import { resolve } from "node:path";
import { isatty } from "node:tty";
import { stripVTControlCharacters } from "node:util";
import {
  formatCount,
  type LogWorkOptions,
  type Notice,
  oneLine,
  Progress,
  type Retry,
  shownAddress,
} from "../lib/index.ts";
import { endOf, endProcess, errorDocument, errorText, exitCodeOf, Interruption, messageOf } from "./exit.ts";
import type { RunName } from "./metrics/metrics.ts";
import type { LogOptions } from "./options/log.ts";
import { jsonLine, writeLine, writeResult } from "./output.ts";
import { openDisplay } from "./progress/display.ts";
import { reportFailure } from "./report/failure.ts";
import { countOf } from "./report/quantities.ts";
import { outputWidth } from "./report/text-layout.ts";

export interface RunParts<Report> {
  /** For the labels of metrics. */
  readonly command: string;
  /** Of a copy: where it reads, a URL or a path. */
  readonly source?: string;
  /** The target of a copy, the log of a verification: a URL or a path. */
  readonly place: string;
  /** Of a copy that follows its source: it is ready while it is behind for no longer, in seconds. */
  readonly maxLag?: number;
  readonly work: (tools: Pick<LogWorkOptions, "progress" | "signal" | "notice">) => Promise<Report>;
  /** The report as a text of so many columns. */
  readonly summary: (report: Report, width: number) => string;
  /** Throws if the report, once it is printed, means failure. */
  readonly requireSuccess?: (report: Report) => void;
  /** Shown at the first signal: what a second run of the command does. */
  readonly afterStop: string;
}

/** Does the work and prints its report. @throws what the work threw, or an Interruption. */
export async function runWithTools<Report extends object>(
  options: LogOptions,
  parts: RunParts<Report>,
): Promise<void> {
  const progress = new Progress();
  const file = await openMetricsFile(options, progress, runName(parts));
  let exitCode = 0;
  try {
    await runShown(options, parts, progress);
  } catch (error) {
    exitCode = exitCodeOf(error);
    throw error;
  } finally {
    await file?.finish(exitCode).catch((error: Error) => writeLine(oneLine(error.message)));
  }
}

async function runShown<Report extends object>(
  options: LogOptions,
  parts: RunParts<Report>,
  progress: Progress,
): Promise<void> {
  const { work, summary, requireSuccess, afterStop } = parts;
  const watched = await openPage(options, progress, parts);
  const display = openDisplay(progress, options.quiet === true);
  const notice: Notice = (sentence, level = "info") => {
    watched?.status.notice(sentence, level);
    if (level === "warning") display.say(oneLine(sentence), "warn");
    else if (options.quiet !== true) display.say(oneLine(sentence), "info");
  };
  if (options.verbose) progress.onRetry = (retry) => display.say(retryLine(retry), "debug", { retry });
  const signals = watchSignals((lastWords) => {
    display.close();
    if (lastWords !== undefined) writeLine(lastWords, "warn");
  }, afterStop);
  try {
    if (watched !== undefined && options.quiet !== true)
      display.say(`watch this run at ${watched.url}`, "info");
    const report = await work({ progress, signal: signals.signal, notice });
    display.close();
    const failure = failureOf(() => requireSuccess?.(report));
    const asJson = () => jsonLine({ ...report, ...errorDocument(failure) });
    await writeResult(options.json ? asJson() : summary(report, outputWidth()));
    if (failure !== undefined) throw failure;
    watched?.status.ended({ exitCode: 0, text: firstLine(summary(report, Number.POSITIVE_INFINITY)) });
  } catch (error) {
    const end = endOf(error, signals.signal);
    if (end instanceof Interruption && ["copy", "follow", "worker"].includes(parts.command)) {
      end.inPlace = inPlaceWords(progress);
      if (end.inPlace !== undefined) writeLine(end.inPlace, "warn");
    }
    watched?.status.ended({ exitCode: exitCodeOf(end), text: errorText(end, false) ?? messageOf(end) });
    throw end;
  } finally {
    display.close();
    signals.ignore();
    await watched?.close();
  }
}

function firstLine(text: string): string {
  return stripVTControlCharacters(text).split("\n", 1)[0] ?? "";
}

function retryLine({ object, reason, delayMs }: Retry): string {
  return oneLine(`${object}: ${reason}; tried again ${soonWords(delayMs)}`);
}

function soonWords(milliseconds: number): string {
  return milliseconds < 50 ? "at once" : `in ${(milliseconds / 1000).toFixed(1)} s`;
}

function inPlaceWords({ inPlace: { entries, size } }: Progress): string | undefined {
  if (size === 0) return undefined;
  return `${formatCount(entries)} of ${countOf(size, "entry", "entries")} ${size === 1 ? "is" : "are"} in place`;
}

function failureOf(check: () => void): unknown {
  try {
    check();
  } catch (error) {
    return error;
  }
}

/** How long a run that was interrupted may take to stop: more than workers and locks are given. */
const STOP_MS = 10_000;

/** Before the first signal is acted on: a second that came with it would be lost, taken from the kernel and not reported. */
const TOGETHER_MS = 50;

/**
 * SIGINT, SIGTERM, and the SIGHUP of a terminal: the first aborts the work, after a call of `restore`, which gives the
 * terminal back; the next ends the process, or time does. SIGQUIT ends it at once.
 */
function watchSignals(restore: (lastWords?: string) => void, afterStop: string) {
  const controller = new AbortController();
  let isFirst = true;
  const receive = (name: NodeJS.Signals): void => {
    const interruption = new Interruption(name, afterStop);
    if (name === "SIGQUIT" || !isFirst) {
      restore();
      endProcess(interruption);
    }
    isFirst = false;
    restore(`stopping, another signal ends it at once; ${afterStop}`);
    setTimeout(() => {
      // From now on the kernel ends the process, even if a file operation holds it up.
      if (process.pid !== 1) ignore();
      controller.abort(interruption);
    }, TOGETHER_MS);
    setTimeout(() => {
      writeLine(`did not stop within ${STOP_MS / 1000} s, and is ended; ${afterStop}`, "warn");
      reportFailure(interruption);
      endProcess(interruption);
    }, STOP_MS);
  };
  // Without a terminal it is not meant for this process, or it would be ignored: Node undoes what nohup does.
  const hasTerminal = [0, 1, 2].some((fd) => isatty(fd));
  if (!hasTerminal) process.on("SIGHUP", () => {});
  const names = ["SIGINT", "SIGTERM", "SIGQUIT", ...(hasTerminal ? (["SIGHUP"] as const) : [])] as const;
  const ignore = (): void => names.forEach((name) => void process.off(name, receive));
  for (const name of names) process.on(name, receive);
  return { signal: controller.signal, ignore };
}

// prom-client takes about as long to load as Node takes to start: loaded only for metrics.

async function openMetricsFile({ metricsFile: path }: LogOptions, progress: Progress, run: RunName) {
  if (path === undefined) return undefined;
  return await (await import("./metrics/file.ts")).openMetricsFile(path, progress, run);
}

async function openPage(
  { http: at }: LogOptions,
  progress: Progress,
  { command, place, source, maxLag }: Omit<RunParts<never>, "work" | "summary" | "requireSuccess">,
) {
  if (at === undefined) return undefined;
  const { openRunPage } = await import("./page/page.ts");
  const of = { command, source: source && shownPlace(source), target: shownPlace(place), maxLag };
  return await openRunPage(at, progress, of);
}

/** Names differ for runs from several working directories. */
function runName({ command, place }: Pick<RunParts<never>, "command" | "place">): RunName {
  return { command, place: shownPlace(place) };
}

function shownPlace(place: string): string {
  return place.includes("://") ? shownAddress(place) : resolve(place);
}
