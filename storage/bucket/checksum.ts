/** The checksum that object stores compare with an object's bytes when they are uploaded. */

import { once } from "../shared/memoize.ts";

// Only where it is needed: it is an addon, and every thread of a copy into a directory would load it.
const crc32 = once(() => import("@node-rs/crc32"));

/** CRC-32C, big-endian, in base64. */
export async function checksumOf(bytes: Uint8Array): Promise<string> {
  const { crc32c } = await crc32();
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32c(bytes));
  return checksum.toString("base64");
}
