/** What every source that undoes gzip does, whatever stands behind it. */

import { expect, it } from "vitest";
import { Lender } from "../http/lender.ts";
import { gzip } from "./compression.ts";
import {
  ANY,
  anyBytes,
  expectBytes,
  expectNoLateMemory,
  expectRefused,
  type GzipSourceKind,
  LARGE_BYTES,
  type NewPlace,
  openedGzip,
  SLACK_BYTES,
  watched,
} from "./source-places.ts";

/** So many zeros, and more than they are encoded to, whatever is asked for ahead. */
const [DECODED_BYTES, ENCODED_BYTES] = [70_000, 10_000];

export function testGzipSource(newPlace: NewPlace<GzipSourceKind>): void {
  it.each([0, 1, 8192, 300_001, LARGE_BYTES])("undoes gzip of %i bytes", async (size) => {
    const { source, bundle } = await openedGzip(newPlace, gzip(anyBytes(size)));
    expectBytes(await source.read(bundle, ANY), anyBytes(size));
    expectBytes(await source.read(bundle, { maxBytes: size }), anyBytes(size));
  });

  it.each([1, 8192, LARGE_BYTES])(
    "refuses gzip of %i bytes where there may be one less, and holds little",
    async (size) => {
      for (const bytes of [anyBytes(size), Buffer.alloc(size)]) {
        const { source, bundle } = await openedGzip(newPlace, gzip(bytes));
        await expectRefused(source.read(bundle, { maxBytes: size - 1 }));
        const lender = new Lender();
        await expectRefused(source.read(bundle, { maxBytes: 0, reservation: lender }));
        expect(lender.mostAsked).toBeLessThan(SLACK_BYTES);
      }
    },
  );

  it("ignores what follows the end of gzip", async () => {
    const bytes = anyBytes(10_000);
    for (const rest of [Buffer.of(0), Buffer.from("<!-- a page -->")]) {
      const { source, bundle } = await openedGzip(newPlace, Buffer.concat([gzip(bytes), rest]));
      expectBytes(await source.read(bundle, ANY), bytes);
    }
  });

  it("refuses what is not gzip though it says so, or not whole", async () => {
    const gzipped = gzip(anyBytes(10_000));
    const spoilt = Buffer.from(gzipped);
    spoilt.writeUInt32LE(1, spoilt.length - 8);
    for (const encoded of [
      Buffer.from("plain"),
      Buffer.alloc(0),
      gzipped.subarray(0, -1),
      Buffer.concat([gzipped, gzipped.subarray(0, -1)]),
      spoilt,
    ]) {
      const { source, bundle } = await openedGzip(newPlace, encoded);
      await expectRefused(source.read(bundle, ANY));
    }
  });

  it("undoes gzip of several members", async () => {
    const parts = [anyBytes(100_000), anyBytes(10), anyBytes(0), anyBytes(5000)];
    const encoded = Buffer.concat(parts.map((part) => gzip(part)));
    const { source, bundle } = await openedGzip(newPlace, encoded);
    expectBytes(await source.read(bundle, ANY), Buffer.concat(parts));
  });

  it("asks for leave to hold the decoded bytes beside the others, and waits for it", async () => {
    const { source, bundle } = await openedGzip(newPlace, gzip(Buffer.alloc(DECODED_BYTES)));
    const lender = new Lender({ held: true, atOnce: ENCODED_BYTES });
    const [read, settled] = watched(source.read(bundle, { ...ANY, reservation: lender }));
    await lender.asked;
    // As long as it takes to read as much.
    await source.read(bundle, ANY);
    expect(settled()).toBe(false);
    lender.grant();
    expectBytes(await read, Buffer.alloc(DECODED_BYTES));
    expect(lender.mostAsked).toBeGreaterThan(DECODED_BYTES);
  });

  it("takes no memory for them by leave that comes after the read was ended", async () => {
    await expectNoLateMemory(
      await openedGzip(newPlace, gzip(Buffer.alloc(DECODED_BYTES))),
      Buffer.alloc(DECODED_BYTES),
      ENCODED_BYTES,
    );
  });
}
