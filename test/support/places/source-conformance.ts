/**
 * What every ObjectSource does, whatever stands behind it. What those do that undo gzip, and what LogSource makes of
 * every one, is in gzip-source-conformance.ts and log-source-conformance.ts.
 */

import { getEventListeners } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { SourceError } from "../../../lib/migrate/ports/source.ts";
import { FormatError } from "../../../lib/tlog/errors.ts";
import { FULL_WIDTH, tilePath } from "../../../lib/tlog/layout.ts";
import { Lender } from "../http/lender.ts";
import { openObjects } from "./open.ts";
import {
  ANY,
  anyBytes,
  expectBytes,
  expectNoLateMemory,
  expectRefused,
  failureOf,
  LARGE_BYTES,
  MANY,
  NAME,
  type NewPlace,
  opened,
  REASON,
  SLACK_BYTES,
  watched,
} from "./source-places.ts";

/** Characters that mean something in a URL, or in a pattern, or are more than one byte. */
const AWKWARD_NAME = "a log/50% + ü/日本 %2F (1) [2] & 'x' = #; ?";

const TILE = tilePath({ level: 0, index: 0, width: FULL_WIDTH });
const OTHER_TILE = tilePath({ level: 0, index: 1, width: FULL_WIDTH });

export function testSource(newPlace: NewPlace): void {
  testBytes(newPlace);
  testMemory(newPlace);
  testEnds(newPlace);
  testNames(newPlace);
}

function testBytes(newPlace: NewPlace): void {
  it.each([0, 1, 255, 8192, 65_536, 300_001, LARGE_BYTES])("gives %i bytes as they are", async (size) => {
    const { source, bundle } = await opened(newPlace, (bundle) => ({ [bundle]: anyBytes(size) }));
    expectBytes(await source.read(bundle, ANY), anyBytes(size));
  });

  it("says by undefined that there is no object, and goes on", async () => {
    const { source, bundle } = await opened(newPlace, () => ({ [TILE]: anyBytes(10) }));
    for (const path of [OTHER_TILE, bundle, `${TILE}/000`, `${TILE}.p/1`, "checkpoint"]) {
      expect(await source.read(path, ANY)).toBeUndefined();
    }
    expectBytes(await source.read(TILE, ANY), anyBytes(10));
  });

  it("says the same where nothing is at all", async () => {
    const { source } = await opened(newPlace, () => ({}));
    expect(await source.read("checkpoint", ANY)).toBeUndefined();
  });

  it("tells one object from another when many are asked for at once", async () => {
    const paths = Array.from({ length: MANY }, (_, index) =>
      tilePath({ level: 0, index, width: FULL_WIDTH }),
    );
    const present = paths.filter((_, index) => index % 3 !== 0);
    const { source } = await opened(newPlace, () =>
      Object.fromEntries(present.map((path) => [path, Buffer.from(path.repeat(1000))])),
    );
    const found = await Promise.all(paths.map((path) => source.read(path, ANY)));
    expect(found.map((bytes) => bytes && Buffer.from(bytes).toString())).toEqual(
      paths.map((path) => (present.includes(path) ? path.repeat(1000) : undefined)),
    );
  });

  it("gives each reader bytes of its own", async () => {
    const { source, bundle } = await opened(newPlace, (path) => ({ [path]: anyBytes(70_000) }));
    const [first, second] = await Promise.all([source.read(bundle, ANY), source.read(bundle, ANY)]);
    first?.fill(0);
    expectBytes(second, anyBytes(70_000));
    expectBytes(await source.read(bundle, ANY), anyBytes(70_000));
  });

  it("gives the bytes past every cache too", async () => {
    const { source } = await opened(newPlace, () => ({ [TILE]: anyBytes(10) }));
    expectBytes(await source.read(TILE, { ...ANY, fresh: true }), anyBytes(10));
  });
}

