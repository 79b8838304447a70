import { describe, expect, it } from "vitest";
import { BufferPool } from "../../../../lib/migrate/read/byte-budget.ts";

const KIB = 1024;

describe("a pool of buffers", () => {
  it("gives the same buffer again to whom it is large enough for", () => {
    const pool = new BufferPool(1 << 20);
    const first = pool.take(100 * KIB);
    pool.give(first);
    const smaller = pool.take(90 * KIB);
    expect(smaller).toBe(first);
    expect(pool.take(90 * KIB)).not.toBe(first);
  });

  it("never gives one that is in use to another", () => {
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

  it("keeps no more bytes than it may", () => {
    const pool = new BufferPool(100 * KIB);
    const [a, b] = [pool.take(64 * KIB), pool.take(64 * KIB)];
    pool.give(a);
    pool.give(b);
    const again = [pool.take(64 * KIB), pool.take(64 * KIB)];
    expect(again.filter((taken) => taken === a || taken === b)).toHaveLength(1);
  });

  it("lets go of buffers that have become too small", () => {
    const pool = new BufferPool(256 * KIB);
    const small = Array.from({ length: 8 }, () => pool.take(32 * KIB));
    for (const buffer of small) pool.give(buffer);
    const large = Array.from({ length: 4 }, () => pool.take(64 * KIB));
    for (const buffer of large) pool.give(buffer);
    expect(large).toContain(pool.take(64 * KIB));
  });

  it("gives no small object a large buffer: who counts what is needed would count too little", () => {
    const pool = new BufferPool(1 << 20);
    const large = pool.take(512 * KIB);
    pool.give(large);
    expect(pool.take(100 * KIB).length).toBe(128 * KIB);
    pool.give(large);
    expect(pool.take(300 * KIB)).toBe(large);
  });

  it("leaves a very large one to garbage collection", () => {
    const pool = new BufferPool(1 << 24);
    const large = pool.take(2 << 20);
    pool.give(large);
    expect(pool.take(2 << 20)).not.toBe(large);
  });
});
