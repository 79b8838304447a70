/** Selects the signatures of a checkpoint that a migration stores. Anybody can add signature lines, up to a megabyte. */

import { type CheckpointPolicy, policyKeys } from "./checkpoint.ts";
import { type NoteSignature, parseNote, signatureLine } from "./note.ts";

/** Bounds on the signatures of keys that the policy does not name: those of witnesses, which it may name later. */
const MAX_OTHERS = 16;
const MAX_OTHER_BYTES = 16_384;

/**
 * A signed checkpoint that satisfied a policy, with fewer signatures: those of the policy's keys, which all verified,
 * then others within bounds, those in the log's own name first. It still satisfies the policy.
 */
export function keptNote(noteBytes: Uint8Array, policy: CheckpointPolicy): string {
  const { text, signatures } = parseNote(noteBytes);
  const verifiers = policyKeys(policy);
  const origin = text.slice(0, text.indexOf("\n"));
  const isNamed = (signature: NoteSignature): boolean =>
    verifiers.some(({ name, keyId }) => name === signature.name && keyId === signature.keyId);
  const kept = new Set(signatures.filter(isNamed));
  const others = signatures.filter((signature) => !kept.has(signature));
  const byOrigin = Object.groupBy(others, ({ name }) => (name === origin ? "own" : "foreign"));
  let [count, bytes] = [MAX_OTHERS, MAX_OTHER_BYTES];
  for (const signature of [...(byOrigin.own ?? []), ...(byOrigin.foreign ?? [])]) {
    const length = Buffer.byteLength(signatureLine(signature));
    if (count === 0 || length > bytes) continue;
    count--;
    bytes -= length;
    kept.add(signature);
  }
  // A note has at least one.
  const all = kept.size > 0 ? signatures.filter((signature) => kept.has(signature)) : [shortest(signatures)];
  return `${text}\n${all.map(signatureLine).join("")}`;
}

function shortest(signatures: readonly NoteSignature[]): NoteSignature {
  return signatures.reduce((a, b) => (signatureLine(b).length < signatureLine(a).length ? b : a));
}
