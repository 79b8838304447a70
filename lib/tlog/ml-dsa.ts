/** ML-DSA-44 (FIPS 204), and what a cosignature by it signs (https://c2sp.org/tlog-cosignature). */

import { createRequire } from "node:module";
import type { Checkpoint } from "./checkpoint.ts";

export const ML_DSA_44 = { publicKeyBytes: 1312, signatureBytes: 2420 } as const;

/** Whether a name or an origin fits into the message, which counts its bytes in one. */
export function isMessageString(text: string): boolean {
  const { length } = Buffer.from(text);
  return length > 0 && length <= 255;
}

/**
 * The message of a cosignature of a whole tree. It contains no extension lines.
 * @param seconds time of signing, in seconds since the Unix epoch; 0 where the cosigner does not say it.
 */
export function cosignedMessage(
  cosigner: string,
  seconds: bigint,
  { origin, size, rootHash }: Pick<Checkpoint, "origin" | "size" | "rootHash">,
): Buffer {
  const start = 0n;
  const parts = ["subtree/v1\n\0", lengthAndText(cosigner), uint64(seconds), lengthAndText(origin)];
  return Buffer.concat([
    ...parts.map((part) => Buffer.from(part)),
    uint64(start),
    uint64(BigInt(size)),
    rootHash,
  ]);
}

/** Verifies by a public key of 1312 bytes; a signature has 2420. */
export function mlDsa44Verifier(
  publicKey: Uint8Array,
): (message: Uint8Array, signature: Uint8Array) => boolean {
  // Loaded for a key of this type only: that takes 70 ms. OpenSSL has it since 3.5, which Node 22 is built without.
  const { ml_dsa44 }: typeof import("@noble/post-quantum/ml-dsa.js") = createRequire(import.meta.url)(
    "@noble/post-quantum/ml-dsa.js",
  );
  return (message, signature) => ml_dsa44.verify(signature, message, publicKey);
}

function lengthAndText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
