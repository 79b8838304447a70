/** Checkpoints that satisfy a policy: those of a source, and those stored in a target. */

import {
  type CheckpointPolicy,
  type OpenedCheckpoint,
  openCheckpoint,
  policyKeys,
} from "../../tlog/checkpoint.ts";
import { FormatError } from "../../tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../tlog/layout.ts";
import { parseNote, type Verifier } from "../../tlog/note.ts";
import { noteOfTreeHead } from "../../tlog/tree-head.ts";
import { type LogSource, type ReadHints, SourceError } from "../ports/source.ts";
import { faultIn, readAuthentic, UnsignedError } from "./authentic.ts";
import type { ReadContext } from "./context.ts";

/** A checkpoint and the signed bytes that it was read from. */
export interface TrustedCheckpoint extends OpenedCheckpoint {
  readonly note: Uint8Array;
}

/**
 * Opens a signed checkpoint that came from `location`.
 * @throws VerificationError if it is malformed, of another log, or does not satisfy the policy.
 */
export function openTrusted(note: Uint8Array, policy: CheckpointPolicy, location: string): TrustedCheckpoint {
  try {
    return { ...openCheckpoint(note, policy), note };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw faultIn(location, error, "Check the URL, --origin and the keys; nothing was written");
  }
}

/** Further requirements on the source's checkpoint. */
export interface CheckpointRules {
  /** A checkpoint that was just read, and is checked first. */
  readonly seen?: TrustedCheckpoint | undefined;
  /** Throws, or rejects, unless the checkpoint may be used; after a SourceError, it is read again. */
  readonly check?: (checkpoint: TrustedCheckpoint) => void | Promise<void>;
}

/**
 * Reads the source's current checkpoint. After the first contact, one that does not satisfy the policy is read again
 * like any other object: a proxy in between may have answered in place of the source.
 */
export async function readTrustedCheckpoint(
  context: ReadContext,
  policy: CheckpointPolicy,
  { seen, check }: CheckpointRules = {},
): Promise<TrustedCheckpoint> {
  let first = seen?.note;
  const read = async (hints: ReadHints): Promise<Uint8Array | undefined> => {
    const note = first ?? (await context.source.checkpoint(hints));
    first = undefined;
    return note ?? (await treeHeadNote(context.source, policy, hints));
  };
  return await readAuthentic(context, CHECKPOINT_PATH, read, async (note) => {
    requireNote(note);
    const checkpoint = { ...openCheckpoint(note, policy), note };
    await check?.(checkpoint);
    return checkpoint;
  });
}

/** @throws UnsignedError unless these bytes are a signed note. */
function requireNote(bytes: Uint8Array): void {
  try {
    parseNote(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UnsignedError(error.message, error.expected, error.found, error.advice);
  }
}

/**
 * The checkpoint of a Static CT log that has only RFC 6962's signed tree head. It must be signed by a key of the policy.
 * Any other answer at that address is ignored.
 */
async function treeHeadNote(
  source: LogSource,
  policy: CheckpointPolicy,
  hints: ReadHints,
): Promise<Uint8Array | undefined> {
  const isMeant = ({ name }: Verifier): boolean => policy.origin === undefined || name === policy.origin;
  const keys = policyKeys(policy).filter((key) => key.type === "RFC 6962 tree head" && isMeant(key));
  if (keys.length === 0) return undefined;
  try {
    const answer = await source.treeHead?.(hints);
    return answer && noteOfTreeHead(answer, keys);
  } catch (error) {
    if (error instanceof SourceError && !error.retryable) return undefined;
    throw error;
  }
}
