/** Copies the level-0 tile of a bundle that a pruned log lacks, if the log still has that tile. */

import { VerificationError } from "../../errors.ts";
import { bundlePath, FULL_WIDTH, tilePath } from "../../tlog/layout.ts";
import { equalBytes, foldTile, HASH_SIZE } from "../../tlog/merkle.ts";
import type { TargetBatch, TargetWriter } from "../ports/target.ts";
import { readAuthentic } from "../read/authentic.ts";
import type { ReadContext } from "../read/context.ts";
import { unlessPruned } from "../read/pruned.ts";
import { requireHash } from "../tree/tiled-tree.ts";
import type { ExpectedBundle } from "./expected-bundle.ts";

/** What is needed to copy a tile. */
export interface TileCopyWork {
  readonly context: ReadContext;
  readonly writer: TargetWriter;
  /** Look in the target before asking the source. */
  readonly resume: boolean;
}

const TILE_BYTES = FULL_WIDTH * HASH_SIZE;

/**
 * Copies the tile of a full bundle that the source lacks and the target does not have with the right bytes.
 * @throws VerificationError if the target has wrong bytes in place of a pruned object: nothing can replace them.
 */
export async function copyTileAlone(
  { context, writer, resume }: TileCopyWork,
  { coordinate, hash }: ExpectedBundle,
  batch: TargetBatch,
): Promise<void> {
  const { source, counters } = context;
  const expected = hash as Uint8Array;
  const inPlace = async (path: string) => (resume ? await writer.read(path, TILE_BYTES) : undefined);
  const bundle = bundlePath(source.format, coordinate);
  if ((await inPlace(bundle)) !== undefined) throw wrongInPlace(bundle);
  const path = tilePath({ level: 0, ...coordinate });
  const found = await inPlace(path);
  if (found?.length === TILE_BYTES && equalBytes(foldTile(found), expected)) {
    await batch.keep(path, found);
  } else {
    const read = source.tile.bind(source, { level: 0, ...coordinate });
    const reading = readAuthentic(context, path, read, (hashes) => {
      requireHash(foldTile(hashes), expected);
      return hashes;
    });
    const hashes = await unlessPruned(reading);
    if (found !== undefined && hashes === undefined) throw wrongInPlace(path);
    if (found !== undefined) counters.add("replacedObjects", 1);
    if (hashes !== undefined) {
      await batch.put(path, hashes);
      counters.add("bytesStored", hashes.length);
    }
  }
  counters.add("prunedEntries", coordinate.width);
}

function wrongInPlace(path: string): VerificationError {
  return new VerificationError({
    object: `${path} in the target`,
    problem: "is not what the tree commits to, and the pruned source has no object to replace it",
    advice: "Remove it, then run the same command again",
  });
}
