/** Which of two checkpoints of one log readers should have. */

import type { OpenedCheckpoint } from "./checkpoint.ts";
import { type KeyIdentity, parseNote, type SignedNote } from "./note.ts";

/** A checkpoint that was opened, and its signed bytes. */
export interface OpenedNote extends OpenedCheckpoint {
  readonly note: Uint8Array;
}

/**
 * Whether a checkpoint may take the place of another one of the same log. It may if its tree is larger. Of the same
 * tree, which logs sign again and witnesses cosign later, it may if it says something new, and nobody who has signed the
 * other has not signed it, or has signed it earlier, as far as signatures carry times.
 */
export function supersedes(now: OpenedNote, before: OpenedNote): boolean {
  if (now.size !== before.size) return now.size > before.size;
  const [noteNow, noteBefore] = [parseNote(now.note), parseNote(before.note)];
  const isSigned = (key: KeyIdentity) => noteNow.signatures.some((other) => isSameKey(key, other));
  return (
    noteBefore.signatures.every(isSigned) &&
    before.signatures.every(
      ({ verifier, timestampMs = 0 }) => timestampMs <= timeOf(now, verifier, timestampMs),
    ) &&
    linesOf(noteNow) !== linesOf(noteBefore)
  );
}

/** When a key has signed; `otherwise` where its signature is not among those that were verified, or has no time. */
function timeOf({ signatures }: OpenedNote, key: KeyIdentity, otherwise: number): number {
  return signatures.find(({ verifier }) => isSameKey(verifier, key))?.timestampMs ?? otherwise;
}

function isSameKey(a: KeyIdentity, b: KeyIdentity): boolean {
  return a.name === b.name && a.keyId === b.keyId;
}

/** The text and the signatures, in whatever order they were. */
function linesOf({ text, signatures }: SignedNote): string {
  const lines = signatures.map(
    ({ name, keyId, signature }) => `${name} ${keyId} ${Buffer.from(signature).toString("base64")}`,
  );
  return [text, ...lines.toSorted()].join("\n");
}
