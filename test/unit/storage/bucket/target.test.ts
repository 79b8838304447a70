/** A bucket as a target, whichever object store it is in and wherever the private state is. */

import { createHash } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { TargetRefusedError, UsageError } from "../../../../lib/errors.ts";
import type { MigrationTarget, TargetContents, TreeState } from "../../../../lib/migrate/ports/target.ts";
import { LOCK_OBJECT } from "../../../../storage/bucket/lock.ts";
import { STATE_OBJECT } from "../../../../storage/bucket/state-object.ts";
import { BucketTarget } from "../../../../storage/bucket/target.ts";
import { spannerStores } from "../../../../storage/spanner/store.ts";
import {
  MemoryBucket,
  MemoryLogState,
  MemoryTables,
  memoryOptionsIn,
} from "../../../support/places/memory-bucket.ts";
import { testTarget } from "../../../support/places/target-conformance.ts";

const MARKER = `{"tlog-migrate-marker":1,"first":true}\n`;
const LATER_MARKER = `{"tlog-migrate-marker":1,"first":false}\n`;
const RECORD = `{"tlog-migrate-record":1}\n`;
const DATABASE = "projects/p/instances/i/databases/d";
const state: TreeState = { size: 300, rootHash: createHash("sha256").digest(), collectFrom: 256 };

function open(bucket: MemoryBucket, tables?: MemoryTables): MigrationTarget {
  const store = tables && new MemoryLogState(tables, bucket.location);
  return new BucketTarget(bucket, { store, storeReaders: [spannerStores.optionsIn, memoryOptionsIn] });
}

async function found(target: MigrationTarget): Promise<string> {
  const contents = await target.inspect();
  return contents.kind === "occupied" ? contents.found : contents.kind;
}

for (const [name, hasTreeState] of [
  ["a bucket with a state store", true],
  ["a bucket for a mirror", false],
] as const) {
  describe(name, () => {
    testTarget(async () => {
      const [bucket, tables] = [new MemoryBucket(), new MemoryTables("one")];
      return {
        open: async () => open(bucket, hasTreeState ? tables : undefined),
        hasTreeState,
        putByOthers: async (path, bytes) => bucket.store(path, bytes),
      };
    });
  });
}

