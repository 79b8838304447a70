/** Reading the entries of a bundle, each an object of its own, within the memory that the bundle may take. */

import type { ReadHints } from "../../lib/migrate/ports/source.ts";
import { MAX_ENTRY_BYTES } from "../../lib/tlog/bundle.ts";
import { untilAborted } from "../shared/abort-watch.ts";

/** In a bundle, each entry is behind its length in two bytes. */
const LENGTH_BYTES = 2;

/** Entries are held twice when they are put together. */
const COPIES = 2;

/**
 * Reads `count` entries and puts them together as an entry bundle (https://c2sp.org/tlog-tiles#log-entries).
 *
 * Memory is reserved before an entry is asked for, as much as it may have: a request that waited for memory under way
 * would keep a connection from another bundle, whose memory it waits for.
 * @param concurrency entries under way at once.
 * @param read one entry, of at most MAX_ENTRY_BYTES; undefined if there is none.
 * @returns the bundle; undefined if an entry is missing.
 * @throws the first failure, once nothing is under way any more.
 */
export async function readEntries(
  count: number,
  concurrency: number,
  read: (position: number) => Promise<Uint8Array | undefined>,
  { reservation, signal }: ReadHints,
): Promise<Uint8Array | undefined> {
  const entries: Uint8Array[] = [];
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let isMissing = false;
  let size = 0;
  const start = (position: number): void => {
    const reading = read(position)
      .then((entry) => {
        isMissing ||= entry === undefined;
        if (entry === undefined) return;
        entries[position] = entry;
        size += LENGTH_BYTES + entry.length;
      })
      .catch((error: unknown) => void failures.push(error))
      .finally(() => underWay.delete(reading));
    underWay.add(reading);
  };
  try {
    for (let position = 0; position < count && !isMissing && failures.length === 0; position++) {
      while (underWay.size >= concurrency) await Promise.race(underWay);
      signal?.throwIfAborted();
      const most = size + (underWay.size + 1) * (LENGTH_BYTES + MAX_ENTRY_BYTES);
      const leave = reservation?.atLeast(COPIES * most);
      if (leave !== undefined) await untilAborted(leave, signal);
      start(position);
    }
  } finally {
    await Promise.all(underWay);
  }
  if (failures.length > 0) throw failures[0];
  return isMissing
    ? undefined
    : joined(entries, reservation?.allocate?.(size) ?? Buffer.allocUnsafeSlow(size));
}

function joined(entries: readonly Uint8Array[], bundle: Buffer): Buffer {
  let at = 0;
  for (const entry of entries) {
    at = bundle.writeUInt16BE(entry.length, at);
    bundle.set(entry, at);
    at += entry.length;
  }
  return bundle;
}