function testMemory(newPlace: NewPlace): void {
  it.each([0, 1, 8192, 300_001])("takes an object of exactly the %i bytes that it may have", async (size) => {
    const { source, bundle } = await opened(newPlace, (path) => ({ [path]: anyBytes(size) }));
    expectBytes(await source.read(bundle, { maxBytes: size }), anyBytes(size));
  });

  it.each([1, 8192, 300_001, LARGE_BYTES])("refuses %i bytes where there may be one less", async (size) => {
    const { source, bundle } = await opened(newPlace, (path) => ({ [path]: anyBytes(size) }));
    await expectRefused(source.read(bundle, { maxBytes: size - 1 }));
  });

  it("does not hold what it refuses", async () => {
    const { source, bundle } = await opened(newPlace, (path) => ({ [path]: anyBytes(LARGE_BYTES) }));
    const lender = new Lender();
    await expectRefused(source.read(bundle, { maxBytes: 1000, reservation: lender }));
    expect(lender.mostAsked).toBeLessThan(SLACK_BYTES);
  });

  it.each([8192, LARGE_BYTES])("asks for leave to hold %i bytes, and waits for it", async (size) => {
    const { source, bundle } = await opened(newPlace, (path) => ({
      [path]: anyBytes(size),
      [TILE]: anyBytes(size),
    }));
    const lender = new Lender({ held: true });
    const [read, settled] = watched(source.read(bundle, { ...ANY, reservation: lender }));
    await lender.asked;
    // As long as it takes to read as much.
    await source.read(TILE, ANY);
    expect(settled()).toBe(false);
    expect(lender.lent).toEqual([]);
    lender.grant();
    expectBytes(await read, anyBytes(size));
    expect(lender.mostAsked).toBeGreaterThanOrEqual(size);
  });

  it("fails as the leave does that it waits for", async () => {
    const { source } = await opened(newPlace, () => ({ [TILE]: anyBytes(8192) }));
    const reservation = { atLeast: () => Promise.reject(REASON) };
    expect(await failureOf(source.read(TILE, { ...ANY, reservation }))).toBe(REASON);
    expectBytes(await source.read(TILE, ANY), anyBytes(8192));
  });

  it("leaves lent memory alone once a read is over that was ended when it had come by it", async () => {
    const { source, bundle } = await opened(newPlace, (path) => ({ [path]: anyBytes(LARGE_BYTES) }));
    const controller = new AbortController();
    const lender = new Lender({ onLent: () => queueMicrotask(() => controller.abort(REASON)) });
    const options = { ...ANY, reservation: lender, signal: controller.signal };
    const outcome = await source.read(bundle, options).catch((error: unknown) => error);
    // A source that takes memory last, or none of it, may be done by then.
    expect(outcome === REASON || outcome instanceof Uint8Array).toBe(true);
    lender.release();
    expectBytes(await source.read(bundle, ANY), anyBytes(LARGE_BYTES));
    expect(lender.misuse).toBeUndefined();
  });

  it("takes no memory by leave that comes after the read was ended", async () => {
    await expectNoLateMemory(
      await opened(newPlace, (path) => ({ [path]: anyBytes(70_000) })),
      anyBytes(70_000),
    );
  });
}

