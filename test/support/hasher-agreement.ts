/**
 * What the addon is held to: it takes what the JavaScript hasher takes, refuses what that refuses, gives the same
 * hashes, and touches nothing else. The unit tests run it, and the run under AddressSanitizer.
 */

import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { attempt } from "../../lib/tlog/errors.ts";
import { type BundleHashes, JAVASCRIPT_HASHER } from "../../lib/tlog/hasher/javascript.ts";
import { NATIVE_FORMATS, type NativeHashBundle, roomForHashes } from "../../lib/tlog/hasher/native.ts";
import { FULL_WIDTH, type LogFormat } from "../../lib/tlog/layout.ts";
import { HASH_SIZE } from "../../lib/tlog/merkle.ts";
import {
  type AssembledBundle,
  anyBundle,
  anyBundleOf,
  anyBundleOfExtremes,
  anyNearBundle,
  mutated,
} from "./logs/bundles.ts";

/** Properties that hold for every addon that is right, by what they say. */
export function agreementProperties(
  hashNatively: NativeHashBundle,
  format: LogFormat,
): Record<string, fc.IProperty<unknown[]>> {
  const agree = (bytes: Uint8Array, width: number) => requireAgreement(hashNatively, format, bytes, width);
  const bundles = fc.oneof(
    { weight: 8, arbitrary: anyBundle(format) },
    { weight: 2, arbitrary: anyBundleOfExtremes(format) },
    { weight: 1, arbitrary: anyBundleOf(format, FULL_WIDTH) },
  );
  const widths = fc.integer({ min: 1, max: FULL_WIDTH });
  return {
    "on bundles as they should be, of the right width and of others": fc.property(
      bundles,
      fc.integer({ min: -2, max: 2 }),
      ({ bytes, width }, wider) => agree(bytes, Math.min(FULL_WIDTH, Math.max(1, width + wider))),
    ),
    "on bundles with bytes changed, missing or doubled": fc.property(
      bundles,
      fc.infiniteStream(fc.nat()),
      ({ bytes, width }, choices) => agree(mutated(bytes, choices), width),
    ),
    "on bundles with another length in them": fc.property(
      bundles,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (bundle, choice, difference) => agree(withLengthChanged(bundle, choice, difference), bundle.width),
    ),
    "on bundles cut off anywhere": fc.property(bundles, fc.nat(), ({ bytes, width }, choice) =>
      agree(bytes.subarray(0, choice % bytes.length), width),
    ),
    "on bundles with bytes after them": fc.property(
      bundles,
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      ({ bytes, width }, rest) => agree(Buffer.concat([bytes, rest]), width),
    ),
    "on bundles that are nearly as they should be": fc.property(
      anyNearBundle(format),
      fc.integer({ min: 1, max: 3 }),
      agree,
    ),
    "on any bytes": fc.property(fc.uint8Array({ maxLength: 400 }), widths, agree),
    "on as many empty entries as there may be, and on more": fc.property(
      fc.integer({ min: 0, max: FULL_WIDTH + 2 }),
      widths,
      (count, width) => agree(new Uint8Array(count * (format === "tiles" ? 2 : 17)), width),
    ),
    "whatever room there is for the hashes": fc.property(
      bundles,
      fc.integer({ min: -2 * HASH_SIZE - 1, max: 2 * HASH_SIZE + 1 }),
      ({ bytes, width }, more) => {
        const room = Math.max(0, roomForHashes(width).length + more);
        requireBounds(hashNatively, format, bytes, width, room);
      },
    ),
  };
}

/** @throws AssertionError where the two differ. */
export function requireAgreement(
  hashNatively: NativeHashBundle,
  format: LogFormat,
  bytes: Uint8Array,
  width: number,
): void {
  const expected = hashInJavaScript(format, bytes, width);
  const bundle = inMemoryOfItsOwn(bytes);
  const hashes = roomForHashes(width);
  const count = hashNatively(NATIVE_FORMATS[format], bundle, hashes);
  deepStrictEqual(count === width, expected !== undefined, `${count} for a width of ${width}`);
  deepStrictEqual(count <= width, true, "there is no room for that many");
  deepStrictEqual(Buffer.compare(bundle, bytes), 0, "the bundle has changed");
  if (expected === undefined) return;
  const { leafHashes, root = Buffer.alloc(0) } = expected;
  deepStrictEqual(hashes.toString("hex"), Buffer.concat([leafHashes, root]).toString("hex"));
}

/** As `requireAgreement`, where the room for the hashes is not what the width needs. */
function requireBounds(
  hashNatively: NativeHashBundle,
  format: LogFormat,
  bytes: Uint8Array,
  width: number,
  room: number,
): void {
  const needed = roomForHashes(width).length;
  const around = Buffer.alloc(room + 2 * HASH_SIZE, 0xa5);
  const hashes = around.subarray(HASH_SIZE, HASH_SIZE + room);
  const count = hashNatively(NATIVE_FORMATS[format], inMemoryOfItsOwn(bytes), hashes);
  deepStrictEqual(count, room < needed ? -1 : width, `${width} entries, ${room} bytes for their hashes`);
  const written = count === -1 ? room : needed;
  around.fill(0xa5, HASH_SIZE, HASH_SIZE + written);
  deepStrictEqual(
    around.equals(Buffer.alloc(around.length, 0xa5)),
    true,
    "more was written than there was to",
  );
}

/** What JavaScript makes of a bundle, or undefined where it refuses it. */
function hashInJavaScript(format: LogFormat, bytes: Uint8Array, width: number): BundleHashes | undefined {
  return attempt(() => JAVASCRIPT_HASHER.hashBundle(format, inMemoryOfItsOwn(bytes), width));
}

/** A copy after whose last byte AddressSanitizer sees the end. */
function inMemoryOfItsOwn(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

function withLengthChanged(bundle: AssembledBundle, choice: number, difference: number): Buffer {
  const lengths = [...bundle.isLength.entries()].filter(([, isLength]) => isLength);
  const [at] = lengths[choice % lengths.length] as [number, boolean];
  const changed = Buffer.from(bundle.bytes);
  changed[at] = (changed[at] as number) ^ difference;
  return changed;
}
