/**
 * Checkpoints: signed notes that state how large a log is and what its root hash is
 * (https://c2sp.org/tlog-checkpoint and, for Static CT, https://c2sp.org/static-ct-api).
 */

import { shellWord } from "../errors.ts";
import { FormatError } from "./errors.ts";
import { EMPTY_ROOT, equalBytes, formatHash, HASH_SIZE } from "./merkle.ts";
import {
  decodeBase64,
  excerpt,
  type KeyIdentity,
  keyList,
  parseNote,
  SignatureError,
  type SignedNote,
  type VerifiedSignature,
  type Verifier,
  verifyNote,
} from "./note.ts";
import { isWitnessed, missingWitnesses, namesOf, quorumWords, type TrustPolicy } from "./quorum.ts";

export interface Checkpoint {
  /** The name of the log: the first line. */
  readonly origin: string;
  /** Number of entries, at most 2^53−1. */
  readonly size: number;
  /** Root of the RFC 6962 Merkle tree over these entries, 32 bytes. */
  readonly rootHash: Uint8Array;
  /** Further lines without their newlines; their meaning is up to the log and its users. */
  readonly extensions: readonly string[];
}

/** A checkpoint that satisfied a policy. */
export interface OpenedCheckpoint extends Checkpoint {
  /** One for each verifier of the policy; empty where the policy asked for none. */
  readonly signatures: readonly VerifiedSignature[];
  /** Those of them that are the log's own. */
  readonly own: readonly VerifiedSignature[];
}

/** The required signatures. */
export interface KeyPolicy {
  readonly verifiers: readonly Verifier[];
  readonly trustPolicy?: TrustPolicy | undefined;
  readonly origin?: string | undefined;
}

/**
 * What makes a checkpoint trusted: every verifier must have signed it, and the trust policy (if there is one) must be
 * satisfied. One key must be the log's own: of the policy's logs, or if it names none, of the verifiers. Its name must be
 * the origin unless `origin` is given. `origin`, if given, must be exactly the checkpoint's (see `staticCtOrigin`).
 */
export type CheckpointPolicy =
  | KeyPolicy
  | { readonly insecureNoSignature: true; readonly origin?: string | undefined };

/**
 * Reads a signed checkpoint and checks it against a policy.
 * @throws SignatureError if a key of the policy has not signed or its signature does not verify, if none of them is the
 *   log's own, or if too few witnesses have cosigned.
 * @throws FormatError if the bytes are not a checkpoint, or are one of another origin.
 */
export function openCheckpoint(noteBytes: Uint8Array, policy: CheckpointPolicy): OpenedCheckpoint {
  const note = parseNote(noteBytes);
  const { verifiers, trustPolicy, isWaived } = rulesOf(policy);
  const signatures = isWaived ? [] : verifyNote(note, policyKeys(policy));
  requireEvery(verifiers, signatures, note);
  const checkpoint = parseCheckpointText(note.text);
  if (policy.origin !== undefined && policy.origin !== checkpoint.origin) {
    const expected = `origin ${excerpt(policy.origin)}`;
    throw new FormatError("is the checkpoint of another log", expected, excerpt(checkpoint.origin));
  }
  if (isWaived) return { ...checkpoint, signatures, own: [] };
  const own = ownSignatures(checkpoint.origin, policy, signatures);
  requireQuorum(trustPolicy, signatures);
  return { ...checkpoint, signatures, own };
}

/** A checkpoint of the log that too few witnesses have cosigned: they may do so later. */
export class QuorumError extends SignatureError {}

interface Rules {
  readonly verifiers: readonly Verifier[];
  readonly trustPolicy: TrustPolicy | undefined;
  /** Whether no signature is needed. */
  readonly isWaived: boolean;
}

/** What a policy says, of which a program may have left parts out: whatever names a key never goes unverified. */
function rulesOf(policy: CheckpointPolicy): Rules {
  const { verifiers, trustPolicy, insecureNoSignature } = policy as Partial<
    KeyPolicy & { readonly insecureNoSignature: boolean }
  >;
  const isWaived = insecureNoSignature === true && verifiers === undefined && trustPolicy === undefined;
  return { verifiers: verifiers ?? [], trustPolicy, isWaived };
}

