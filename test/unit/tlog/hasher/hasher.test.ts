import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import type { BundleHasher, BundleHashes } from "../../../../lib/tlog/hasher/javascript.ts";
import { type KnownAnswer, knownAnswers } from "../../../../lib/tlog/hasher/self-test.ts";
import type { LogFormat } from "../../../../lib/tlog/layout.ts";
import { formatHash, hashAt, rootFromRightEdge } from "../../../../lib/tlog/merkle.ts";
import { describeHashers } from "../../../support/hashers.ts";
import { anyBundle, anyBundleOf, mutated } from "../../../support/logs/bundles.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { naiveLeafHash, naiveRoot } from "../../../support/merkle-oracle.ts";

const FORMATS: LogFormat[] = ["tiles", "static-ct"];

// testdata/log of github.com/transparency-dev/tessera v1.0.4: its entries, and the root of each checkpoint.
const TESSERA_ENTRIES =
  "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split(" ");
const TESSERA_ROOTS = [
  "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=",
  "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=",
  "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=",
  "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
  "gy5gl3aksFyiCO95a/1vLXz88A3dRq+0l9Sxte8ZqZQ=",
  "a6sWvsc2eEzmj72vah7mZ5dwFltivehh2b11qwlp5Jg=",
  "IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U=",
  "bC+VwvrJbalNVjfkdI8kUgs7mJoXrqiXCE7bgnD28pY=",
  "CvhHViE3S9E3htHLR+25mapWoGCJ3WckMq1UtC3VmEY=",
  "y8/gZsZCtitsMan09tY+k8I7Qpr7Y5fbO2tLi9GQnfU=",
  "Yok1cS5VdokGLBy73BC2I16b3atss6KBN9jnIi6Fz/A=",
  "uZo6M+IhVna+CLgWCrJs0xBPUHbozHkYTQASduHSLME=",
  "av0kLH0VkkVDrTuZzBGIx7d9z5G1l/GlKz/nAV/8woQ=",
  "SvCd38yNade7xEPY1a/aAc1M3A2AHYVF8lIiUnsH1ao=",
  "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
];

