import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutBundle, forEachEntry, maxBundleSize, minBundleSize } from "../../../lib/tlog/bundle.ts";
import { attempt, FormatError } from "../../../lib/tlog/errors.ts";
import type { LogFormat } from "../../../lib/tlog/layout.ts";
import { anyBundle, anyBundleOf, mutated } from "../../support/logs/bundles.ts";
import { testLog } from "../../support/logs/generated-log.ts";

const FORMATS: LogFormat[] = ["tiles", "static-ct"];

// testdata/log/tile/entries/000.p/15 of github.com/transparency-dev/tessera v1.0.4.
const TESSERA_BUNDLE = Buffer.from(
  "00036f6e65000374776f000574687265650004666f7572000466697665000373697800" +
    "05736576656e000365697400046e61696e000374656e0006696c6576656e0005747765" +
    "6c660008746872656574656e0007666f757274656e000666697674656e",
  "hex",
);
const TESSERA_ENTRIES =
  "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split(" ");

describe("forEachEntry", () => {
  it("reads a bundle that Tessera wrote", () => {
    const entries: string[] = [];
    forEachEntry("tiles", TESSERA_BUNDLE, 15, ({ leafStart, leafEnd }, position) => {
      entries[position] = TESSERA_BUNDLE.toString("utf8", leafStart, leafEnd);
    });
    expect(entries).toEqual(TESSERA_ENTRIES);
  });

  it.each(FORMATS)("visits every entry of a %s bundle once, in order and without gaps", (format) => {
    fc.assert(
      fc.property(anyBundle(format), ({ bytes, width, entrySizes }) => {
        const sizes: number[] = [];
        let end = 0;
        forEachEntry(format, bytes, width, ({ leafStart, leafEnd, entryEnd }, position) => {
          expect(position).toBe(sizes.length);
          expect(end <= leafStart && leafStart <= leafEnd && leafEnd <= entryEnd).toBe(true);
          sizes.push(entryEnd - end);
          end = entryEnd;
        });
        expect(sizes).toEqual(entrySizes);
      }),
    );
  });

  it.each(FORMATS)("refuses a %s bundle with an entry more or fewer than its width", (format) => {
    fc.assert(
      fc.property(anyBundle(format), ({ bytes, width }) => {
        const read = (count: number) => () => forEachEntry(format, bytes, count, () => {});
        expect(read(width + 1)).toThrow(FormatError);
        expect(read(width + 1)).toThrow("holds too few entries");
        if (width > 1) expect(read(width - 1)).toThrow("has bytes after its last entry");
      }),
    );
  });

  it.each(FORMATS)("refuses a %s bundle cut off at any byte", (format) => {
    fc.assert(
      fc.property(anyBundle(format, 3), ({ bytes, width }) => {
        for (let length = 0; length < bytes.length; length++) {
          const read = () => forEachEntry(format, bytes.subarray(0, length), width, () => {});
          expect(read).toThrow(FormatError);
        }
      }),
      { numRuns: 20 },
    );
  });

  it.each(FORMATS)("throws nothing but FormatError on random bytes as %s", (format) => {
    const bytes = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 256 }), (random, width) => {
        attempt(() => forEachEntry(format, random, width, () => {}));
      }),
    );
  });

  it.each(FORMATS)("throws nothing but FormatError on a changed %s bundle, and never leaves it", (format) => {
    fc.assert(
      fc.property(anyBundle(format), fc.infiniteStream(fc.nat()), ({ bytes, width }, choices) => {
        const changed = mutated(bytes, choices);
        attempt(() =>
          forEachEntry(format, changed, width, ({ leafEnd, entryEnd }) => {
            expect(leafEnd <= entryEnd && entryEnd <= changed.length).toBe(true);
          }),
        );
      }),
    );
  });

  it("names the entry that is malformed", () => {
    const [one, rest] = [TESSERA_BUNDLE.subarray(0, 5), Buffer.of(0xff)];
    const read = () => forEachEntry("tiles", Buffer.concat([one, rest]), 2, () => {});
    expect(read).toThrow("entry 1 of the bundle is cut off within its length");
  });

  it("takes a width beyond 1 to 256 as a mistake of its caller, not of the bytes", () => {
    for (const width of [0, 257]) {
      expect(() => forEachEntry("tiles", TESSERA_BUNDLE, width, () => {})).toThrow("1 to 256 entries");
      expect(() => forEachEntry("tiles", TESSERA_BUNDLE, width, () => {})).not.toThrow(FormatError);
    }
  });
});

describe("cutBundle", () => {
  it.each(FORMATS)("gives the %s bundle that the log had when it was narrower", (format) => {
    const full = testLog({ size: 256, format });
    for (const width of [1, 2, 100, 255]) {
      const directory = format === "tiles" ? "tile/entries" : "tile/data";
      const partial = full.atSize(width).object(`${directory}/000.p/${width}`);
      expect(partial.equals(cutBundle(format, full.object(`${directory}/000`), width))).toBe(true);
    }
  });

  it.each(FORMATS)("does not look at what stands after the entries it keeps (%s)", (format) => {
    fc.assert(
      fc.property(anyBundle(format), fc.uint8Array({ maxLength: 50 }), ({ bytes, width }, tail) => {
        const cut = cutBundle(format, Buffer.concat([bytes, tail]), width);
        expect(bytes.equals(cut)).toBe(true);
      }),
    );
  });

  it.each(FORMATS)("refuses a %s bundle that is narrower than asked for", (format) => {
    fc.assert(
      fc.property(anyBundleOf(format, 3), ({ bytes }) => {
        expect(() => cutBundle(format, bytes, 4)).toThrow(FormatError);
      }),
    );
  });
});

describe("bounds on a bundle's size", () => {
  it.each(FORMATS)("hold for every well-formed %s bundle", (format) => {
    fc.assert(
      fc.property(anyBundle(format), ({ bytes, width }) => {
        expect(bytes.length).toBeGreaterThanOrEqual(minBundleSize(format, width));
        expect(bytes.length).toBeLessThanOrEqual(maxBundleSize(format, width));
      }),
    );
  });

  it("are reached by the smallest and the largest entries of tlog-tiles", () => {
    const largest = Buffer.alloc(2 + 0xffff, 0xff);
    expect(() => forEachEntry("tiles", largest, 1, () => {})).not.toThrow();
    expect(maxBundleSize("tiles", 1)).toBe(largest.length);
    expect(() => forEachEntry("tiles", Buffer.alloc(2), 1, () => {})).not.toThrow();
    expect(minBundleSize("tiles", 1)).toBe(2);
  });

  it("are reached by the smallest and the largest entries of Static CT", () => {
    expect(() => forEachEntry("static-ct", Buffer.alloc(17), 1, () => {})).not.toThrow();
    expect(minBundleSize("static-ct", 1)).toBe(17);
    // Two vectors of 2^24 - 1 bytes, extensions of 2^16 - 1 and as many fingerprints as 2^16 - 1 bytes hold.
    const chain = Math.floor(0xffff / 32) * 32;
    expect(maxBundleSize("static-ct", 1)).toBeGreaterThanOrEqual(
      8 + 2 + 32 + 2 * (3 + 0xffffff) + 2 + 0xffff + 2 + chain,
    );
  });
});
