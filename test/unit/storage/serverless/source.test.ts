/** A log in the old serverless layout as a source: what its objects become, in what memory, and how many at once. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  type ObjectSource,
  type PartRead,
  type ReadOptions,
  SourceError,
} from "../../../../lib/migrate/ports/source.ts";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import { MAX_ENTRY_BYTES } from "../../../../lib/tlog/bundle.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { FULL_WIDTH } from "../../../../lib/tlog/layout.ts";
import { LogDirectory } from "../../../../storage/serverless/directory.ts";
import { entryPath } from "../../../../storage/serverless/layout.ts";
import { ServerlessSource } from "../../../../storage/serverless/source.ts";
import { Lender } from "../../../support/http/lender.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { inOldLayout } from "../../../support/logs/serverless-log.ts";
import { logDirectory } from "../../../support/places/directory.ts";

const CONNECTIONS = 4;

const log = testLog({ size: 300, entrySize: 30 });
const FIRST = { index: 0, width: FULL_WIDTH };

type Read = (path: string, options: ReadOptions) => Promise<Uint8Array | undefined>;

/** A source over objects in memory, or over what `read` makes of them, that notes what is read. */
function sourceOf(read: Read): { source: ServerlessSource; asked: string[]; mostAtOnce: () => number } {
  const asked: string[] = [];
  let [atOnce, most] = [0, 0];
  const objects: ObjectSource = {
    location: "memory",
    locate: (path) => `memory/${path}`,
    async read(path, options) {
      asked.push(path);
      most = Math.max(most, ++atOnce);
      await nextTurn();
      return await read(path, options).finally(() => atOnce--);
    },
    close: async () => {},
  };
  return { source: new ServerlessSource(objects, "memory:///", CONNECTIONS), asked, mostAtOnce: () => most };
}

const reading =
  (objects: ReadonlyMap<string, Uint8Array> = inOldLayout(log)): Read =>
  async (path) =>
    objects.get(path);

/** Reads a part up to three times. */
const thrice: PartRead = async (path, read) => {
  for (let attempt = 0; ; attempt++) {
    try {
      const bytes = await read({ fresh: attempt > 0 });
      if (bytes !== undefined) return bytes;
      throw new FormatError(`${path} is missing`);
    } catch (error) {
      if (attempt === 2) throw error;
    }
  }
};

test("a bundle is its entries, each behind its length, in order, however they come", async () => {
  const objects = inOldLayout(log);
  const { source } = sourceOf(async (path) => {
    for (let turn = path.charCodeAt(path.length - 1) % 5; turn > 0; turn--) await nextTurn();
    return objects.get(path);
  });
  expect(await source.entryBundle(FIRST)).toEqual(log.object("tile/entries/000"));
  expect(await source.entryBundle({ index: 1, width: 44 })).toEqual(log.object("tile/entries/001.p/44"));
});

test("entries of no bytes and of the most that there may be are put together, and no larger one", async () => {
  const sizes = [0, MAX_ENTRY_BYTES, 1];
  const objects = new Map(sizes.map((size, index) => [entryPath(index), Buffer.alloc(size, index)]));
  const { source } = sourceOf(reading(objects));
  const bundle = await source.entryBundle({ index: 0, width: 3 });
  expect(bundle?.length).toBe(sizes.reduce((sum, size) => sum + 2 + size, 0));
});