describe("a copy that is overtaken by another", () => {
  it("leaves a mirror's claim that was changed while it was read", async () => {
    const bucket = new MemoryBucket();
    const target = open(bucket);
    await target.claim(MARKER);
    const get = bucket.get.bind(bucket);
    vi.spyOn(bucket, "get").mockImplementationOnce(async (...args) => {
      const found = await get(...args);
      bucket.store(STATE_OBJECT, RECORD);
      return found;
    });
    await expect(target.replaceMarker(MARKER, LATER_MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(bucket.text(STATE_OBJECT)).toBe(RECORD);
  });

  it("removes nothing, also after it has looked at the changed claim", async () => {
    const bucket = new MemoryBucket();
    const target = open(bucket);
    await target.claim(MARKER);
    bucket.store("tile/1/000", "a seal");
    await open(bucket).replaceMarker(MARKER, LATER_MARKER);
    await target.inspect();
    await expect(target.remove("tile/1/000")).rejects.toBeInstanceOf(TargetRefusedError);
    expect(bucket.text("tile/1/000")).toBe("a seal");
  });

  it("does not confirm a handover that is there no more", async () => {
    const bucket = new MemoryBucket();
    const target = open(bucket);
    await target.claim(MARKER);
    await target.handOver(MARKER, state, RECORD);
    bucket.store(STATE_OBJECT, MARKER);
    await expect(target.confirmHandOver()).rejects.toThrow(/was handed over, and is not any more/);
  });
});

it("a copy that is stopped waits for nothing in its bucket, and still gives its lock back", async () => {
  const [lasting, until] = [new MemoryBucket(), new MemoryBucket()];
  until.objects = lasting.objects;
  const { signal } = new AbortController();
  const ended = vi.spyOn(lasting, "until").mockReturnValue(until);
  const target = new BucketTarget(lasting, { storeReaders: [], signal });
  expect(ended).toHaveBeenCalledWith(signal);
  await target.claim(MARKER);
  const lock = await target.lock();
  expect(lasting.text(LOCK_OBJECT)).toBeDefined();
  for (const method of ["stat", "get", "remove"] as const) {
    vi.spyOn(until, method).mockRejectedValue(new Error("the copy was stopped"));
  }
  await expect(target.inspect()).rejects.toThrow("the copy was stopped");
  await lock.release();
  expect(lasting.text(LOCK_OBJECT)).toBeUndefined();
});

describe("what a bucket says of its private state", () => {
  const BINDING = (name: string) => JSON.stringify({ "memory-store": name });

  it("is written by the first claim and names the state store", async () => {
    const bucket = new MemoryBucket();
    await open(bucket, new MemoryTables("one")).claim(MARKER);
    expect(bucket.text(STATE_OBJECT)).toBe(`${BINDING("one")}\n`);
  });

  it("keeps a copy for another state store out, of whichever kind", async () => {
    const bucket = new MemoryBucket();
    const target = open(bucket, new MemoryTables("two"));
    bucket.store(STATE_OBJECT, BINDING("one"));
    expect(await found(target)).toMatch(/goes with --memory one; it may be deleted if no copy/);
    bucket.store(STATE_OBJECT, JSON.stringify({ "tlog-migrate-database": DATABASE, tablePrefix: "a_" }));
    expect(await found(target)).toContain(`goes with --spanner ${DATABASE} --spanner-table-prefix a_;`);
    await expect(target.claim(MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
  });

  it("keeps a copy out where nobody could have written it", async () => {
    const bucket = new MemoryBucket();
    bucket.store(STATE_OBJECT, Buffer.alloc(2 << 20));
    expect(await found(open(bucket))).toContain(STATE_OBJECT);
    expect(await found(open(bucket, new MemoryTables("one")))).toContain(STATE_OBJECT);
  });

  it("is not believed where the state store belongs to another target", async () => {
    const tables = new MemoryTables("one");
    const [mine, other] = [new MemoryBucket("mem://mine/"), new MemoryBucket("mem://other/")];
    await open(mine, tables).claim(MARKER);
    expect(await found(open(other, tables))).toBe("the memory one belongs to mem://mine/");
    await expect(open(other, tables).claim(MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
  });

  it("is said to be gone, with what to store again", async () => {
    const [bucket, tables] = [new MemoryBucket(), new MemoryTables("one")];
    const target = open(bucket, tables);
    await target.claim(MARKER);
    bucket.objects.delete(STATE_OBJECT);
    expect(await found(target)).toMatch(
      /belongs to this target, but .* is gone.*store it again: \{"memory-store/,
    );
    await expect(target.handOver(MARKER, state, RECORD)).rejects.toBeInstanceOf(TargetRefusedError);
  });
});

describe("where the private state was looked for", () => {
  const OCCUPIED: TargetContents = { kind: "occupied", found: "a log" };

  it("is known where a state store was named", () => {
    expect(open(new MemoryBucket(), new MemoryTables("one")).externalState?.isNamed).toBe(true);
    expect(open(new MemoryBucket()).externalState?.isNamed).toBe(false);
  });

  it.each([
    ["none", undefined],
    ["another", new MemoryTables("two")],
  ])("and is %s is answered with the options that name the right one", async (_what, tables) => {
    const bucket = new MemoryBucket();
    bucket.store(STATE_OBJECT, JSON.stringify({ "tlog-migrate-database": DATABASE, tablePrefix: "" }));
    const check = open(bucket, tables).externalState?.requireNamed(OCCUPIED);
    await expect(check).rejects.toBeInstanceOf(UsageError);
    await expect(check).rejects.toThrow(new RegExp(`in another place.*Pass --spanner ${DATABASE}$`));
  });

  it("of a mirror is answered with the options to leave out", async () => {
    const bucket = new MemoryBucket();
    const target = open(bucket, new MemoryTables("one"));
    for (const text of [MARKER, RECORD]) {
      bucket.store(STATE_OBJECT, text);
      await expect(target.externalState?.requireNamed(OCCUPIED)).rejects.toThrow(
        /is a mirror.*Leave --memory one out/,
      );
    }
    await open(bucket).externalState?.requireNamed(OCCUPIED);
  });

  it.each([JSON.stringify({ "memory-store": "one" }), "not JSON", "null", ""])(
    "may be there where the bucket says %j",
    async (text) => {
      const bucket = new MemoryBucket();
      bucket.store(STATE_OBJECT, text);
      await open(bucket, new MemoryTables("one")).externalState?.requireNamed(OCCUPIED);
    },
  );

  it("and has no tree state is the wrong one", () => {
    const failure = open(new MemoryBucket(), new MemoryTables("one")).externalState?.noTreeState();
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure?.message).toMatch(
      /no tree state in the state store that was named.*--memory one.*Name the log's own/,
    );
  });
});
