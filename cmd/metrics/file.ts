/**
 * `--metrics-file`: the run's metrics for node_exporter's textfile collector, which outlive the run. They do not
 * include those of the process: node_exporter has metrics of the same names itself.
 */

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import pLimit from "p-limit";
import { OperationError, type Progress, systemErrorWords } from "../../lib/index.ts";
import { RunMetrics, type RunName } from "./metrics.ts";

const WRITE_EVERY_MS = 5_000;

/** A temporary file that is older was left by a run that was killed. */
const ABANDONED_MS = 3_600_000;

export interface MetricsFile {
  /** Writes it for the last time. @throws OperationError if it cannot. */
  finish(exitCode: number): Promise<void>;
}

/** Writes the file for the first time, then every few seconds. @throws OperationError if it cannot. */
export async function openMetricsFile(path: string, progress: Progress, run: RunName): Promise<MetricsFile> {
  const metrics = new RunMetrics(progress, run);
  await removeAbandoned(path).catch(() => {});
  // A later text must not be replaced by an earlier one.
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

/**
 * A reader sees the old text or the new one, never a part. Nothing but a regular file is replaced, and nothing is
 * written through a link: the directory may be one that others write to.
 */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(12).toString("hex")}.tmp`;
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  try {
    await requireRegular(path);
    const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o644);
    try {
      await file.writeFile(text).finally(() => file.close());
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  } catch (error) {
    const problem = `cannot be written (${systemErrorWords(error)})`;
    const advice = "Name a file in a directory that exists and may be written";
    throw new OperationError({ object: `--metrics-file ${path}`, problem, advice }, { cause: error });
  }
}

/** What a file of metrics replaces is a file: not a device, a FIFO, a socket, a directory, or a link to anything. */
async function requireRegular(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined || found.isFile()) return;
  throw new Error(found.isSymbolicLink() ? "it is a symbolic link" : "it is not a regular file");
}

/** Removes what runs that were killed while they wrote have left. */
async function removeAbandoned(path: string): Promise<void> {
  const name = basename(path);
  for (const found of await readdir(dirname(path))) {
    if (!found.startsWith(`${name}.`) || !/^\.[0-9a-f]{24}\.tmp$/.test(found.slice(name.length))) continue;
    const left = join(dirname(path), found);
    const stat = await lstat(left);
    if (stat.isFile() && Date.now() - stat.mtimeMs > ABANDONED_MS) await rm(left);
  }
}