function testEnds(newPlace: NewPlace): void {
  it("does not begin a read whose signal has fired", async () => {
    const { source } = await opened(newPlace, () => ({ [TILE]: anyBytes(10) }));
    const lender = new Lender();
    const options = { ...ANY, reservation: lender, signal: AbortSignal.abort(REASON) };
    expect(await failureOf(source.read(TILE, options))).toBe(REASON);
    expect(lender.mostAsked).toBe(0);
  });

  it.each([TILE, OTHER_TILE])("ends reads of %s with the signal's reason", async (path) => {
    const { source } = await opened(newPlace, () => ({ [TILE]: anyBytes(100_000) }));
    const controller = new AbortController();
    const options = { ...ANY, signal: controller.signal };
    const reads = Array.from({ length: MANY }, () => failureOf(source.read(path, options)));
    controller.abort(REASON);
    expect(new Set(await Promise.all(reads))).toEqual(new Set([REASON]));
  });

  it("ends a read whose signal fires when it is given leave to hold the bytes", async () => {
    const { source, bundle } = await opened(newPlace, (path) => ({ [path]: anyBytes(100_000) }));
    const controller = new AbortController();
    const reservation = {
      atLeast() {
        controller.abort(REASON);
        return undefined;
      },
    };
    const read = source.read(bundle, { ...ANY, reservation, signal: controller.signal });
    expect(await failureOf(read)).toBe(REASON);
  });

  it("goes on after reads that were refused and ended", async () => {
    const { source, bundle } = await opened(newPlace, (path) => ({ [path]: anyBytes(100_000) }));
    for (let i = 0; i < MANY; i++) {
      const controller = new AbortController();
      const ended = failureOf(source.read(bundle, { ...ANY, signal: controller.signal }));
      const refused = failureOf(source.read(bundle, { maxBytes: 5 }));
      controller.abort(REASON);
      expect(await ended).toBe(REASON);
      expect(await refused).toBeInstanceOf(FormatError);
    }
    expectBytes(await source.read(bundle, ANY), anyBytes(100_000));
  });

  it("leaves nothing with a signal that reads were under", async () => {
    const { source } = await opened(newPlace, () => ({ [TILE]: anyBytes(100_000) }));
    const { signal } = new AbortController();
    await source.read(TILE, { ...ANY, signal });
    await source.read(OTHER_TILE, { ...ANY, signal });
    await expectRefused(source.read(TILE, { maxBytes: 5, signal }));
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("is closed with nothing open, after a read, and twice", async () => {
    for (const reads of [0, 1]) {
      const { source } = await opened(newPlace, () => ({ [TILE]: anyBytes(10) }));
      for (let i = 0; i < reads; i++) expectBytes(await source.read(TILE, ANY), anyBytes(10));
      await source.close();
      await source.close();
    }
  });

  it("ends every read that is under way when it is closed, whole or with a failure", async () => {
    const { source, bundle } = await opened(newPlace, (path) => ({ [path]: anyBytes(LARGE_BYTES) }));
    const lender = new Lender({ held: true });
    const reads = Array.from({ length: 4 }, () => source.read(bundle, { ...ANY, reservation: lender }));
    const outcomes = Promise.all(reads.map((read) => read.catch((error: unknown) => error)));
    await lender.asked;
    await source.close();
    lender.grant();
    for (const outcome of await outcomes) {
      if (outcome instanceof Uint8Array) expectBytes(outcome, anyBytes(LARGE_BYTES));
      else expect(outcome).toBeInstanceOf(SourceError);
    }
  });
}

function testNames(newPlace: NewPlace): void {
  it("reads from a place whose name has characters of every kind", async () => {
    const { source, bundle } = await opened(newPlace, (path) => ({ [path]: anyBytes(10) }), AWKWARD_NAME);
    expectBytes(await source.read(bundle, ANY), anyBytes(10));
    expect(await source.read(TILE, ANY)).toBeUndefined();
  });

  it.each([NAME, AWKWARD_NAME])("in %s has a location by which it is opened again", async (name) => {
    const { source } = await opened(newPlace, () => ({ [TILE]: anyBytes(10) }), name);
    const again = await openObjects(source.location);
    onTestFinished(() => again.close());
    expect(again.location).toBe(source.location);
    expectBytes(await again.read(TILE, ANY), anyBytes(10));
  });

  it("names objects by their paths and by where they are, each in a line", async () => {
    const names: string[] = [];
    for (const place of [NAME, AWKWARD_NAME]) {
      const { source, bundle } = await opened(newPlace, () => ({}), place);
      for (const path of [TILE, bundle, "checkpoint"]) {
        expect(source.locate(path)).toContain(path);
        names.push(source.locate(path));
      }
    }
    expect(names.filter((name) => name.includes("\n"))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });
}
