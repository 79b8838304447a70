/** Logs in the old serverless layout, made from logs of tlog-tiles. */

import { forEachEntry } from "../../../lib/tlog/bundle.ts";
import { FULL_WIDTH, parseResourcePath } from "../../../lib/tlog/layout.ts";
import { HASH_SIZE, hashAt, nodeHash } from "../../../lib/tlog/merkle.ts";
import { entryPath, tilePathOf } from "../../../storage/serverless/layout.ts";
import type { TestLog } from "./generated-log.ts";

/** Every object of a log in the old layout, by its path. */
export function inOldLayout({ objects }: Pick<TestLog, "objects">): Map<string, Buffer> {
  return new Map([...objects].flatMap(([path, bytes]) => [...oldObjects(path, bytes)]));
}

/** What an object of tlog-tiles is in the old layout: its entries are objects each. */
export function* oldObjects(path: string, bytes: Uint8Array): Generator<[path: string, bytes: Buffer]> {
  const resource = parseResourcePath(path);
  if (resource === undefined) yield [path, Buffer.from(bytes)];
  else if (resource.kind === "tile") yield [tilePathOf(resource.tile), tileText(bytes)];
  else {
    const entries: Buffer[] = [];
    forEachEntry("tiles", bytes, resource.bundle.width, ({ leafStart, leafEnd }) => {
      entries.push(Buffer.from(bytes.subarray(leafStart, leafEnd)));
    });
    const first = resource.bundle.index * FULL_WIDTH;
    for (const [position, entry] of entries.entries()) yield [entryPath(first + position), entry];
  }
}

/** A tile as the old layout writes it: each complete node of its eight levels between those below it. */
export function tileText(hashes: Uint8Array): Buffer {
  const width = Math.ceil(hashes.length / HASH_SIZE);
  const nodes: string[] = Array(Math.max(0, 2 * width - 1)).fill("");
  let level = Array.from({ length: width }, (_, i) => hashAt(hashes, i));
  for (let height = 0; height < 8; height++) {
    for (const [i, node] of level.entries()) {
      nodes[2 ** (height + 1) * i + 2 ** height - 1] = Buffer.from(node).toString("base64");
    }
    const pairs = Math.floor(level.length / 2);
    level = Array.from({ length: pairs }, (_, i) =>
      nodeHash(level[2 * i] as Uint8Array, level[2 * i + 1] as Uint8Array),
    );
  }
  return Buffer.from(["32", width, ...nodes, ""].join("\n"));
}
