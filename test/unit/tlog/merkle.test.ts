import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashBundle } from "../../../lib/tlog/hasher/hasher.ts";
import { rightEdge } from "../../../lib/tlog/layout.ts";
import {
  EMPTY_ROOT,
  equalBytes,
  foldPerfect,
  foldTile,
  formatHash,
  hashAt,
  nodeHash,
  rootFromRightEdge,
} from "../../../lib/tlog/merkle.ts";
import { AppendedTree, naiveLeafHash, naiveRoot } from "../../support/merkle-oracle.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const leafOf = (index: number): Uint8Array => naiveLeafHash(Buffer.from(`leaf ${index}`));

// github.com/transparency-dev/merkle v0.0.2, testonly/constants.go and rfc6962/rfc6962_test.go.
const LEAF_INPUTS = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((input) => Buffer.from(input, "hex"));
const LEAF_HASHES = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
  "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
  "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
  "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
  "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658",
  "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
  "46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1",
];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** As bundles are hashed. */
function leafHash(leaf: Buffer): Uint8Array {
  return hashBundle("tiles", Buffer.concat([Buffer.of(0, leaf.length), leaf]), 1).leafHashes;
}

describe("hashes of RFC 6962", () => {
  it("hashes leaves, nodes and the empty tree as transparency-dev/merkle does", () => {
    expect(hex(EMPTY_ROOT)).toBe(ROOTS[0]);
    expect(LEAF_INPUTS.map((leaf) => hex(leafHash(leaf)))).toEqual(LEAF_HASHES);
    expect(hex(leafHash(Buffer.from("L123456")))).toBe(
      "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56",
    );
    expect(hex(nodeHash(leafHash(Buffer.of()), leafHash(Buffer.of(0))))).toBe(ROOTS[2]);
  });

  it("prints a hash as checkpoints do, also where it is a view", () => {
    const list = Buffer.from(LEAF_HASHES.join(""), "hex");
    expect(formatHash(hashAt(list, 1))).toBe(Buffer.from(LEAF_HASHES[1] ?? "", "hex").toString("base64"));
  });

  it("tells byte strings apart by content and by length", () => {
    expect(equalBytes(Buffer.from("ab"), new Uint8Array([97, 98]))).toBe(true);
    expect(equalBytes(Buffer.from("ab"), Buffer.from("ac"))).toBe(false);
    expect(equalBytes(Buffer.from("ab"), Buffer.from("abc"))).toBe(false);
  });
});

describe("folding", () => {
  it("gives the Merkle tree hash of every perfect tree, wherever it starts in the list", () => {
    const leaves = Array.from({ length: 256 }, (_, index) => leafOf(index));
    const list = Buffer.concat(leaves);
    for (let count = 1; count <= 256; count *= 2) {
      for (let first = 0; first + count <= 256; first += Math.max(1, count / 4)) {
        expect(hex(foldPerfect(list, first, count))).toBe(hex(naiveRoot(leaves.slice(first, first + count))));
      }
    }
    expect(hex(foldTile(list))).toBe(hex(naiveRoot(leaves)));
  });

  it("leaves the list as it is and gives hashes of its own", () => {
    const list = Buffer.concat(Array.from({ length: 256 }, (_, index) => leafOf(index)));
    const before = Buffer.from(list);
    const single = foldPerfect(list, 3, 1);
    const tile = foldTile(list);
    const kept = hex(tile);
    single.fill(0);
    foldPerfect(list, 0, 128);
    expect(hex(tile)).toBe(kept);
    expect(list.equals(before)).toBe(true);
  });

  it("refuses what is not a perfect tree within the list", () => {
    const list = Buffer.alloc(256 * 32);
    for (const count of [0, -1, 3, 255]) expect(() => foldPerfect(list, 0, count)).toThrow("power of two");
    expect(() => foldPerfect(list, 129, 128)).toThrow("beyond the list");
    expect(() => foldTile(list.subarray(32))).toThrow("full tile");
  });
});

