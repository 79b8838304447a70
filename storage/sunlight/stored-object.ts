/** The objects of a log between their bytes and what Sunlight stores of them. */

import { CHECKPOINT_PATH } from "../../lib/tlog/layout.ts";
import { markerIn } from "../shared/claim-text.ts";
import { COMPRESSED } from "./layout.ts";
import { decodeStrictly, encode } from "./strict-gzip.ts";

/** @param gzip from the source, which is used as it is if it is gzip of exactly these bytes. */
export function storedBytes(path: string, bytes: Uint8Array, gzip?: Uint8Array): Uint8Array {
  return COMPRESSED.test(path) ? encode(bytes, gzip) : bytes;
}

/** An object of a copy; nothing in place of one that is not as it is to be stored, and none where a claim is. */
export function decoded(
  path: string,
  stored: Uint8Array | undefined,
  maxBytes: number,
): Uint8Array | undefined {
  if (stored === undefined) return undefined;
  if (COMPRESSED.test(path)) return decodeStrictly(stored, maxBytes) ?? new Uint8Array(0);
  // Until the handover there is a claim in its place.
  const isClaim = path === CHECKPOINT_PATH && markerIn(Buffer.from(stored).toString()) !== undefined;
  return isClaim ? undefined : stored;
}
