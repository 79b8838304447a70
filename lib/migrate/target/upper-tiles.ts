/** Writes the tiles above the seals and the right edge, after every bundle is in the target. */

import { FULL_WIDTH, fullTileCount, levelCount, partialTile, tilePath } from "../../tlog/layout.ts";
import type { TargetWriter } from "../ports/target.ts";
import { type HashTree, requireEdge } from "../tree/hash-tree.ts";

/** Tiles that are made durable together. */
const TILES_A_BATCH = 64;

/** Writes the full tiles of level 2 and up, and the partial tiles of level 1 and up; all durable at the end. */
export async function writeUpperTiles(tree: HashTree, writer: TargetWriter): Promise<void> {
  let batch = writer.batch();
  let staged = 0;
  for await (const [path, hashes] of upperTiles(tree)) {
    await batch.put(path, hashes);
    if (++staged % TILES_A_BATCH === 0) {
      await batch.commit();
      batch = writer.batch();
    }
  }
  await batch.commit();
}

async function* upperTiles(tree: HashTree): AsyncGenerator<[path: string, hashes: Uint8Array]> {
  for (let level = 1; level < levelCount(tree.head.size); level++) {
    const full = level === 1 ? 0 : fullTileCount(tree.head.size, level);
    for (let index = 0; index < full; index++) {
      yield [tilePath({ level, index, width: FULL_WIDTH }), await tree.fullTile(level, index)];
    }
    const partial = partialTile(tree.head.size, level);
    if (partial !== undefined) yield [tilePath(partial), requireEdge(tree, level)];
  }
}
