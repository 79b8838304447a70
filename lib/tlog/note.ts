/** Signed notes (https://c2sp.org/signed-note): a text, a blank line, and signatures of the text, as checkpoints are. */

import { FormatError, oneLine } from "./errors.ts";
import { formatCount } from "./quantities.ts";

/**
 * The name and number by which a signature names its key. Anybody can write them, or make a key that has them: they
 * only select the verifier, and only a verification by the configured key proves anything.
 */
export interface KeyIdentity {
  readonly name: string;
  /** The four-byte key id, read as an unsigned big-endian number. */
  readonly keyId: number;
}

export interface NoteSignature extends KeyIdentity {
  /** The signature itself, without the key id before it. */
  readonly signature: Uint8Array;
}

export interface SignedNote {
  /** What is signed: everything before the blank line. Its UTF-8 encoding is byte for byte what was read. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** 0x01, 0x02, 0x04, 0x05 and 0x06 of c2sp.org/signed-note, in this order. */
export type SignatureType = "Ed25519" | "ECDSA" | "cosignature/v1" | "RFC 6962 tree head" | "ML-DSA-44";

/** The result of a verification; some signature types carry the time of signing, in milliseconds since the Unix epoch. */
export type Verdict =
  | { readonly valid: true; readonly timestampMs?: number }
  | { readonly valid: false; readonly problem: string };

/** One configured public key. */
export interface Verifier extends KeyIdentity {
  readonly type: SignatureType;
  /** Of the key of an RFC 6962 log: its log ID, the SHA-256 of the key (RFC 6962 §3.2). */
  readonly logId?: Uint8Array;
  /** The public key's bytes as a vkey has them, without their type: keys of two names or types may be the same one. */
  readonly publicKey?: Uint8Array;