/** The keys whose signatures a policy checks; none if it requires no signature. */
export function policyKeys(policy: CheckpointPolicy): readonly Verifier[] {
  const { verifiers, trustPolicy } = rulesOf(policy);
  const cosigners = trustPolicy?.witnesses.map(({ verifier }) => verifier) ?? [];
  return [...verifiers, ...(trustPolicy?.logs ?? []), ...cosigners];
}

/**
 * A policy without the keys of logs that have not signed, and without a quorum: for checkpoints that were trusted before
 * these were required. The policy itself if none of its keys has signed.
 */
export function policyOfSigners(policy: CheckpointPolicy, signers: readonly KeyIdentity[]): CheckpointPolicy {
  const { verifiers, trustPolicy } = rulesOf(policy);
  const hasSigned = ({ name, keyId }: Verifier): boolean =>
    signers.some((signer) => signer.name === name && signer.keyId === keyId);
  const signed = verifiers.filter(hasSigned);
  const logs = trustPolicy?.logs.filter(hasSigned) ?? [];
  if (signed.length + logs.length === 0) return policy;
  const witnesses: TrustPolicy["witnesses"] = [];
  return { origin: policy.origin, verifiers: signed, trustPolicy: { logs, witnesses, quorum: undefined } };
}

/** The log ID of RFC 6962, where a key that has signed in the log's name has one. */
export function logIdOf({ own }: Pick<OpenedCheckpoint, "own">): Uint8Array | undefined {
  return own.find(({ verifier }) => verifier.logId !== undefined)?.verifier.logId;
}

/** The extension line of a log that takes no more entries, as rekor-tiles' freeze-checkpoint writes it: with a date. */
const FREEZE_LINE = /^Log frozen — /;

/** The signed line with which the log declares that its writer is stopped; undefined if there is none. */
export function freezeLine({ extensions, own }: OpenedCheckpoint): string | undefined {
  return own.some(coversExtensions) ? extensions.find((line) => FREEZE_LINE.test(line)) : undefined;
}

/** Whether a signature covers extension lines: an RFC 6962 tree head has none, and a witness does not check them. */
export function coversExtensions({ verifier: { type } }: VerifiedSignature): boolean {
  return type === "Ed25519" || type === "ECDSA";
}

/** Parses the text of a checkpoint, which is what its signatures cover. @throws FormatError */
export function parseCheckpointText(text: string): Checkpoint {
  if (!text.endsWith("\n")) throw new FormatError("has a checkpoint text that does not end in a newline");
  const [origin, size, root, ...extensions] = text.slice(0, -1).split("\n");
  if (origin === undefined || size === undefined || root === undefined) {
    throw new FormatError("has fewer lines than a checkpoint (origin, size, root hash)");
  }
  if (origin === "" || extensions.includes("")) {
    throw new FormatError("has an empty line in its checkpoint text");
  }
  const checkpoint = { origin, size: parseSize(size), rootHash: parseRootHash(root), extensions };
  if (checkpoint.size === 0 && !equalBytes(checkpoint.rootHash, EMPTY_ROOT)) {
    throw new FormatError("has a root hash that is not an empty tree's", formatHash(EMPTY_ROOT), root);
  }
  return checkpoint;
}

/**
 * What an RFC 6962 log signs in place of the text: a TreeHeadSignature (RFC 6962 §3.5). It contains neither the
 * origin nor extension lines.
 * @param timestampMs time of signing, in milliseconds since the Unix epoch.
 */
export function treeHeadBytes({ size, rootHash }: Checkpoint, timestampMs: bigint): Uint8Array {
  const head = Buffer.alloc(18 + HASH_SIZE);
  const [version1, treeHash] = [0, 1];
  head.set([version1, treeHash]);
  head.writeBigUInt64BE(timestampMs, 2);
  head.writeBigUInt64BE(BigInt(size), 10);
  head.set(rootHash, 18);
  return head;
}

