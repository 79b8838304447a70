/** What a tiled log gives from any source: a log's checkpoint, tiles and bundles, from whichever objects are left of them. */

import { beforeAll, expect, it, onTestFinished } from "vitest";
import type { LogSource } from "../../../lib/migrate/ports/source.ts";
import { tiledLog } from "../../../lib/migrate/read/tiled-log.ts";
import { FormatError } from "../../../lib/tlog/errors.ts";
import { bundlePath, FULL_WIDTH, type LogFormat, tilePath } from "../../../lib/tlog/layout.ts";
import { HASH_SIZE } from "../../../lib/tlog/merkle.ts";
import { flippedBit } from "../http/tampering.ts";
import { type TestLog, testLog } from "../logs/generated-log.ts";
import { failureOf, NAME, type NewPlace, REASON } from "./source-places.ts";

const WIDTH = 44;
/** The last tile and the last bundle: partial in the smaller log, full in the larger. */
const [FULL, PARTIAL] = [FULL_WIDTH, WIDTH].map((width) => ({ index: 1, width })) as [Part, Part];

const WRONG: [string, (right: Buffer) => Buffer][] = [
  ["a web page", () => Buffer.from("<!DOCTYPE html><title>Not found</title>")],
  ["nothing", () => Buffer.of()],
  ["a part", (right) => right.subarray(0, -1)],
  ["more than a partial one can have", () => Buffer.alloc(1 << 24)],
];

interface Part {
  readonly index: number;
  readonly width: number;
}

/**
 * Declares the tests.
 * @param format of the log that lies there.
 * @param hasBundles whether bundles are objects, so that one can be wrong or wider than it should be.
 */