  /**
   * Whether this key made `signature` for a note with this text.
   * @throws FormatError where the signature type covers only texts of a certain form, and this is not one.
   */
  verify(text: string, signature: Uint8Array): Verdict;
}

export interface VerifiedSignature {
  readonly verifier: Verifier;
  readonly timestampMs?: number;
}

/** A well-formed note that lacks a required signature, or has one that does not verify. */
export class SignatureError extends FormatError {
  override readonly name = "SignatureError";
}

/** A hundred signatures, even the largest (post-quantum) ones, are well below it. */
const MAX_NOTE_BYTES = 1_000_000;

/** The specification asks for at least 16; golang.org/x/mod/sumdb/note stops here too. */
const MAX_SIGNATURES = 100;

const KEY_ID_BYTES = 4;

/** Parses a note. The text is not trusted until `verifyNote` has passed. @throws FormatError */
export function parseNote(bytes: Uint8Array): SignedNote {
  const note = decodeNote(bytes);
  // The text may hold blank lines of its own: the last one divides.
  const blankLine = note.lastIndexOf("\n\n");
  if (blankLine < 0) throw new FormatError("has no blank line between a text and its signatures");
  return {
    text: note.slice(0, blankLine + 1),
    signatures: parseSignatureLines(note.slice(blankLine + 2)),
  };
}

/**
 * Verifies every signature of the note that names one of the verifiers, and returns one for each verifier that
 * signed, at least one. Signatures of other keys are ignored, as the specification demands. Two verifiers with the
 * same name and key id must both accept the signature, so that a second key made to collide with a first one cannot
 * replace it.
 * @throws SignatureError if a signature by a given key does not verify, or if no given key has signed.
 * @throws FormatError if the text does not have the form that a signature type needs.
 */
export function verifyNote(note: SignedNote, verifiers: readonly Verifier[]): VerifiedSignature[] {
  const verified = new Map<Verifier, VerifiedSignature>();
  for (const { name, keyId, signature } of note.signatures) {
    for (const verifier of verifiers) {
      if (verifier.name !== name || verifier.keyId !== keyId) continue;
      // A key may have signed twice. Each signature must verify, or a forged one could hide behind a good one.
      verified.set(verifier, verifySignature(note.text, signature, verifier));
    }
  }
  if (verified.size > 0) return [...verified.values()];
  const problem = "is not signed by any key that was given";
  throw new SignatureError(problem, keyList(verifiers), keyList(note.signatures));
}

/** A signature as the line that it was read from, with its newline. */
export function signatureLine({ name, keyId, signature }: NoteSignature): string {
  const id = Buffer.alloc(KEY_ID_BYTES);
  id.writeUInt32BE(keyId);
  return `— ${name} ${Buffer.concat([id, signature]).toString("base64")}\n`;
}

/** Whether a name is allowed in a signature line and in a vkey: not empty, no Unicode space, no plus. */
export function isKeyName(name: string): boolean {
  return name !== "" && name.isWellFormed() && !/[\p{White_Space}+]/u.test(name);
}

/** A key as it is written at the beginning of a vkey: `sum.golang.org+033de0ae`. */
export function keyLabel({ name, keyId }: KeyIdentity): string {
  return `${excerpt(name)}+${keyId.toString(16).padStart(8, "0")}`;
}

/** The first few keys of a list, for a message. */
export function keyList(keys: readonly KeyIdentity[]): string {
  if (keys.length === 0) return "no key";
  const more = keys.length > 5 ? `, ${keys.length - 5} more` : "";
  return keys.slice(0, 5).map(keyLabel).join(", ") + more;
}

/** A text from elsewhere as it is shown in a message: one line, and not a long one. */
export function excerpt(text: string): string {
  return oneLine(text.length <= 120 ? text : `${text.slice(0, 120)}…`);
}

/**
 * Decodes standard base64 with padding (RFC 4648 §4). Undefined for anything but the one canonical encoding, so
 * that no two texts encode the same bytes.
 */
export function decodeBase64(encoded: string): Uint8Array | undefined {
  const decoded = Buffer.from(encoded, "base64");
  // Node's decoder skips invalid characters; encoding again shows whether it did.
  return decoded.toString("base64") === encoded ? new Uint8Array(decoded) : undefined;
}

function decodeNote(bytes: Uint8Array): string {
  if (bytes.length > MAX_NOTE_BYTES) {
    throw new FormatError(
      "is too large for a signed note",
      `≤ ${formatCount(MAX_NOTE_BYTES)} bytes`,
      formatCount(bytes.length),
    );
  }
  const note = decodeUtf8(bytes);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the check is for these.
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) {
    throw new FormatError("has a control character other than newline, which no signed note has");
  }
  return note;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    // Without ignoreBOM the decoder drops a leading byte order mark: signed bytes would change unseen.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FormatError("is not UTF-8, as a signed note must be");
  }
}

function parseSignatureLines(block: string): NoteSignature[] {
  if (!block.endsWith("\n")) throw new FormatError("does not end in signature lines, each with its newline");
  const lines = block.slice(0, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) {
    throw new FormatError("has too many signatures", `≤ ${MAX_SIGNATURES}`, `${lines.length}`);
  }
  return lines.map(parseSignatureLine);
}

function parseSignatureLine(line: string): NoteSignature {
  const [dash, name, encoded, ...rest] = line.split(" ");
  const body = encoded === undefined ? undefined : decodeBase64(encoded);
  if (dash !== "—" || name === undefined || !isKeyName(name) || body === undefined || rest.length > 0) {
    throw new FormatError("has a malformed signature line", "— <key name> <base64>", excerpt(line));
  }
  if (body.length <= KEY_ID_BYTES) {
    throw new FormatError("has a signature too short to hold more than a key id", undefined, excerpt(line));
  }
  return { name, keyId: new DataView(body.buffer).getUint32(0), signature: body.subarray(KEY_ID_BYTES) };
}

function verifySignature(text: string, signature: Uint8Array, verifier: Verifier): VerifiedSignature {
  const verdict = verifier.verify(text, signature);
  if (verdict.valid) {
    const { valid, ...time } = verdict;
    return { verifier, ...time };
  }
  const by = `${keyLabel(verifier)} (${verifier.type})`;
  throw new SignatureError(`has a signature by ${by} that does not verify: ${verdict.problem}`);
}