describe("rootFromRightEdge", () => {
  it("gives the roots of transparency-dev/merkle", () => {
    const roots = ROOTS.map((_, size) =>
      hex(rootFromRightEdge(size, [hashList(LEAF_HASHES.slice(0, size))])),
    );
    expect(roots).toEqual(ROOTS);
  });

  it("gives the root of every tree of up to 3,000 entries", () => {
    expectRootsUpTo(3000, () => true);
  });

  it("gives the root where tiles of two levels begin and end, up to 70,000 entries", () => {
    const sizes = new Set([65_279, 65_280, 65_281, 65_535, 65_536, 65_537, 65_791, 65_792, 65_793, 70_000]);
    expectRootsUpTo(70_000, (size) => sizes.has(size));
  });

  it.each([2 ** 24 - 1, 2 ** 24, 2 ** 24 + 1, 2 ** 32 - 1, 2 ** 32 + 1, 2 ** 53 - 1])(
    "gives the root of a tree of %i entries",
    (size) => {
      expectRootOfRandomEdge(size);
    },
  );

  it("gives the root of a tree of any size", () => {
    fc.assert(fc.property(fc.maxSafeNat(), expectRootOfRandomEdge), { numRuns: 40 });
  });

  it("refuses an edge that lacks a tile or has one of another width", () => {
    const hashes = hashList(LEAF_HASHES);
    expect(() => rootFromRightEdge(8, [])).toThrow("level 0");
    expect(() => rootFromRightEdge(7, [hashes])).toThrow("level 0");
    expect(() => rootFromRightEdge(257, [hashes.subarray(0, 32)])).toThrow("level 1");
  });

  it("gives a root that the caller may write into", () => {
    rootFromRightEdge(0, []).fill(0);
    const [first = ""] = LEAF_HASHES;
    const edge = hashList([first]);
    rootFromRightEdge(1, [edge]).fill(0);
    expect(hex(EMPTY_ROOT)).toBe(ROOTS[0]);
    expect(hex(edge)).toBe(first);
  });
});

describe("the oracle", () => {
  it("agrees with the roots of transparency-dev/merkle, and in both its forms", () => {
    const tree = new AppendedTree();
    const leaves: Uint8Array[] = [];
    for (let size = 0; size < 300; size++) {
      const leaf = LEAF_INPUTS[size] ?? Buffer.from(`leaf ${size}`);
      expect(hex(tree.root())).toBe(hex(naiveRoot(leaves)));
      if (size < ROOTS.length) expect(hex(tree.root())).toBe(ROOTS[size]);
      leaves.push(naiveLeafHash(leaf));
      tree.append(naiveLeafHash(leaf));
    }
  });
});

/** Grows a tree leaf by leaf and compares the roots of the sizes that are chosen. */
function expectRootsUpTo(end: number, chosen: (size: number) => boolean): void {
  const tree = new AppendedTree();
  const levels: Uint8Array[][] = [];
  const append = (level: number, hash: Uint8Array): void => {
    const hashes = levels[level] ?? [];
    levels[level] = hashes;
    hashes.push(hash);
    if (hashes.length < 256) return;
    levels[level] = [];
    append(level + 1, naiveRoot(hashes));
  };
  for (let size = 0; size <= end; size++) {
    if (chosen(size)) {
      const edge = levels.map((hashes) => (hashes.length === 0 ? undefined : Buffer.concat(hashes)));
      const root = rootFromRightEdge(size, edge);
      if (!tree.root().every((byte, at) => byte === root[at])) expect.fail(`another root at size ${size}`);
    }
    const leaf = leafOf(size);
    tree.append(leaf);
    append(0, leaf);
  }
}

/** Makes up the hashes at the right edge of a tree, each standing for a whole subtree, and compares the root. */
function expectRootOfRandomEdge(size: number): void {
  const tree = new AppendedTree();
  const edge: Uint8Array[] = [];
  for (const { level, width } of rightEdge(size).toReversed()) {
    const hashes = Array.from({ length: width }, (_, position) => leafOf(level * 256 + position));
    edge[level] = Buffer.concat(hashes);
    for (const hash of hashes) tree.appendPerfect(hash, 256 ** level);
  }
  expect(tree.size).toBe(size);
  expect(hex(rootFromRightEdge(size, edge))).toBe(hex(tree.root()));
}

function hashList(hashes: readonly string[]): Buffer {
  return Buffer.from(hashes.join(""), "hex");
}
