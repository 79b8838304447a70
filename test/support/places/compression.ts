/** Compressed bytes, for tests of what reads them: the same bytes are compressed once, which takes longest. */

import { hash } from "node:crypto";
import { deflateRawSync, gzipSync } from "node:zlib";

export const gzip = remembering(gzipSync);
export const deflate = remembering(deflateRawSync);

function remembering(compress: (bytes: Uint8Array) => Buffer): (bytes: Uint8Array) => Buffer {
  const known = new Map<string, Buffer>();
  return (bytes) => {
    const key = hash("sha256", bytes);
    const compressed = known.get(key) ?? compress(bytes);
    known.set(key, compressed);
    return Buffer.from(compressed);
  };
}