export function testLogSource(newPlace: NewPlace, format: LogFormat, hasBundles = true): void {
  let logs: { readonly smaller: TestLog; readonly larger: TestLog };
  beforeAll(() => {
    const smaller = testLog({ format, size: FULL_WIDTH + WIDTH });
    logs = { smaller, larger: smaller.atSize(2 * FULL_WIDTH) };
  });
  const tile = (part: Part) => tilePath({ level: 0, ...part });
  const bundle = (part: Part) => bundlePath(format, part);

  it("gives the checkpoint, undefined if there is none", async () => {
    const { objects } = logs.smaller;
    const log = await opened(newPlace, objects);
    expect(textOf(await log.checkpoint())).toBe(textOf(objects.get("checkpoint")));
    expect(await (await opened(newPlace, new Map())).checkpoint()).toBeUndefined();
  });

  it("gives tiles and bundles as they are, full and partial", async () => {
    const log = await opened(newPlace, logs.smaller.objects);
    for (const part of [{ index: 0, width: FULL_WIDTH }, PARTIAL]) {
      expect(hexOf(await log.tile({ level: 0, ...part }))).toBe(hexOf(logs.smaller.object(tile(part))));
      expect(hexOf(await log.entryBundle(part))).toBe(hexOf(logs.smaller.object(bundle(part))));
    }
    expect(log.format).toBe(format);
  });

  it("cuts a partial tile that is gone from the full one", async () => {
    const log = await opened(newPlace, logs.larger.objects);
    const found = await log.tile({ level: 0, ...PARTIAL });
    expect(hexOf(found)).toBe(hexOf(logs.smaller.object(tile(PARTIAL))));
  });

  it("cuts a partial bundle that is gone from the full one", async () => {
    const log = await opened(newPlace, logs.larger.objects);
    expect(hexOf(await log.entryBundle(PARTIAL))).toBe(hexOf(logs.smaller.object(bundle(PARTIAL))));
  });

  it.runIf(hasBundles).each(WRONG)(
    "cuts both from the full ones where there is %s in their place",
    async (_what, wrong) => {
      const { smaller, larger } = logs;
      const bad = [tile, bundle].map(
        (pathOf) => [pathOf(PARTIAL), wrong(smaller.object(pathOf(PARTIAL)))] as const,
      );
      const log = await opened(newPlace, new Map([...larger.objects, ...bad]));
      const found = [await log.tile({ level: 0, ...PARTIAL }), await log.entryBundle(PARTIAL)];
      expect(found.map(hexOf)).toEqual(
        [tile, bundle].map((pathOf) => hexOf(smaller.object(pathOf(PARTIAL)))),
      );
    },
  );

  it.runIf(hasBundles)(
    "cuts both from the full ones where it is to, and gives neither where there are none",
    async () => {
      const { smaller, larger } = logs;
      const bad = [tile, bundle].map(
        (pathOf) => [pathOf(PARTIAL), flippedBit(smaller.object(pathOf(PARTIAL)), 20)] as const,
      );
      const hints = { fromFull: true };
      const log = await opened(newPlace, new Map([...larger.objects, ...bad]));
      const found = [await log.tile({ level: 0, ...PARTIAL }, hints), await log.entryBundle(PARTIAL, hints)];
      expect(found.map(hexOf)).toEqual(
        [tile, bundle].map((pathOf) => hexOf(smaller.object(pathOf(PARTIAL)))),
      );
      const without = await opened(newPlace, smaller.objects);
      expect(await without.tile({ level: 0, ...PARTIAL }, hints)).toBeUndefined();
      expect(await without.entryBundle(PARTIAL, hints)).toBeUndefined();
    },
  );

  it("says by undefined that there is neither", async () => {
    const log = await opened(newPlace, logs.smaller.objects);
    for (const part of [FULL, { index: 2, width: FULL_WIDTH }, { index: 2, width: WIDTH }]) {
      expect(await log.tile({ level: 0, ...part })).toBeUndefined();
      expect(await log.entryBundle(part)).toBeUndefined();
    }
  });

  it("reads under the signal that it is given, whole objects and what it cuts", async () => {
    const log = await opened(newPlace, logs.larger.objects);
    const hints = { signal: AbortSignal.abort(REASON) };
    const reads = [
      log.checkpoint(hints),
      log.tile({ level: 0, ...PARTIAL }, hints),
      log.entryBundle(PARTIAL, hints),
    ];
    expect(await Promise.all(reads.map(failureOf))).toEqual(reads.map(() => REASON));
  });

  it.each([0, WIDTH * HASH_SIZE - 1, WIDTH * HASH_SIZE + 1, (WIDTH + 1) * HASH_SIZE])(
    "refuses a tile of %i bytes in the place of one of another size",
    async (size) => {
      const log = await opened(newPlace, new Map([[tile(PARTIAL), Buffer.alloc(size)]]));
      await expect(log.tile({ level: 0, ...PARTIAL })).rejects.toBeInstanceOf(FormatError);
    },
  );

  it("refuses a full tile of another size, also to cut a partial one from", async () => {
    const log = await opened(newPlace, new Map([[tile(FULL), Buffer.alloc(FULL_WIDTH * HASH_SIZE - 1)]]));
    await expect(log.tile({ level: 0, ...FULL })).rejects.toBeInstanceOf(FormatError);
    await expect(log.tile({ level: 0, ...PARTIAL })).rejects.toBeInstanceOf(FormatError);
  });

  it.runIf(hasBundles)(
    "refuses a full bundle that has fewer entries than are to be cut from it",
    async () => {
      const few = logs.larger.atSize(FULL_WIDTH + WIDTH - 1);
      const bytes = few.object(bundle({ index: 1, width: WIDTH - 1 }));
      const log = await opened(newPlace, new Map([[bundle(FULL), bytes]]));
      await expect(log.entryBundle(PARTIAL)).rejects.toBeInstanceOf(FormatError);
    },
  );
}

async function opened(newPlace: NewPlace, objects: ReadonlyMap<string, Uint8Array>): Promise<LogSource> {
  const place = await newPlace(NAME);
  for (const [path, bytes] of objects) await place.put(path, bytes);
  const source = (await place.openLog?.()) ?? tiledLog(await place.open(), place.format);
  onTestFinished(() => source.close());
  return source;
}

function hexOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("hex");
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("utf8");
}
