/**
 * `--metrics-file`: the run's metrics for node_exporter's textfile collector, which outlive the run. They do not
 * include those of the process: node_exporter has metrics of the same names itself.
 */

import { rename, rm, writeFile } from "node:fs/promises";
import pLimit from "p-limit";
import { OperationError, type Progress } from "../../lib/index.ts";
import { systemErrorWords } from "../output.ts";
import { RunMetrics } from "./metrics.ts";

const WRITE_EVERY_MS = 5_000;

export interface MetricsFile {
  /** Writes it for the last time. @throws OperationError if it cannot. */
  finish(exitCode: number): Promise<void>;
}

/** Writes the file for the first time, then every few seconds. @throws OperationError if it cannot. */
export async function openMetricsFile(path: string, progress: Progress): Promise<MetricsFile> {
  const metrics = new RunMetrics(progress);
  // All writes use one temporary name.
  const oneAtATime = pLimit(1);
  const write = () => oneAtATime(async () => replaceFile(path, await metrics.text()));
  await write();
  // A failure that lasts, such as a full disk, is reported by the last write.
  const timer = setInterval(() => write().catch(() => {}), WRITE_EVERY_MS).unref();
  return {
    finish(exitCode) {
      clearInterval(timer);
      metrics.ended(exitCode);
      return write();
    },
  };
}

/** A reader sees the old text or the new one, never a part. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    const problem = `cannot be written (${systemErrorWords(error)})`;
    const advice = "Name a file in a directory that exists and may be written";
    throw new OperationError({ object: `--metrics-file ${path}`, problem, advice }, { cause: error });
  }
}
