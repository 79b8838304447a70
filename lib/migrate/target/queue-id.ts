/** Where a copy that divides its work names its queue: a worker takes jobs for the target that it has opened alone. */

import { randomUUID } from "node:crypto";
import { attempt } from "../../tlog/errors.ts";
import type { CopySession } from "../session.ts";

const ID_PATH = ".state/tlog-migrate-queue.json";
const ID_FIELD = "tlog-migrate-queue";

/** The id of the queue for a target, undefined if its copy does not divide its work. */
export async function readQueueId({ writer }: Pick<CopySession, "writer">): Promise<string | undefined> {
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
