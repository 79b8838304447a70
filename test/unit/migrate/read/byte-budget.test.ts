/** The byte budget: memory in flight is bounded, nobody waits for ever, and everything is given back. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool, ByteBudget, type Reservation } from "../../../../lib/migrate/read/byte-budget.ts";

/** Whether a promise, if there is one, has resolved once all that is due has run. */
async function isResolved(promise: Promise<unknown> | undefined): Promise<boolean> {
  let resolved = promise === undefined;
  promise?.then(() => {
    resolved = true;
  });
  await new Promise(setImmediate);
  return resolved;
}

test("a reservation that finds no room waits until others give theirs back", async () => {
  const budget = new ByteBudget(100);
  const [first, second] = [budget.reserve(), budget.reserve()];
  await first.atLeast(70);
  const waiting = second.atLeast(40);
  expect(await isResolved(waiting)).toBe(false);
  expect(budget.taken).toBe(70);
  first.release();
  await waiting;
  expect(budget.taken).toBe(40);
  second.release();
  expect(budget.taken).toBe(0);
});

test("an object larger than the whole budget is let through alone", async () => {
  const budget = new ByteBudget(100);
  const [large, small] = [budget.reserve(), budget.reserve()];
  await large.atLeast(500);
  const waiting = small.atLeast(1);
  expect(await isResolved(waiting)).toBe(false);
  large.release();
  await waiting;
  expect(budget.taken).toBe(1);
});

test("a reservation never takes back, and what it has counts towards what it asks for", async () => {
  const budget = new ByteBudget(100);
  const reservation = budget.reserve();
  await reservation.atLeast(60);
  await reservation.atLeast(20);
  expect(budget.taken).toBe(60);
  await reservation.atLeast(90);
  expect(budget.taken).toBe(90);
});

test("where every holder waits for more, the oldest goes on beyond the limit, and only it", async () => {
  const budget = new ByteBudget(100);
  const holders = [budget.reserve(), budget.reserve(), budget.reserve()] as const;
  for (const holder of holders) await holder.atLeast(30);
  const waits = holders.map((holder) => holder.atLeast(80));
  expect(await Promise.all(waits.map(isResolved))).toEqual([true, false, false]);
  expect(budget.taken).toBe(80 + 30 + 30);
  for (const [i, holder] of holders.entries()) {
    await waits[i];
    holder.release();
  }
  expect(budget.taken).toBe(0);
});

test("room goes to the oldest first, so that no large object starves", async () => {
  const budget = new ByteBudget(100);
  const [large, holding, small] = [budget.reserve(), budget.reserve(), budget.reserve()];
  await holding.atLeast(50);
  const waitingLarge = large.atLeast(90);
  const waitingSmall = small.atLeast(10);
  expect(await isResolved(waitingSmall)).toBe(false);
  holding.release();
  await Promise.all([waitingLarge, waitingSmall]);
  expect(budget.taken).toBe(100);
});

describe("a read that breaks off while it waits leaves nothing behind:", () => {
  test("given up, it takes no room and lets others pass", async () => {
    const budget = new ByteBudget(100);
    const [holding, waiting, behind] = [budget.reserve(), budget.reserve(), budget.reserve()];
    await holding.atLeast(90);
    void waiting.atLeast(50);
    const small = behind.atLeast(10);
    expect(await isResolved(small)).toBe(false);
    waiting.release();
    await small;
    for (const each of [holding, behind]) each.release();
    expect(budget.taken).toBe(0);
  });

  test("tried again, it asks for its room once", async () => {
    const budget = new ByteBudget(100);
    const [holding, waiting] = [budget.reserve(), budget.reserve()];
    await holding.atLeast(90);
    void waiting.atLeast(50);
    const again = waiting.atLeast(60);
    holding.release();
    await again;
    expect(budget.taken).toBe(60);
    waiting.release();
    expect(budget.taken).toBe(0);
  });

  test("given up while it held a part, it does not count as working", async () => {
    const budget = new ByteBudget(100);
    const [holding, part, third] = [budget.reserve(), budget.reserve(), budget.reserve()];
    await holding.atLeast(60);
    await part.atLeast(30);
    void part.atLeast(80);
    part.release();
    expect(budget.taken).toBe(60);
    const waiting = third.atLeast(50);
    expect(await isResolved(waiting)).toBe(false);
    holding.release();
    await waiting;
  });

  test("released in the moment in which it is granted, it gives back what it got", async () => {
    const budget = new ByteBudget(100);
    const [holding, waiting] = [budget.reserve(), budget.reserve()];
    await holding.atLeast(90);
    const granted = waiting.atLeast(50);
    holding.release();
    waiting.release();
    await granted;
    expect(budget.taken).toBe(0);
  });
});

