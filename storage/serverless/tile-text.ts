/**
 * Tiles of the old serverless layout (api/state.go of github.com/transparency-dev/serverless-log), a text: the size of a
 * hash, how many hashes of the tile's lowest level it has, then its nodes in base64, each between the nodes below it. A
 * node that is not complete yet is an empty line.
 */

import { FormatError } from "../../lib/tlog/errors.ts";
import { FULL_WIDTH } from "../../lib/tlog/layout.ts";
import { HASH_SIZE } from "../../lib/tlog/merkle.ts";
import { decodeBase64, excerpt } from "../../lib/tlog/note.ts";

const NODES = 2 * FULL_WIDTH - 1;

/** Of a full tile: two lines, and one of 44 characters for each node. */
export const MAX_TILE_BYTES = "32\n256\n".length + NODES * 45;

/**
 * The first `width` hashes of the lowest level, which is all that a tile of tlog-tiles has. The nodes above follow from
 * them and are not looked at.
 * @throws FormatError if it is not such a tile, or is another than the full one or the one of this width.
 */
export function hashesOfTile(bytes: Uint8Array, width: number): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const [hashSize = "", count = "", ...nodes] = text.split("\n");
  if (nodes.at(-1) === "") nodes.pop();
  if (hashSize !== String(HASH_SIZE)) throw notATile("32, the size of a hash, in its first line", hashSize);
  if (!/^[1-9]\d{0,2}$/.test(count) || Number(count) > FULL_WIDTH) {
    throw notATile("a number of hashes up to 256 in its second line", count);
  }
  if (nodes.length !== 2 * Number(count) - 1) {
    throw notATile(`${2 * Number(count) - 1} nodes for ${count} hashes`, `${nodes.length}`);
  }
  // What a partial tile is linked to has all of them.
  if (Number(count) !== width && Number(count) !== FULL_WIDTH) {
    throw new FormatError("has another number of hashes than its path says", String(width), count);
  }
  const hashes = Buffer.allocUnsafe(Number(count) * HASH_SIZE);
  for (let i = 0; i < Number(count); i++) {
    const node = nodes[2 * i] as string;
    const hash = decodeBase64(node);
    if (hash?.length !== HASH_SIZE) throw notATile(`a hash in base64 in line ${2 * i + 3}`, node);
    hashes.set(hash, i * HASH_SIZE);
  }
  return hashes.subarray(0, width * HASH_SIZE);
}

function notATile(expected: string, found: string): FormatError {
  return new FormatError("is not a tile of the serverless layout", expected, excerpt(found) || "nothing");
}
