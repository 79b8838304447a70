/** The keys of a generated log, made from its seed, and the checkpoint that they sign. */

import { createPrivateKey, hash, type KeyObject } from "node:crypto";
import type { LogFormat } from "../../lib/tlog/layout.ts";
import { formatHash } from "../../lib/tlog/merkle.ts";
import { newEd25519Signer, newRfc6962Signer, signNote } from "./sign.ts";

export interface LogKeys {
  /** What `--vkey` takes: an Ed25519 key named by the origin. */
  readonly vkey: string;
  /** The same key's private half, as log software takes it. */
  readonly privateKey: string;
  /** What `--public-key` takes (Static CT alone): base64 of the DER SubjectPublicKeyInfo of an ECDSA key. */
  readonly publicKey: string | undefined;
  /** A checkpoint signed by every key of the log. */
  signCheckpoint(size: number, rootHash: Uint8Array, extensions?: readonly string[]): Uint8Array;
}

/** A Static CT log has two keys, as a Sunlight log does: ECDSA P-256 for its tree heads, and Ed25519. */
export function logKeys(origin: string, seed: string, format: LogFormat): LogKeys {
  const note = newEd25519Signer(origin, keySeed(seed, "ed25519"));
  const treeHead =
    format === "static-ct" ? newRfc6962Signer(origin, p256Key(keySeed(seed, "p256"))) : undefined;
  return {
    vkey: note.vkey,
    privateKey: note.privateKey,
    publicKey: treeHead?.publicKey,
    signCheckpoint(size, rootHash, extensions = []) {
      const text = [origin, size, formatHash(rootHash), ...extensions].map((line) => `${line}\n`).join("");
      return signNote(text, treeHead === undefined ? [note] : [treeHead, note]);
    },
  };
}

function keySeed(seed: string, purpose: string): Buffer {
  return hash("sha256", `${purpose} key of ${seed}`, "buffer");
}

/** The ECDSA P-256 key of 32 bytes (RFC 5915 in RFC 5958, without the public key: OpenSSL derives it). */
function p256Key(scalar: Uint8Array): KeyObject {
  const header = Buffer.from("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420", "hex");
  return createPrivateKey({ key: Buffer.concat([header, scalar]), format: "der", type: "pkcs8" });
}