/** An object that grows in steps, and is perhaps given up before the last of them is granted. */
const anyObject = fc.record({
  steps: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
  givesUp: fc.boolean(),
});

async function read(reservation: Reservation, steps: readonly number[], givesUp: boolean): Promise<void> {
  let bytes = 0;
  for (const [i, step] of steps.entries()) {
    bytes += step;
    const granted = reservation.atLeast(bytes);
    if (givesUp && i === steps.length - 1) break;
    await granted;
    await new Promise(setImmediate);
  }
  reservation.release();
}

test("whatever is read at once: no deadlock, no more than one object beyond the limit, all given back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyObject, { minLength: 1, maxLength: 12 }), async (objects) => {
      const limit = 100;
      const budget = new ByteBudget(limit);
      const largest = Math.max(...objects.map(({ steps }) => steps.reduce((sum, step) => sum + step, 0)));
      let most = 0;
      let running = true;
      const watch = (): void => {
        most = Math.max(most, budget.taken);
        if (running) setImmediate(watch);
      };
      watch();
      await Promise.all(objects.map(({ steps, givesUp }) => read(budget.reserve(), steps, givesUp)));
      running = false;
      expect(most).toBeLessThanOrEqual(limit + largest);
      expect(budget.taken).toBe(0);
    }),
    { numRuns: 200 },
  );
});

const KIB = 1024;

describe("a pool of buffers", () => {
  test("gives the same buffer again to whom it is large enough for", () => {
    const pool = new BufferPool(1 << 20);
    const first = pool.take(100 * KIB);
    pool.give(first);
    const smaller = pool.take(90 * KIB);
    expect(smaller).toBe(first);
    expect(pool.take(90 * KIB)).not.toBe(first);
  });

  test("never gives one that is in use to another", () => {
    const pool = new BufferPool(1 << 20);
    const taken = new Set<Buffer>();
    for (let round = 0; round < 1000; round++) {
      const buffer = pool.take((round % 7) * 10 * KIB);
      expect(taken.has(buffer)).toBe(false);
      taken.add(buffer);
      if (round % 3 > 0) {
        const [oldest] = taken as Iterable<Buffer>;
        if (oldest === undefined) continue;
        taken.delete(oldest);
        pool.give(oldest);
      }
    }
  });

  test("keeps no more bytes than it may", () => {
    const pool = new BufferPool(100 * KIB);
    const [a, b] = [pool.take(64 * KIB), pool.take(64 * KIB)];
    pool.give(a);
    pool.give(b);
    const again = [pool.take(64 * KIB), pool.take(64 * KIB)];
    expect(again.filter((taken) => taken === a || taken === b)).toHaveLength(1);
  });

  test("lets go of buffers that have become too small", () => {
    const pool = new BufferPool(256 * KIB);
    const small = Array.from({ length: 8 }, () => pool.take(32 * KIB));
    for (const buffer of small) pool.give(buffer);
    const large = Array.from({ length: 4 }, () => pool.take(64 * KIB));
    for (const buffer of large) pool.give(buffer);
    expect(large).toContain(pool.take(64 * KIB));
  });

  test("gives no small object a large buffer: who counts what is needed would count too little", () => {
    const pool = new BufferPool(1 << 20);
    const large = pool.take(512 * KIB);
    pool.give(large);
    expect(pool.take(100 * KIB).length).toBe(128 * KIB);
    pool.give(large);
    expect(pool.take(300 * KIB)).toBe(large);
  });

  test("leaves a very large one to garbage collection", () => {
    const pool = new BufferPool(1 << 24);
    const large = pool.take(2 << 20);
    pool.give(large);
    expect(pool.take(2 << 20)).not.toBe(large);
  });
});
