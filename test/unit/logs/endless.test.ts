import { describe, expect, test } from "vitest";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { EndlessLog, isBulk, listBulk } from "../../logs/endless.ts";
import { generateLog } from "../../logs/generate.ts";
import { AppendedTree, naiveLeafHash, naiveNodeHash, naiveRoot } from "../../support/merkle-oracle.ts";

const ENTRY_SIZE = 20;

/** The entry that such a log has everywhere, from its own bundle. */
function entryOf(log: EndlessLog): Uint8Array {
  const bundle = log.object("tile/entries/000") ?? log.object("tile/entries/000.p/1");
  return (bundle as Uint8Array).subarray(2, 2 + ENTRY_SIZE);
}

/** Paths of all objects of a real log. */
function* pathsOf(size: number): Generator<{ path: string; bytes: Uint8Array }> {
  const steps = generateLog({ size, entrySize: ENTRY_SIZE });
  for (let step = steps.next(); step.done !== true; step = steps.next()) yield step.value;
}

describe("the tree of a log whose entries are all the same", () => {
  test.each([1, 255, 256, 257, 1000, 65_535, 65_536, 65_537])("%i entries, each of them hashed", (size) => {
    const log = new EndlessLog({ size, entrySize: ENTRY_SIZE });
    const bundle = log.object(size < 256 ? `tile/entries/000.p/${size}` : "tile/entries/000") as Uint8Array;
    const leafHash = naiveLeafHash(bundle.subarray(2, 2 + ENTRY_SIZE));
    expect(formatHash(log.rootHash)).toBe(
      formatHash(naiveRoot(Array.from({ length: size }, () => leafHash))),
    );
  });

  test.each([1_000_000, 16_777_216, 16_777_217, 1_000_000_000, 2 ** 40 + 12_345])(
    "%i entries, by perfect trees",
    (size) => {
      const log = new EndlessLog({ size, entrySize: ENTRY_SIZE });
      const perfect = [naiveLeafHash(entryOf(log))];
      const tree = new AppendedTree();
      for (let power = 1; power <= 45; power++) {
        const half = perfect[power - 1] as Uint8Array;
        perfect.push(naiveNodeHash(half, half));
      }
      for (let power = 45; power >= 0; power--) {
        if (Math.floor(size / 2 ** power) % 2 === 1)
          tree.appendPerfect(perfect[power] as Uint8Array, 2 ** power);
      }
      expect(tree.size).toBe(size);
      expect(formatHash(log.rootHash)).toBe(formatHash(tree.root()));
    },
  );

  test("the checkpoint says so", () => {
    const log = new EndlessLog({ size: 1_000_000, entrySize: ENTRY_SIZE });
    const text = Buffer.from(log.object("checkpoint") as Uint8Array).toString();
    expect(text.split("\n").slice(0, 3)).toEqual([log.origin, "1000000", formatHash(log.rootHash)]);
  });
});

describe("it has the objects that a real log of its size has", () => {
  test.each([1, 256, 300, 65_536, 66_000])("%i entries: each of them, as large as there", (size) => {
    const log = new EndlessLog({ size, entrySize: ENTRY_SIZE });
    for (const { path, bytes } of pathsOf(size)) {
      if (path !== "checkpoint") expect(log.object(path)?.length, path).toBe(bytes.length);
    }
  });

  test.each([
    ["a bundle beyond the right edge", "tile/entries/x001/000"],
    ["a level-0 tile beyond it", "tile/0/258"],
    ["the right edge as if it were full", "tile/entries/257"],
    ["a partial bundle that is narrower", "tile/entries/257.p/207"],
    ["a partial bundle that is wider", "tile/entries/257.p/209"],
    ["a partial tile of a full one", "tile/0/000.p/5"],
    ["a full tile of level 1 beyond the only one", "tile/1/001"],
    ["a level that it does not reach", "tile/3/000"],
    ["data tiles", "tile/data/000"],
    ["another path", "tile/entries/000/"],
    ["an index not in canonical form", "tile/0/x000/000"],
  ])("of 66,000 entries it lacks %s", (_name, path) => {
    expect(new EndlessLog({ size: 66_000, entrySize: ENTRY_SIZE }).object(path)).toBeUndefined();
  });

  test("an empty log has a checkpoint alone", () => {
    const log = new EndlessLog({ size: 0, entrySize: ENTRY_SIZE });
    expect(formatHash(log.rootHash)).toBe(formatHash(naiveRoot([])));
    expect(log.object("checkpoint")).toBeDefined();
    expect(log.object("tile/0/000")).toBeUndefined();
  });
});

test.each([0, 1, 256, 300, 66_000])("%i entries: the bulk is all bundles and full level-0 tiles", (size) => {
  const listed = [...listBulk(size)];
  const objects = [...pathsOf(size)].filter(({ path }) => isBulk(path));
  expect(listed.map(({ path }) => path)).toEqual(objects.map(({ path }) => path));
  for (const [index, { path, bytes }] of objects.entries()) {
    const least = listed[index]?.bytes ?? 0;
    if (path.startsWith("tile/0/")) expect(least).toBe(bytes.length);
    else expect(least).toBeLessThanOrEqual(bytes.length);
  }
  expect(objects.some(({ path }) => path.startsWith("tile/1/") || path === "checkpoint")).toBe(false);
});