describeHashers("hashBundle", (hasher) => {
  it("gives the roots of a log that Tessera made, at each of its sizes", () => {
    for (const [position, root] of TESSERA_ROOTS.entries()) {
      const size = position + 1;
      const bundle = Buffer.concat(
        TESSERA_ENTRIES.slice(0, size).map((entry) =>
          Buffer.from(`\0${String.fromCharCode(entry.length)}${entry}`),
        ),
      );
      const { leafHashes } = hasher.hashBundle("tiles", bundle, size);
      expect(formatHash(rootFromRightEdge(size, [leafHashes]))).toBe(root);
    }
  });

  it("gives the known answers", () => {
    const [tiles, staticCt] = knownAnswers() as [KnownAnswer, KnownAnswer];
    // The bundle that the Go programs hashed.
    expect(sha256(tiles.bundle)).toBe("720a5ec4ec87c1eae9dcb0deac9498818151986831e36831a100e8d2f540f87e");
    for (const { format, bundle, width, tileHash, root } of [tiles, staticCt]) {
      const found = hasher.hashBundle(format, bundle, width);
      expect(sha256(found.leafHashes)).toBe(tileHash);
      expect(found.root && Buffer.from(found.root).toString("hex")).toBe(root);
    }
  });

  it.each(FORMATS)("hashes the leaf of each %s entry", (format) => {
    fc.assert(
      fc.property(anyBundle(format), ({ bytes, width, leaves }) => {
        const { leafHashes, root } = hasher.hashBundle(format, bytes, width);
        expect(leafHashes.length).toBe(32 * width);
        expect(root).toBeUndefined();
        for (const [position, leaf] of leaves.entries()) {
          const found = formatHash(hashAt(leafHashes, position));
          expect(found).toBe(formatHash(naiveLeafHash(leaf)));
        }
      }),
    );
  });

  it.each(FORMATS)("folds a full %s bundle to the hash that stands for it in its level-1 tile", (format) => {
    fc.assert(
      fc.property(anyBundleOf(format, 256), ({ bytes, leaves }) => {
        const { root } = hasher.hashBundle(format, bytes, 256);
        expect(root && formatHash(root)).toBe(formatHash(naiveRoot(leaves.map(naiveLeafHash))));
      }),
      { numRuns: 5 },
    );
  });

  it.each(FORMATS)("agrees with a generated %s log, entry by entry", (format) => {
    const log = testLog({ size: 300, format });
    const bundle = log.object(format === "tiles" ? "tile/entries/001.p/44" : "tile/data/001.p/44");
    const { leafHashes } = hasher.hashBundle(format, bundle, 44);
    expect(log.object("tile/0/001.p/44").equals(leafHashes)).toBe(true);
    for (let position = 0; position < 44; position++) {
      const expected = formatHash(naiveLeafHash(log.leaf(256 + position)));
      expect(formatHash(hashAt(leafHashes, position))).toBe(expected);
    }
  });

  it.each(FORMATS)("hashes a %s bundle that is a view on a larger buffer, and touches no more", (format) => {
    fc.assert(
      fc.property(anyBundle(format), ({ bytes, width }) => {
        const around = Buffer.concat([Buffer.alloc(7, 0xa5), bytes, Buffer.alloc(7, 0xa5)]);
        const before = Buffer.from(around);
        const { leafHashes } = hasher.hashBundle(format, around.subarray(7, 7 + bytes.length), width);
        expect(around.equals(before)).toBe(true);
        expect(formatHash(leafHashes)).toBe(formatHash(hasher.hashBundle(format, bytes, width).leafHashes));
      }),
    );
  });

  it("hashes the largest entry of tlog-tiles", () => {
    const bundle = Buffer.alloc(2 + 0xffff, 0xff);
    const { leafHashes } = hasher.hashBundle("tiles", bundle, 1);
    expect(formatHash(leafHashes)).toBe(formatHash(naiveLeafHash(bundle.subarray(2))));
  });

  it.each(FORMATS)("leaves a %s bundle as it was, also when it refuses it", (format) => {
    const change = fc.option(fc.infiniteStream(fc.nat()));
    fc.assert(
      fc.property(anyBundle(format), fc.integer({ min: -1, max: 1 }), change, (bundle, wider, choices) => {
        const bytes = choices === null ? bundle.bytes : mutated(bundle.bytes, choices);
        const before = Buffer.from(bytes);
        hashOrRefuse(hasher, format, bytes, Math.max(1, bundle.width + wider));
        expect(bytes.equals(before)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each(FORMATS)("throws only FormatError on random bytes as %s, and leaves them as they are", (format) => {
    const width = fc.integer({ min: 1, max: 256 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), width, (bytes, count) => {
        const before = Buffer.from(bytes);
        hashOrRefuse(hasher, format, bytes, count);
        expect(before.equals(bytes)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each(FORMATS)("notices every change of a byte that the leaf hashes of a %s bundle cover", (format) => {
    fc.assert(
      fc.property(anyBundle(format, 3), fc.integer({ min: 1, max: 255 }), (bundle, difference) => {
        const { bytes, width } = bundle;
        const before = formatHash(hasher.hashBundle(format, bytes, width).leafHashes);
        for (const [at, covered] of bundle.covered.entries()) {
          if (!covered) continue;
          const after = hashOrRefuse(hasher, format, withByteChanged(bytes, at, difference), width);
          if (after !== undefined) expect(formatHash(after.leafHashes)).not.toBe(before);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("gives the same hashes whatever stands in a Static CT entry's precertificate and chain", () => {
    fc.assert(
      fc.property(anyBundle("static-ct", 3), fc.integer({ min: 1, max: 255 }), (bundle, difference) => {
        const { bytes, width } = bundle;
        const before = formatHash(hasher.hashBundle("static-ct", bytes, width).leafHashes);
        for (const [at, covered] of bundle.covered.entries()) {
          if (covered || bundle.isLength[at]) continue;
          const after = hasher.hashBundle("static-ct", withByteChanged(bytes, at, difference), width);
          expect(formatHash(after.leafHashes)).toBe(before);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("gives hashes of its own, which the next call does not change", () => {
    const log = testLog({ size: 512 });
    const first = hasher.hashBundle("tiles", log.object("tile/entries/000"), 256);
    const kept = [first.leafHashes, first.root as Uint8Array].map(formatHash);
    hasher.hashBundle("tiles", log.object("tile/entries/001"), 256);
    expect([first.leafHashes, first.root as Uint8Array].map(formatHash)).toEqual(kept);
  });
});

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hashOrRefuse(
  hasher: BundleHasher,
  format: LogFormat,
  bytes: Uint8Array,
  width: number,
): BundleHashes | undefined {
  try {
    return hasher.hashBundle(format, bytes, width);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function withByteChanged(bytes: Buffer, at: number, difference: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] as number) ^ difference;
  return changed;
}
