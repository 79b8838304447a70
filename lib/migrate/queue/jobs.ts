/** The jobs of a copy: runs of full level-1 tiles, as numbers that whoever can write to the queue may have chosen. */

import { randomUUID } from "node:crypto";
import { attempt } from "../../tlog/errors.ts";
import { excerpt } from "../../tlog/note.ts";
import { RefusedJobError, type TileRun } from "../ports/work-queue.ts";
import type { CopySession } from "../session.ts";

/** Changed when jobs mean something else: workers refuse those of another version. */
export const JOB_VERSION = 1;

/** Most tiles of a job, 16.8 million entries: a forged job keeps a worker no longer than that. */
export const MAX_RUN = 256;

/** Where a copy that divides its work names its queue: a worker takes jobs for the target that it has opened alone. */
const ID_PATH = ".state/tlog-migrate-queue.json";
const ID_FIELD = "tlog-migrate-queue";

/** A job for tiles that the tree does not have, but a larger one may. */
export class BeyondAimError extends RefusedJobError {}

export function queueName(id: string): string {
  return `tlog-migrate-${id}`;
}

/** The id of the queue for a target, undefined if its copy does not divide its work. */
export async function readQueueId({ writer }: CopySession): Promise<string | undefined> {
  const bytes = await writer().read(ID_PATH, 1024);
  const id = bytes && attempt(() => Object(JSON.parse(Buffer.from(bytes).toString()))[ID_FIELD] as unknown);
  return typeof id === "string" && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
}

/** The same, which is made and stored where there is none: durable when it resolves. */
export async function ensureQueueId(session: CopySession): Promise<string> {
  const found = await readQueueId(session);
  if (found !== undefined) return found;
  const id = randomUUID();
  const batch = session.writer().batch();
  await batch.put(ID_PATH, Buffer.from(`${JSON.stringify({ [ID_FIELD]: id })}\n`));
  await batch.commit();
  return id;
}

/** There is no more work to give out. */
export async function removeQueueId({ target }: CopySession): Promise<void> {
  await target.remove(ID_PATH);
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
