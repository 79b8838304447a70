/**
 * What the addon is held to where it hashes entries side by side, beside all that `hasher-agreement.ts` asks: entries
 * of very different sizes together, up to beyond a lane of `sha256-lanes.c`. The unit tests run it, and the run under
 * AddressSanitizer.
 */

import fc from "fast-check";
import type { NativeHashBundle } from "../../lib/tlog/hasher/native.ts";
import type { LogFormat } from "../../lib/tlog/layout.ts";
import { requireAgreement } from "./hasher-agreement.ts";
import { mutated } from "./logs/bundles.ts";

/** Properties that hold for every addon that is right, by what they say. */
export function laneProperties(
  hashNatively: NativeHashBundle,
  format: LogFormat,
): Record<string, fc.IProperty<unknown[]>> {
  const agree = (bytes: Uint8Array, width: number) => requireAgreement(hashNatively, format, bytes, width);
  const bundles = anyBundleOfSizes(format);
  return {
    "on entries of all sizes together": fc.property(bundles, ({ bytes, width }) => agree(bytes, width)),
    "on entries of all sizes together, and something wrong": fc.property(
      bundles,
      fc.infiniteStream(fc.nat()),
      ({ bytes, width }, choices) => agree(mutated(bytes, choices), width),
    ),
    "on entries of all sizes together, cut off": fc.property(bundles, fc.nat(), ({ bytes, width }, choice) =>
      agree(bytes.subarray(0, choice % bytes.length), width),
    ),
  };
}

/** Of what a leaf hash covers: about the borders of the first blocks and the last ones of a lane, or anything. */
const anySize: fc.Arbitrary<number> = fc.oneof(
  fc
    .tuple(fc.constantFrom(1, 2, 3, 62, 63, 64, 65), fc.constantFrom(-9, 0), fc.integer({ min: -1, max: 2 }))
    .map(([blocks, padding, more]) => 64 * blocks + padding + more),
  fc.integer({ min: 0, max: 4200 }),
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(8192, 20_000),
);

function anyBundleOfSizes(format: LogFormat): fc.Arbitrary<{ bytes: Buffer; width: number }> {
  const entry = fc
    .record({ size: anySize, first: fc.nat(255), isPrecertificate: fc.boolean() })
    .map(({ size, first, isPrecertificate }) => {
      const content = (bytes: number) => Buffer.alloc(Math.max(0, bytes), `${first}, `);
      if (format === "tiles") return withLength(2, content(size - 1));
      const start = Buffer.concat([content(8), Buffer.of(0, isPrecertificate ? 1 : 0)]);
      const issuer = content(isPrecertificate ? 32 : 0);
      const leaf = [
        start,
        issuer,
        withLength(3, content(size - 18 - issuer.length)),
        withLength(2, content(0)),
      ];
      const submitted = isPrecertificate ? [withLength(3, content(first))] : [];
      return Buffer.concat([...leaf, ...submitted, withLength(2, content(32 * (first % 3)))]);
    });
  return fc
    .array(entry, { minLength: 1, maxLength: 20 })
    .map((entries) => ({ bytes: Buffer.concat(entries), width: entries.length }));
}

function withLength(lengthSize: number, content: Buffer): Buffer {
  const length = Buffer.alloc(lengthSize);
  length.writeUIntBE(content.length, 0, lengthSize);
  return Buffer.concat([length, content]);
}
