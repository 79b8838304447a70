/** Common to the runs of all commands: progress, metrics, signals. */

import { oneLine, Progress } from "../lib/index.ts";
import { EXIT, endOf, exitCodeOf } from "./exit.ts";
import { Interrupt } from "./interrupt.ts";
import type { LogOptions } from "./options/log.ts";
import { writeLine } from "./output.ts";
import { openDisplay } from "./progress/display.ts";

/** What the work needs. */
export interface RunTools {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Shows the operator a sentence, unless --quiet. */
  readonly notice: (sentence: string) => void;
}

/** The work of a command, and its output. */
export interface RunParts<Report> {
  readonly work: (tools: RunTools) => Promise<Report>;
  /** Prints the report; throws if it means failure. */
  readonly print: (report: Report) => Promise<void>;
  /** Shown at the first signal: what a second run of the command does. */
  readonly afterStop: string;
}

/** Does the work and prints its report. @throws what the work threw, or an Interruption. */
export async function runWithTools<Report>(options: LogOptions, parts: RunParts<Report>): Promise<void> {
  const progress = new Progress();
  const file = await openMetricsFile(options, progress);
  let exitCode: number = EXIT.done;
  try {
    await runShown(options, parts, progress);
  } catch (error) {
    exitCode = exitCodeOf(error);
    throw error;
  } finally {
    await file?.finish(exitCode).catch((error: Error) => writeLine(oneLine(error.message)));
  }
}

async function runShown<Report>(
  options: LogOptions,
  { work, print, afterStop }: RunParts<Report>,
  progress: Progress,
): Promise<void> {
  const server = await openMetricsServer(options, progress);
  const display = openDisplay(progress, options.quiet === true);
  const notice = (sentence: string): void => {
    if (options.quiet !== true) display.say(oneLine(sentence));
  };
  const interrupt = new Interrupt(() => {
    display.close();
    writeLine(`stopping, another signal ends it at once; ${afterStop}`);
  });
  try {
    if (server !== undefined) notice(`metrics at ${server.url}`);
    const report = await work({ progress, signal: interrupt.signal, notice });
    display.close();
    await print(report);
  } catch (error) {
    throw endOf(error, interrupt.signal);
  } finally {
    display.close();
    interrupt.dispose();
    server?.close();
  }
}

// prom-client takes about as long to load as Node takes to start: loaded only for metrics.

async function openMetricsFile({ metricsFile }: LogOptions, progress: Progress) {
  if (metricsFile === undefined) return undefined;
  const { MetricsFile } = await import("./metrics/file.ts");
  return await MetricsFile.open(metricsFile, progress);
}

async function openMetricsServer({ metrics }: LogOptions, progress: Progress) {
  if (metrics === undefined) return undefined;
  const { serveMetrics } = await import("./metrics/server.ts");
  return await serveMetrics(progress, metrics);
}
