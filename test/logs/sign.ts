/**
 * Signs the checkpoints of generated logs, for benchmarks and tests. The tool itself never signs anything: no
 * file under `cmd`, `lib` or `storage` may import this one.
 */

import { createPrivateKey, createPublicKey, hash, type KeyObject, sign } from "node:crypto";
import { parseCheckpointText, treeHeadBytes } from "../../lib/tlog/checkpoint.ts";
import type { SignatureType } from "../../lib/tlog/note.ts";
import { keyIdOf, TYPE_BYTE } from "../../lib/tlog/vkey.ts";

export interface NoteSigner {
  /** What `--vkey` takes to verify the signatures. */
  readonly vkey: string;
  /** The line that a note with this text gets from the key, with its newline. */
  signatureLine(text: string): string;
  sign(text: string): Uint8Array;
}

export interface Ed25519Signer extends NoteSigner {
  /** The private key as Go's note package, and so log software, takes it. */
  readonly privateKey: string;
}

export interface Rfc6962Signer extends NoteSigner {
  /** What `--public-key` takes: base64 of the DER SubjectPublicKeyInfo. */
  readonly publicKey: string;
}

/** Signs the text with Ed25519 (type 0x01). The same 32-byte seed gives the same key and the same signatures. */
export function newEd25519Signer(name: string, seed: Uint8Array): Ed25519Signer {
  const privateKey = createPrivateKey({ key: ed25519Pkcs8(seed), format: "der", type: "pkcs8" });
  const publicKey = spkiOf(privateKey).subarray(-32);
  const keyId = keyIdOf(name, "Ed25519", publicKey);
  const signText = (text: string) => sign(null, Buffer.from(text), privateKey);
  const [idHex, keyBytes] = [keyId.toString(16).padStart(8, "0"), Buffer.concat([Buffer.of(1), seed])];
  const written = `PRIVATE+KEY+${name}+${idHex}+${keyBytes.toString("base64")}`;
  return { ...newSigner(name, "Ed25519", keyId, publicKey, signText), privateKey: written };
}

/** Cosigns the text as a witness does (type 0x04). @param clock gives seconds since the Unix epoch. */
export function newCosigner(
  name: string,
  seed: Uint8Array,
  clock: () => number = () => 1_700_000_000,
): NoteSigner {
  const privateKey = createPrivateKey({ key: ed25519Pkcs8(seed), format: "der", type: "pkcs8" });
  const publicKey = spkiOf(privateKey).subarray(-32);
  const keyId = keyIdOf(name, "cosignature/v1", publicKey);
  return newSigner(name, "cosignature/v1", keyId, publicKey, (text) => {
    const timestamp = Buffer.alloc(8);
    timestamp.writeBigUInt64BE(BigInt(clock()));
    const message = Buffer.from(`cosignature/v1\ntime ${clock()}\n${text}`);
    return Buffer.concat([timestamp, sign(null, message, privateKey)]);
  });
}

/**
 * Signs the tree head of a checkpoint as a Static CT log does (type 0x05). ECDSA signatures differ from one call
 * to the next.
 *
 * @param privateKey an ECDSA or RSA key.
 * @param clock gives the time of signing, in milliseconds since the Unix epoch.
 */
export function newRfc6962Signer(
  origin: string,
  privateKey: KeyObject,
  clock: () => number = Date.now,
): Rfc6962Signer {
  const type = "RFC 6962 tree head";
  const spki = spkiOf(privateKey);
  const keyId = keyIdOf(origin, type, hash("sha256", spki, "buffer"));
  const signer = newSigner(origin, type, keyId, spki, (text) => {
    const timestamp = BigInt(clock());
    return digitallySigned(privateKey, timestamp, treeHeadBytes(parseCheckpointText(text), timestamp));
  });
  return { ...signer, publicKey: spki.toString("base64") };
}

export function signNote(text: string, signers: readonly NoteSigner[]): Uint8Array {
  return new TextEncoder().encode(`${text}\n${signers.map((signer) => signer.signatureLine(text)).join("")}`);
}

/** A signer whose signatures are what `signText` returns. */
export function newSigner(
  name: string,
  type: SignatureType,
  keyId: number,
  publicKey: Uint8Array,
  signText: (text: string) => Uint8Array,
): NoteSigner {
  const keyIdBytes = Buffer.alloc(4);
  keyIdBytes.writeUInt32BE(keyId);
  const signer: NoteSigner = {
    vkey: `${name}+${keyIdBytes.toString("hex")}+${base64(Buffer.of(TYPE_BYTE[type]), publicKey)}`,
    signatureLine: (text) => `— ${name} ${base64(keyIdBytes, signText(text))}\n`,
    sign: (text) => signNote(text, [signer]),
  };
  return signer;
}

/** RFC6962NoteSignature of c2sp.org/static-ct-api: the timestamp, then a DigitallySigned of RFC 5246 §4.7. */
function digitallySigned(privateKey: KeyObject, timestamp: bigint, treeHead: Uint8Array): Uint8Array {
  const SHA256 = 4;
  const signatureByte = privateKey.asymmetricKeyType === "rsa" ? 1 : 3;
  const signature = sign("sha256", treeHead, privateKey);
  const header = Buffer.alloc(12);
  header.writeBigUInt64BE(timestamp, 0);
  header.writeUInt8(SHA256, 8);
  header.writeUInt8(signatureByte, 9);
  header.writeUInt16BE(signature.length, 10);
  return Buffer.concat([header, signature]);
}

/** RFC 8410 §7: everything before the 32 bytes of the key is the same for every Ed25519 key. */
function ed25519Pkcs8(seed: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
}

function spkiOf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: "der", type: "spki" });
}

function base64(...parts: Uint8Array[]): string {
  return Buffer.concat(parts).toString("base64");
}