test("an entry that a bundle cannot hold is named by its index and its path", async () => {
  const objects = inOldLayout(log).set(entryPath(17), Buffer.alloc(MAX_ENTRY_BYTES + 1));
  const directory = new LogDirectory(logDirectory({ objects }));
  const source = new ServerlessSource(directory, directory.address, CONNECTIONS);
  const paths: string[] = [];
  const readPart: PartRead = async (path, read) => {
    const bytes = (await read({}).catch((error) => {
      paths.push(path);
      throw error;
    })) as Uint8Array;
    return bytes;
  };
  const failure = await source.entryBundle(FIRST, { readPart }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(FormatError);
  expect(failure).toMatchObject({
    message: "is entry 17, which is larger than tlog-tiles allows",
    expected: "at most 65,535 bytes",
    found: "65,536 bytes",
  });
  expect(paths).toEqual(["seq/00/00/00/00/11"]);
});

test("no more objects are under way than there are connections, of all bundles together", async () => {
  const { source, asked, mostAtOnce } = sourceOf(reading());
  await Promise.all([
    source.entryBundle(FIRST),
    source.entryBundle({ index: 1, width: 44 }),
    source.entryBundle(FIRST),
    source.tile({ level: 0, ...FIRST }),
  ]);
  expect(mostAtOnce()).toBe(CONNECTIONS);
  expect(asked.length).toBe(2 * FULL_WIDTH + 44 + 1);
});

test("an entry that fails is read again alone", async () => {
  const objects = inOldLayout(log);
  const failing = new Map([3, 77, 200].map((index) => [entryPath(index), 2]));
  const { source, asked } = sourceOf(async (path) => {
    const left = failing.get(path) ?? 0;
    failing.set(path, left - 1);
    if (left > 0) throw new SourceError("busy", { retryable: true });
    return objects.get(path);
  });
  expect(await source.entryBundle(FIRST, { readPart: thrice })).toEqual(log.object("tile/entries/000"));
  expect(asked.length).toBe(FULL_WIDTH + 3 * 2);
});

test("a bundle that did not authenticate is read past every cache, each entry of it", async () => {
  const fresh: (boolean | undefined)[] = [];
  const objects = inOldLayout(log);
  const { source } = sourceOf(async (path, options) => {
    fresh.push(options.fresh);
    return objects.get(path);
  });
  await source.entryBundle(FIRST, { fresh: true, readPart: thrice });
  expect(new Set(fresh)).toEqual(new Set([true]));
});

test("after an entry that cannot be read no other is asked for, and the failure waits for those under way", async () => {
  const objects = inOldLayout(log);
  let ended = 0;
  const { source, asked } = sourceOf(async (path) => {
    if (path === entryPath(9)) throw new SourceError("gone for good", { retryable: false });
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    ended++;
    return objects.get(path);
  });
  await expect(source.entryBundle(FIRST)).rejects.toThrow("gone for good");
  expect(asked.length).toBeLessThan(9 + 2 * CONNECTIONS);
  expect(ended).toBe(asked.length - 1);
});

test("an entry that is missing makes the bundle missing", async () => {
  const objects = inOldLayout(log);
  objects.delete(entryPath(200));
  const { source } = sourceOf(reading(objects));
  expect(await source.entryBundle(FIRST)).toBeUndefined();
});

test("memory is reserved before an entry is asked for, for it and for all that came before", async () => {
  const { source, asked } = sourceOf(reading());
  const lender = new Lender({ held: true });
  const bundle = source.entryBundle(FIRST, { reservation: lender });
  await lender.asked;
  await nextTurn();
  expect(asked).toEqual([]);
  lender.grant();
  const bytes = await bundle;
  expect(bytes).toEqual(log.object("tile/entries/000"));
  expect(lender.lent.map(({ length }) => length)).toEqual([bytes?.length]);
  // Twice the bundle, and a most large entry for each connection.
  const most = 2 * ((bytes?.length ?? 0) + CONNECTIONS * (MAX_ENTRY_BYTES + 2));
  expect(lender.mostAsked).toBeGreaterThanOrEqual(2 * (bytes?.length ?? 0));
  expect(lender.mostAsked).toBeLessThanOrEqual(most);
});

test("bundles share a budget that none of them fits into, and all come, though entries fail on the way", async () => {
  const entry = Buffer.alloc(20_000, 1);
  const failed = new Set<string>();
  let held = 0;
  let most = 0;
  const { source } = sourceOf(async (path) => {
    if (/[37]$/.test(path) && !failed.has(path)) {
      failed.add(path);
      throw new SourceError("busy", { retryable: true });
    }
    most = Math.max(most, ++held);
    return entry;
  });
  const budget = new ByteBudget(2_000_000);
  const bundles = Array.from({ length: 6 }, async (_, index) => {
    const reservation = budget.reserve();
    const bundle = await source.entryBundle({ index, width: FULL_WIDTH }, { reservation, readPart: thrice });
    held -= FULL_WIDTH;
    reservation.release();
    return bundle?.length;
  });
  expect(await Promise.all(bundles)).toEqual(Array(6).fill(FULL_WIDTH * 20_002));
  expect(budget.taken).toBe(0);
  // One bundle passes the limit, and the other waits for it.
  expect(most * 2 * entry.length).toBeLessThan(2_000_000 + 2 * FULL_WIDTH * (entry.length + 2));
});

test("a bundle ends with the signal's reason, also while it waits for memory", async () => {
  const reason = new Error("enough");
  const { source } = sourceOf(reading());
  expect(await source.entryBundle(FIRST, { signal: AbortSignal.abort(reason) }).catch((error) => error)).toBe(
    reason,
  );
  const controller = new AbortController();
  const lender = new Lender({ held: true });
  const bundle = source.entryBundle(FIRST, { signal: controller.signal, reservation: lender });
  await lender.asked;
  controller.abort(reason);
  expect(await bundle.catch((error) => error)).toBe(reason);
  expect(lender.lent).toEqual([]);
});

const PARTIAL = { level: 0, index: 1, width: 44 };
const GROWN = inOldLayout(log.atSize(512));
const [FULL_PATH, PARTIAL_PATH] = ["tile/00/0000/00/00/01", "tile/00/0000/00/00/01.2c"];

test.each<[what: string, answer: () => Promise<Uint8Array | undefined>]>([
  ["is gone", async () => undefined],
  ["is served as the text of a link", async () => Buffer.from("/github/workspace/log/tile/00/0000/00/00/01")],
  ["is linked to the full one", async () => GROWN.get(FULL_PATH)],
  [
    "may not be read",
    () => Promise.reject(new SourceError("access denied", { retryable: false, status: 403 })),
  ],
])("a partial tile that %s is cut from the full one", async (_, answer) => {
  const { source } = sourceOf((path) =>
    path === PARTIAL_PATH ? answer() : reading(GROWN)(path, { maxBytes: 0 }),
  );
  expect(await source.tile(PARTIAL)).toEqual(log.object("tile/0/001.p/44"));
});

test("where there is no full tile either, the failure is that of the partial one", async () => {
  const { source } = sourceOf(async (path) => (path === PARTIAL_PATH ? Buffer.from("?") : undefined));
  await expect(source.tile(PARTIAL)).rejects.toThrow("is not a tile of the serverless layout");
  expect(await sourceOf(async () => undefined).source.tile(PARTIAL)).toBeUndefined();
});

test("a source that is busy is not asked for another tile in place of one", async () => {
  const busy = new SourceError("busy", { retryable: true, status: 503 });
  const { source, asked } = sourceOf(() => Promise.reject(busy));
  await expect(source.tile(PARTIAL)).rejects.toBe(busy);
  expect(asked).toEqual([PARTIAL_PATH]);
});

test("a partial tile that was wrong is cut from the full one, and no other is taken for it", async () => {
  const { source, asked } = sourceOf(reading(GROWN));
  expect(await source.tile(PARTIAL, { fromFull: true })).toEqual(log.object("tile/0/001.p/44"));
  expect(asked).toEqual([FULL_PATH]);
  expect(await sourceOf(reading()).source.tile(PARTIAL, { fromFull: true })).toBeUndefined();
});

test("a partial bundle that was wrong has no full one that has other entries", async () => {
  const { source, asked } = sourceOf(reading(GROWN));
  expect(await source.entryBundle({ index: 1, width: 44 }, { fromFull: true })).toBeUndefined();
  expect(asked).toEqual([]);
});

describe("entries that the log has not integrated yet", () => {
  test.each([
    [1, "Entry 300 is in seq/"],
    [2, "Entries 300 to 301 are in seq/"],
    [3, "Entries 300 to 302 are in seq/"],
    [100, "Entries 300 to 399 are in seq/"],
    [212, "Entries 300 to 511 are in seq/"],
  ])("are counted: %i", async (count, words) => {
    const { source, asked } = sourceOf(reading(inOldLayout(log.atSize(300 + count))));
    expect(await source.beyond(300)).toContain(words);
    expect(asked.length).toBeLessThan(20);
  });

  test("are none where no entry follows, a page is served for everything, or the source cannot be read", async () => {
    expect(await sourceOf(reading()).source.beyond(300)).toBeUndefined();
    const page = async () => Buffer.from("<!DOCTYPE html><html>not found</html>");
    expect(await sourceOf(page).source.beyond(300)).toBeUndefined();
    const busy = () => Promise.reject(new SourceError("busy", { retryable: true }));
    expect(await sourceOf(busy).source.beyond(300)).toBeUndefined();
  });

  test("have an end, whatever the source answers", async () => {
    const { source, asked } = sourceOf(async () => Buffer.from("entry"));
    expect(await source.beyond(300)).toContain(`Entries 300 to ${Number.MAX_SAFE_INTEGER} are in seq/`);
    expect(asked.length).toBeLessThan(120);
  });
});

test("messages name what an object is made from", () => {
  const { source } = sourceOf(reading());
  expect(source.location).toBe("serverless+memory:///");
  expect(source.locate("checkpoint")).toBe("memory/checkpoint");
  expect(source.locate("tile/0/001.p/44")).toBe(`memory/${PARTIAL_PATH}`);
  expect(source.locate("tile/entries/001.p/44")).toBe(
    "memory/seq/00/00/00/01/00 and up to seq/00/00/00/01/2b",
  );
  expect(source.locate(entryPath(17))).toBe("memory/seq/00/00/00/00/11");
});
