/** A copy of a log with a larger size: partial objects of the smaller tree are the first parts of its objects. */

import { cutBundle } from "../../tlog/bundle.ts";
import { parseCheckpointText } from "../../tlog/checkpoint.ts";
import { CHECKPOINT_PATH, FULL_WIDTH, tileWidth } from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";
import { parseNote } from "../../tlog/note.ts";
import type { LogSource } from "../ports/source.ts";
import { readAuthentic } from "../read/authentic.ts";
import type { ReadContext } from "../read/context.ts";
import { readPartial } from "../read/partial-object.ts";
import { faultOf } from "./findings.ts";

/**
 * The size that a copy claims to have, 0 if it claims none. It only decides which objects are requested, and these are
 * authenticated, so it need not be signed.
 * @throws OperationError if the copy cannot be reached.
 */
export async function statedSize(context: ReadContext): Promise<number> {
  const read = () => context.source.checkpoint({ signal: context.signal });
  try {
    return await readAuthentic(
      { ...context, firstContact: true },
      CHECKPOINT_PATH,
      read,
      (note) => parseCheckpointText(parseNote(note).text).size,
    );
  } catch (error) {
    faultOf(error);
    return 0;
  }
}

/** A source in which partial objects are also cut from those of a log of `size` entries. */
export function cutFromSize(source: LogSource, size: number): LogSource {
  /** How wide the object at an index is there, if that is wider than asked and no full one, which is looked for anyway. */
  const widerThan = (width: number, level: number, index: number): number | undefined => {
    const wider = tileWidth(size, level, index);
    return width < wider && wider < FULL_WIDTH ? wider : undefined;
  };
  return {
    location: source.location,
    format: source.format,
    locate: (path) => source.locate(path),
    explain: (path, bytes) => source.explain(path, bytes),
    close: () => source.close(),
    checkpoint: (hints) => source.checkpoint(hints),
    issuer: (fingerprint, hints) => source.issuer(fingerprint, hints),
    openTree: (head, read, recovery) => source.openTree(head, read, recovery),
    async tile(tile, hints) {
      const width = widerThan(tile.width, tile.level, tile.index);
      const partial = () => source.tile(tile, hints);
      if (width === undefined) return await partial();
      const full = async () => {
        const hashes = await source.tile({ ...tile, width }, { ...hints, fromFull: false });
        return hashes?.subarray(0, tile.width * HASH_SIZE);
      };
      return await readPartial({ partial, full, canBe: () => true }, false);
    },
    async entryBundle(bundle, hints) {
      const width = widerThan(bundle.width, 0, bundle.index);
      const partial = () => source.entryBundle(bundle, hints);
      if (width === undefined) return await partial();
      const full = async () => {
        const bytes = await source.entryBundle({ ...bundle, width }, { ...hints, fromFull: false });
        return bytes && cutBundle(source.format, bytes, bundle.width);
      };
      return await readPartial({ partial, full, canBe: () => true }, false);
    },
  };
}
