/** The zips that a thread has open: few, each opened once, and none closed while somebody reads it. */

import { expect, test } from "vitest";
import { OpenZips } from "../../../../storage/archive/zip-cache.ts";

/** Zips that tell what happens to them. */
function newZips(openZip?: (number: number) => Promise<undefined>) {
  const events: string[] = [];
  const zips = new OpenZips<{ number: number; close(): Promise<void> }>(async (number) => {
    events.push(`open ${number}`);
    if (openZip !== undefined) return await openZip(number);
    return { number, close: async () => void events.push(`close ${number}`) };
  });
  return { zips, events };
}

const NOTHING = async (): Promise<void> => {};

test("a zip is opened once, by however many it is used at a time", async () => {
  const { zips, events } = newZips();
  await Promise.all([1, 1, 1].map((number) => zips.use(number, NOTHING)));
  await zips.use(1, NOTHING);
  expect(events).toEqual(["open 1"]);
});

test("the one that was used last of all is closed when there are too many", async () => {
  const { zips, events } = newZips();
  for (const number of [1, 2, 1, 3]) await zips.use(number, NOTHING);
  expect(events).toEqual(["open 1", "open 2", "open 3", "close 2"]);
  expect(zips.numbers).toEqual([3, 1]);
});

test("what is in use stays open, also when all are closed, and is closed afterwards", async () => {
  const { zips, events } = newZips();
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const using = zips.use(1, () => done);
  for (const number of [2, 3, 4]) await zips.use(number, NOTHING);
  expect(events).toEqual(["open 1", "open 2", "open 3", "open 4", "close 2"]);
  await zips.close();
  expect(events.slice(5).sort()).toEqual(["close 3", "close 4"]);
  resolve();
  await using;
  expect(events.at(-1)).toBe("close 1");
});

test("work that fails gives its zip back", async () => {
  const { zips, events } = newZips();
  await expect(zips.use(1, () => Promise.reject(new Error("bad bytes")))).rejects.toThrow("bad bytes");
  await zips.close();
  expect(events).toEqual(["open 1", "close 1"]);
});

test("a zip that is missing, or that cannot be opened, is looked for again", async () => {
  const missing = newZips(async () => undefined);
  expect(await missing.zips.use(1, NOTHING)).toBeUndefined();
  expect(await missing.zips.use(1, NOTHING)).toBeUndefined();
  expect(missing.events).toEqual(["open 1", "open 1"]);
  const broken = newZips(() => Promise.reject(new Error("no zip")));
  for (let i = 0; i < 2; i++) await expect(broken.zips.use(1, NOTHING)).rejects.toThrow("no zip");
  expect(broken.events).toEqual(["open 1", "open 1"]);
  expect(broken.zips.numbers).toEqual([]);
});

test("who waited for one that was missing does not lose the one that was opened since", async () => {
  const missing = Promise.withResolvers<undefined>();
  const closed: number[] = [];
  let attempts = 0;
  const zips = new OpenZips((number) =>
    attempts++ === 0 ? missing.promise : Promise.resolve({ close: async () => void closed.push(number) }),
  );
  const uses = [zips.use(1, NOTHING)];
  missing.resolve(undefined);
  // Between the first, which finds that it is missing, and the last, which finds the same a moment later.
  queueMicrotask(() => uses.push(zips.use(1, NOTHING)));
  uses.push(zips.use(1, NOTHING));
  await uses[0];
  await Promise.all(uses);
  await zips.close();
  expect(attempts).toBe(2);
  expect(closed).toEqual([1]);
});
