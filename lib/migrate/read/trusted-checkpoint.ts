/** Checkpoints that satisfied the operator's policy. */

import { VerificationError } from "../../errors.ts";
import { type CheckpointPolicy, type OpenedCheckpoint, openCheckpoint } from "../../tlog/checkpoint.ts";
import { FormatError } from "../../tlog/errors.ts";
import { CHECKPOINT_PATH } from "../../tlog/layout.ts";
import type { ReadHints } from "../ports/source.ts";
import type { ReadContext } from "./context.ts";
import { readAuthentic } from "./retry.ts";

/** A checkpoint and the signed bytes that it was read from. */
export interface TrustedCheckpoint extends OpenedCheckpoint {
  readonly note: Uint8Array;
}

/**
 * Opens a signed checkpoint.
 * @param location where the bytes came from, for messages.
 * @throws VerificationError if it is malformed, of another log, or does not satisfy the policy.
 */
export function openTrusted(note: Uint8Array, policy: CheckpointPolicy, location: string): TrustedCheckpoint {
  try {
    return { ...openCheckpoint(note, policy), note };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { message: problem, expected, found } = error;
    const advice = "Check the URL, --origin and the keys; nothing was written";
    throw new VerificationError({ object: location, problem, expected, found, advice }, { cause: error });
  }
}

/** Reads the source's present checkpoint. */
export async function readTrustedCheckpoint(
  context: ReadContext,
  policy: CheckpointPolicy,
): Promise<TrustedCheckpoint> {
  const read = (hints: ReadHints) => context.source.checkpoint(hints);
  const note = await readAuthentic(context, CHECKPOINT_PATH, read, (bytes) => bytes);
  return openTrusted(note, policy, context.source.locate(CHECKPOINT_PATH));
}
