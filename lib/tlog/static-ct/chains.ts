/**
 * The chains of Static CT entries: fingerprints (SHA-256 of DER) of the certificates above the logged one, its own
 * issuer first (https://c2sp.org/static-ct-api#log-entries). No leaf hash covers them.
 */

import { forEachEntry } from "../bundle.ts";
import type { EntrySpan } from "../entry.ts";

export const FINGERPRINT_SIZE = 32;

/** Where the entry type stands in an entry, after its timestamp. */
const ENTRY_TYPE_AT = 8;
const PRECERT_ENTRY = 1;

/**
 * Calls `visit` with the fingerprints of every chain of a data tile that differs from the chain before it: most
 * entries have one of a few. The fingerprints are a view, one after the other, and may be none.
 * @param position of the first entry in a row that has this chain.
 * @throws FormatError if the bytes are no data tile of `width` entries.
 */
export function forEachChain(
  bundle: Uint8Array,
  width: number,
  visit: (fingerprints: Uint8Array, position: number) => void,
): void {
  let [start, end] = [0, 0];
  forEachEntry("static-ct", bundle, width, (span, position) => {
    const from = chainStart(bundle, span);
    if (position > 0 && equalRanges(bundle, start, end, from, span.entryEnd)) return;
    [start, end] = [from, span.entryEnd];
    visit(bundle.subarray(start, end), position);
  });
}

/** Where the fingerprints of an entry begin; they go on to its end. */
function chainStart(bundle: Uint8Array, { leafStart, leafEnd }: Readonly<EntrySpan>): number {
  const type =
    ((bundle[leafStart + ENTRY_TYPE_AT] as number) << 8) | (bundle[leafStart + ENTRY_TYPE_AT + 1] as number);
  if (type !== PRECERT_ENTRY) return leafEnd + 2;
  const [high, middle, low] = [bundle[leafEnd], bundle[leafEnd + 1], bundle[leafEnd + 2]] as [
    number,
    number,
    number,
  ];
  return leafEnd + 3 + ((high << 16) | (middle << 8) | low) + 2;
}

function equalRanges(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false;
  for (let i = 0; i < aEnd - a; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