/**
 * The origin of a Static CT log: its submission prefix without scheme and trailing slashes, which is also the
 * name of its key (c2sp.org/static-ct-api, Checkpoints). An origin is returned as it is.
 */
export function staticCtOrigin(submissionPrefix: string): string {
  const schemeless = submissionPrefix.replace(/^https?:\/\//i, "");
  // The lookbehind keeps this linear: lists may come from anywhere, with millions of slashes.
  return schemeless.replace(/(?<!\/)\/+$/, "");
}

function requireEvery(
  verifiers: readonly Verifier[],
  signatures: readonly VerifiedSignature[],
  note: SignedNote,
): void {
  const missing = verifiers.filter((verifier) => signatures.every((by) => by.verifier !== verifier));
  if (missing.length === 0) return;
  const problem = "is not signed by every key that was given";
  throw new SignatureError(problem, keyList(missing), keyList(note.signatures));
}

function requireQuorum(policy: TrustPolicy | undefined, signatures: readonly VerifiedSignature[]): void {
  const cosigners = new Set(signatures.map(({ verifier }) => verifier));
  if (policy?.quorum === undefined || isWitnessed(policy.quorum, cosigners)) return;
  const missing = missingWitnesses(policy.quorum, cosigners);
  const present = policy.witnesses.filter(({ verifier }) => cosigners.has(verifier));
  const verb = missing.length === 1 ? "has" : "have";
  throw new QuorumError(
    `lacks the quorum of witnesses that the policy asks for: ${namesOf(missing)} ${verb} not cosigned it`,
    quorumWords(policy.quorum),
    present.length === 0 ? "no witness" : namesOf(present),
    "Wait until the log has their cosignatures, or ask its operator",
  );
}

/**
 * A witness cosigns every log that it follows, so a cosignature alone does not identify the log. A key with the origin's
 * name does. Where there is none, the keys of the one log that is meant do, if its origin was given.
 */
function ownSignatures(
  origin: string,
  policy: CheckpointPolicy,
  signatures: readonly VerifiedSignature[],
): readonly VerifiedSignature[] {
  const { verifiers, trustPolicy } = rulesOf(policy);
  const listed = trustPolicy?.logs ?? [];
  const logs = (listed.length > 0 ? listed : verifiers).filter(({ type }) => type !== "cosignature/v1");
  const byLogs = signatures.filter(({ verifier }) => logs.includes(verifier));
  const named = byLogs.filter(({ verifier }) => verifier.name === origin);
  if (named.length > 0) return named;
  // The verifiers have all signed. Of the logs that are listed any may have, and none may pass for another.
  const isOfOneLog = listed.length === 0 || new Set(listed.map(({ name }) => name)).size === 1;
  if (policy.origin !== undefined && isOfOneLog && byLogs.length > 0) return byLogs;
  throw new SignatureError(
    "is signed by the keys that were given, but none of them is its log's own",
    `a key with the name of the origin, ${excerpt(origin)}`,
    keyList(signatures.map(({ verifier }) => verifier)),
    // What no log's key has signed is not suggested.
    isOfOneLog && byLogs.length > 0
      ? `If that is the log that you mean, pass --origin ${shellWord(origin)} with the key`
      : "Pass the log's own key too",
  );
}

function parseSize(line: string): number {
  if (!/^(0|[1-9][0-9]*)$/.test(line)) {
    throw new FormatError("has a tree size that is not a decimal number", undefined, excerpt(line));
  }
  const size = Number(line);
  if (!Number.isSafeInteger(size)) {
    throw new FormatError("has a tree size beyond what this tool can count", "≤ 2^53−1", excerpt(line));
  }
  return size;
}

function parseRootHash(line: string): Uint8Array {
  const rootHash = decodeBase64(line);
  if (rootHash?.length !== HASH_SIZE) {
    throw new FormatError("has a root hash that is not the base64 of 32 bytes", undefined, excerpt(line));
  }
  return rootHash;
}
