/** The frames of zstd (RFC 8878 section 3.1), as far as it takes to see where they end. */

const FRAME_MAGIC = 0xfd2fb528;
/** Of frames to skip; the last four bits are theirs. */
const SKIPPABLE_MAGIC = 0x184d2a50;

const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];

/**
 * Whether bytes begin with frames of zstd that are whole. Node 22's decoder returns what it has where one is cut off.
 * Bytes behind them are not examined, nor is what is in them.
 */
export function areWholeFrames(bytes: Buffer): boolean {
  let end = endOfFrame(bytes, 0);
  if (end === undefined || end === 0) return false;
  for (let next = endOfFrame(bytes, end); next !== end; next = endOfFrame(bytes, end)) {
    if (next === undefined) return false;
    end = next;
  }
  return true;
}

/** Where a frame ends; `start` if there is none, undefined if it is cut off. */
function endOfFrame(bytes: Buffer, start: number): number | undefined {
  if (start + 4 > bytes.length) return start;
  const magic = bytes.readUInt32LE(start);
  if ((magic & ~0xf) >>> 0 === SKIPPABLE_MAGIC) {
    return start + 8 > bytes.length ? undefined : within(bytes, start + 8 + bytes.readUInt32LE(start + 4));
  }
  if (magic !== FRAME_MAGIC) return start;
  const descriptor = bytes[start + 4];
  if (descriptor === undefined) return undefined;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSize =
    descriptor >> 6 === 0 && isSingleSegment ? 1 : (CONTENT_SIZE_BYTES[descriptor >> 6] ?? 0);
  let at = start + 5 + (isSingleSegment ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0) + contentSize;
  for (let isLast = false; !isLast; ) {
    if (at + 3 > bytes.length) return undefined;
    const header = bytes.readUIntLE(at, 3);
    isLast = (header & 1) === 1;
    // A block of one byte that is repeated (type 1) has that byte alone.
    at += 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3);
  }
  const checksum = (descriptor & 4) === 0 ? 0 : 4;
  return within(bytes, at + checksum);
}

function within(bytes: Buffer, end: number): number | undefined {
  return end > bytes.length ? undefined : end;
}
