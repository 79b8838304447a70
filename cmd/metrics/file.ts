/**
 * `--metrics-file`: the run's metrics for node_exporter's textfile collector, which outlive the run. They do not
 * include those of the process: node_exporter has metrics of the same names itself.
 */

import { rename, rm, writeFile } from "node:fs/promises";
import { OperationError, type Progress } from "../../lib/index.ts";
import { systemErrorWords } from "../output.ts";
import { RunMetrics } from "./metrics.ts";

const WRITE_EVERY_MS = 5_000;

export class MetricsFile {
  readonly #path: string;
  readonly #metrics: RunMetrics;
  readonly #timer: NodeJS.Timeout;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, metrics: RunMetrics) {
    this.#path = path;
    this.#metrics = metrics;
    // A failure that lasts, such as a full disk, is reported by the last write.
    this.#timer = setInterval(() => void this.#write().catch(() => {}), WRITE_EVERY_MS);
    this.#timer.unref();
  }

  /** Writes the file for the first time, then every few seconds. @throws OperationError if it cannot. */
  static async open(path: string, progress: Progress): Promise<MetricsFile> {
    const metrics = new RunMetrics(progress);
    await replaceFile(path, await metrics.text());
    return new MetricsFile(path, metrics);
  }

  /** Writes it for the last time. @throws OperationError if it cannot. */
  async finish(exitCode: number): Promise<void> {
    clearInterval(this.#timer);
    this.#metrics.ended(exitCode);
    await this.#write();
  }

  /** One write at a time: all of them use one temporary name. */
  #write(): Promise<void> {
    const written = this.#writing
      .catch(() => {})
      .then(async () => await replaceFile(this.#path, await this.#metrics.text()));
    this.#writing = written;
    return written;
  }
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
