/**
 * The document of a log that is handed over to Sunlight: stored before anything else of the handover, so that one that
 * is broken off is finished, or taken back, with the same checkpoint and the same lock.
 */

import { parseCheckpointText } from "../../lib/tlog/checkpoint.ts";
import { attempt } from "../../lib/tlog/errors.ts";
import { parseNote } from "../../lib/tlog/note.ts";

export const HANDOVER_PATH = ".state/tlog-migrate.json";

const FIELD = "tlog-migrate-sunlight";
const VERSION = 1;

export interface Handover {
  /** The name of the lock that has the log's row; null if the row is the operator's to add. */
  readonly lock: string | null;
  /** Hexadecimal. */
  readonly logId: string;
  /** Which is handed over, and is in the row. */
  readonly checkpoint: string;
  /** Of the migration. */
  readonly record: string;
}

/** In a bucket that is claimed: it keeps copies for other log software out. */
export const CLAIMED = format({
  note: "A log of Sunlight is being copied here: name it gzip+s3:// to tlog-migrate. Do not delete this object.",
});

export function formatHandover(handover: Handover): string {
  const note =
    "This log is handed over to Sunlight: name it gzip+s3:// or gzip+file:// to tlog-migrate, which reads this.";
  return format({ note, ...handover });
}

/** Undefined if it is something else. */
export function parseHandover(text: string): Handover | "claimed" | undefined {
  const { [FIELD]: version, lock, logId, checkpoint, record } = fieldsOf(text);
  if (version !== VERSION) return undefined;
  if (lock === undefined) return "claimed";
  if (lock !== null && typeof lock !== "string") return undefined;
  if (typeof logId !== "string" || !/^[0-9a-f]{64}$/.test(logId)) return undefined;
  if (typeof checkpoint !== "string" || typeof record !== "string") return undefined;
  const opened = attempt(() => parseCheckpointText(parseNote(Buffer.from(checkpoint)).text));
  if (opened === undefined) return undefined;
  return { lock, logId, checkpoint, record };
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function format(fields: object): string {
  return `${JSON.stringify({ [FIELD]: VERSION, ...fields })}\n`;
}
