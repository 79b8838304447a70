/** The jobs of a copy: runs of full level-1 tiles, as numbers that whoever can write to the queue may have chosen. */

import { excerpt } from "../../tlog/note.ts";
import { RefusedJobError, type TileRun } from "../ports/work-queue.ts";

/** Changed when jobs mean something else: workers refuse those of another version. */
export const JOB_VERSION = 1;

/** Most tiles of a job, 16.8 million entries: a forged job keeps a worker no longer than that. */
export const MAX_RUN = 256;

/** A job for tiles that the tree does not have, but a larger one may. */
export class BeyondAimError extends RefusedJobError {}

export function queueName(id: string): string {
  return `tlog-migrate-${id}`;
}

/**
 * Reads a job.
 * @param tiles the number of full level-1 tiles of the tree that is copied.
 * @throws RefusedJobError unless it is one of this version, for tiles that there are; BeyondAimError if there may be later.
 */
export function parseJob(job: unknown, tiles: number): TileRun {
  const { version, first, end } = Object(job) as Record<string, unknown>;
  if (version !== JOB_VERSION) {
    throw new RefusedJobError(
      `is of version ${shown(version)}, and this program does those of version ${JOB_VERSION}: use one version of tlog-migrate on all machines`,
    );
  }
  const isRun = isIndex(first) && isIndex(end) && first < end && end - first <= MAX_RUN;
  if (isRun && end <= tiles) return { first, end };
  const expected = `at most ${MAX_RUN} of the log's ${tiles} full level-1 tiles`;
  const problem = `is for the tiles ${shown(first)} to ${shown(end)}, not for ${expected}`;
  throw isRun ? new BeyondAimError(problem) : new RefusedJobError(problem);
}

/** The indexes of a run. */
export function tilesOfRun({ first, end }: TileRun): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function shown(value: unknown): string {
  return excerpt(JSON.stringify(value) ?? "undefined");
}
