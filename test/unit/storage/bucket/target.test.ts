/** A bucket as a target, whichever object store it is in and wherever the private state is. */

import { describe, expect, it, onTestFinished, vi } from "vitest";
import { TargetRefusedError, UsageError } from "../../../../lib/errors.ts";
import type { TargetContents } from "../../../../lib/migrate/ports/target.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { LOCK_OBJECT } from "../../../../storage/bucket/lock.ts";
import { STATE_OBJECT } from "../../../../storage/bucket/state-object.ts";
import { BucketTarget } from "../../../../storage/bucket/target.ts";
import { spannerStores } from "../../../../storage/spanner/store.ts";
import { LATER_MARKER, MARKER, RECORD, STATE as state } from "../../../support/places/bucket-targets.ts";
import {
  MemoryBucket,
  MemoryLogState,
  type MemoryTables,
  memoryOptionsIn,
} from "../../../support/places/memory-bucket.ts";
import { testTarget } from "../../../support/places/target-conformance.ts";

const DATABASE = "projects/p/instances/i/databases/d";
const bindingTo = (name: string) => JSON.stringify({ "memory-store": name });
const bindingToDatabase = (tablePrefix: string) =>
  JSON.stringify({ "tlog-migrate-database": DATABASE, tablePrefix });

function open(bucket: MemoryBucket, tables?: MemoryTables): BucketTarget {
  const store = tables && new MemoryLogState(tables, bucket.location);
  return new BucketTarget(bucket, { store, storeReaders: [spannerStores.optionsIn, memoryOptionsIn] });
}

/** A bucket in which this is said of the private state, and the target in it that goes with this state store, if any. */
function stating(text: string | Uint8Array | undefined, store?: string) {
  const [bucket, tables] = [new MemoryBucket(), store === undefined ? undefined : { name: store }];
  if (text !== undefined) bucket.store(STATE_OBJECT, text);
  return { bucket, tables, target: open(bucket, tables) };
}

/** One that is claimed. */
async function claimed(store?: string) {
  const opened = stating(undefined, store);
  await opened.target.claim(MARKER);
  return opened;
}

async function found(target: BucketTarget): Promise<string> {
  const contents = await target.inspect();
  return contents.kind === "occupied" ? contents.found : contents.kind;
}

describe.each([
  ["a bucket with a state store", true],
  ["a bucket for a mirror", false],
])("%s", (_name, hasTreeState) => {
  testTarget(async () => {
    const { bucket, tables } = stating(undefined, hasTreeState ? "one" : undefined);
    return {
      open: async () => open(bucket, tables),
      hasTreeState,
      putByOthers: async (path, bytes) => bucket.store(path, bytes),
    };
  });
});

describe("a copy that is overtaken by another", () => {
  it("leaves a mirror's claim that was changed while it was read", async () => {
    const { bucket, target } = await claimed();
    const get = bucket.get.bind(bucket);
    vi.spyOn(bucket, "get").mockImplementationOnce(async (...args) => {
      const found = await get(...args);
      bucket.store(STATE_OBJECT, RECORD);
      return found;
    });
    await expect(target.replaceMarker(MARKER, LATER_MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(bucket.text(STATE_OBJECT)).toBe(RECORD);
  });

  it.each([undefined, "one"])("removes nothing, also once it has seen the changed claim", async (store) => {
    const { bucket, tables, target } = await claimed(store);
    bucket.store("tile/1/000", "a seal");
    await open(bucket, tables).replaceMarker(MARKER, LATER_MARKER);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: LATER_MARKER });
    await expect(target.remove("tile/1/000")).rejects.toBeInstanceOf(TargetRefusedError);
    expect(bucket.text("tile/1/000")).toBe("a seal");
  });

  it("does not remove what another stored while the claim was looked at", async () => {
    const { bucket, target } = await claimed();
    bucket.store("tile/1/000", "a seal");
    const get = bucket.get.bind(bucket);
    vi.spyOn(bucket, "get").mockImplementationOnce(async (...args) => {
      bucket.store("tile/1/000", "theirs");
      return await get(...args);
    });
    await expect(target.remove("tile/1/000")).rejects.toThrow(/was stored again while this copy removed it/);
    expect(bucket.text("tile/1/000")).toBe("theirs");
  });

  it.each([
    ["has changed the claim", (target: BucketTarget) => target.replaceMarker(MARKER, LATER_MARKER)],
    ["has handed over", (target: BucketTarget) => target.handOver(MARKER, state, RECORD)],
  ])("replaces nothing 3 s after it last saw its claim, where another %s", async (_what, act) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const { bucket, target } = await claimed();
    const batch = target.openWriter().batch();
    for (const path of ["tile/0/000", "tile/0/001"]) bucket.store(path, "debris");
    await batch.put("tile/0/000", Buffer.from("a tile"));
    await act(open(bucket));
    vi.setSystemTime(Date.now() + 3_000);
    await expect(batch.put("tile/0/001", Buffer.from("a tile"))).rejects.toThrow(TargetRefusedError);
    expect(bucket.text("tile/0/001")).toBe("debris");
  });

  it("goes on under a claim that it has changed itself", async () => {
    const { bucket, target } = await claimed();
    await target.replaceMarker(MARKER, LATER_MARKER);
    bucket.store("tile/1/000", "a seal");
    await target.remove("tile/1/000");
    expect(bucket.text("tile/1/000")).toBeUndefined();
  });

  it("does not confirm a handover that is there no more", async () => {
    const { bucket, target } = await claimed();
    await target.handOver(MARKER, state, RECORD);
    bucket.store(STATE_OBJECT, MARKER);
    await expect(target.confirmHandOver()).rejects.toThrow(/was handed over, but no longer is/);
  });
});

describe("a repair in a bucket", () => {
  const TILE = "tile/0/000";

  /** A bucket with a damaged tile, whose object changes to `text` after it was looked at for the first time. */
  async function changing(text: string) {
    const { bucket, target } = stating(RECORD);
    bucket.store(TILE, "wrong");
    const get = bucket.get.bind(bucket);
    const looks = vi.spyOn(bucket, "get").mockImplementationOnce(async (...object) => {
      const found = await get(...object);
      bucket.store(TILE, text);
      return found;
    });
    await (await target.openRepairs()).replace(TILE, Buffer.from("a tile"));
    expect(looks).toHaveBeenCalledTimes(2);
    return bucket;
  }

  it("looks again at an object that changed meanwhile, and replaces only the version that it looked at", async () => {
    const bucket = await changing("damaged otherwise");
    expect(bucket.text(TILE)).toBe("a tile");
    const put = vi.spyOn(bucket, "put");
    await (await open(bucket).openRepairs()).replace(TILE, Buffer.from("another tile"));
    expect(put.mock.calls.map(([, , instead]) => instead?.version)).toEqual([undefined, expect.any(String)]);
  });

  it("changes nothing in a store that passes over conditions, and asks that only where it would write", async () => {
    const { bucket, target } = stating(RECORD);
    bucket.store(TILE, "wrong");
    const refusal = new TargetRefusedError({ object: "the store", problem: "passes over conditions" });
    const asked = vi.spyOn(bucket, "requireConditionalWrites").mockRejectedValue(refusal);
    const repairs = await target.openRepairs();
    await repairs.read(TILE, 10);
    expect(asked).not.toHaveBeenCalled();
    await expect(repairs.replace(TILE, Buffer.from("a tile"))).rejects.toBe(refusal);
    expect(bucket.text(TILE)).toBe("wrong");
  });

  it("changes nothing in a log whose data tiles are stored encoded, as Sunlight's are", async () => {
    const bucket = new MemoryBucket();
    bucket.store(TILE, "wrong");
    bucket.store("tile/data/000", "a data tile, as it is decoded");
    const stored = new MemoryBucket();
    vi.spyOn(stored, "get").mockRejectedValue(new FormatError("has an encoding", "none", "gzip"));
    const target = new BucketTarget(bucket, { storeReaders: [], openStored: async () => stored });
    const repair = (await target.openRepairs()).replace(TILE, Buffer.from("a tile"));
    await expect(repair).rejects.toThrow(/tile\/data\/000.* is stored with a Content-Encoding/);
    expect(bucket.text(TILE)).toBe("wrong");
  });

  it("leaves an object that became right meanwhile", async () => {
    const before = (await changing("a tile")).objects.get(TILE);
    expect(before?.version).toBe("version-3");
  });
});

it("a checkpoint whose answer got lost was stored, and one that another stored was not", async () => {
  const bucket = new MemoryBucket();
  const put = vi.spyOn(bucket, "put");
  for (const text of ["ours", "theirs"]) {
    put.mockImplementationOnce(async (path) => {
      bucket.store(path, text);
      return false;
    });
    expect(await open(bucket).publishCheckpoint(Buffer.from("ours"))).toBe(text === "ours");
    expect(bucket.text("checkpoint")).toBe(text);
  }
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
  it("is written by the first claim and names the state store", async () => {
    const { bucket } = await claimed("one");
    expect(bucket.text(STATE_OBJECT)).toBe(`${bindingTo("one")}\n`);
  });

  it("is written once the state store is prepared, and before that is claimed", async () => {
    const { bucket, target } = stating(undefined, "one");
    const prepare = vi.spyOn(MemoryLogState.prototype, "prepare");
    const claim = vi.spyOn(MemoryLogState.prototype, "claim");
    prepare.mockRejectedValueOnce(new Error("another schema"));
    claim.mockRejectedValueOnce(new Error("killed"));
    await expect(target.claim(MARKER)).rejects.toThrow("another schema");
    expect(bucket.text(STATE_OBJECT)).toBeUndefined();
    await expect(target.claim(MARKER)).rejects.toThrow("killed");
    expect(bucket.text(STATE_OBJECT)).toBe(`${bindingTo("one")}\n`);
  });

  it.each([
    [bindingTo("one"), /goes with --memory one; it may be deleted if no copy/],
    [bindingToDatabase("a_"), new RegExp(`goes with --spanner ${DATABASE} --spanner-table-prefix a_;`)],
    [Buffer.alloc(2 << 20), STATE_OBJECT],
    [MARKER, "tlog-migrate-marker"],
  ])("keeps a copy for another state store out, of whichever kind, or a mirror", async (text, words) => {
    const { target } = stating(text, "two");
    expect(await found(target)).toMatch(words);
    for (const work of [
      () => target.claim(MARKER),
      () => target.replaceMarker(MARKER, LATER_MARKER),
      () => target.handOver(MARKER, state, RECORD),
      () => target.confirmHandOver(),
    ]) {
      await expect(work()).rejects.toBeInstanceOf(TargetRefusedError);
    }
  });

  it("keeps a mirror out where nobody could have written it", async () => {
    expect(await found(stating(Buffer.alloc(2 << 20)).target)).toContain(STATE_OBJECT);
  });

  it("is not believed where the state store belongs to another target", async () => {
    const { bucket, tables } = await claimed("one");
    const other = open(new MemoryBucket("mem://other/"), tables);
    expect(await found(other)).toBe(`the memory one belongs to ${bucket.location}`);
    await expect(other.claim(MARKER)).rejects.toBeInstanceOf(TargetRefusedError);
  });

  it("is said to be gone, with what to store again", async () => {
    const { bucket, tables, target } = await claimed("one");
    bucket.objects.delete(STATE_OBJECT);
    expect(await found(target)).toMatch(
      /belongs to this target, but .* is gone.*store it again: \{"memory-store/,
    );
    for (const work of [target.handOver(MARKER, state, RECORD), target.replaceMarker(MARKER, LATER_MARKER)]) {
      await expect(work).rejects.toBeInstanceOf(TargetRefusedError);
    }
    expect(tables).toMatchObject({ contents: { kind: "claimed", marker: MARKER } });
  });
});

describe("where the private state was looked for", () => {
  const OCCUPIED: TargetContents = { kind: "occupied", found: "a log" };

  it("is known where a state store was named", () => {
    expect(stating(undefined, "one").target.externalState.isNamed).toBe(true);
    expect(stating(undefined).target.externalState.isNamed).toBe(false);
  });

  it.each(["none", "another"])("and is %s is answered with options that name the right one", async (what) => {
    const { target } = stating(bindingToDatabase(""), what === "none" ? undefined : "two");
    const check = target.externalState.requireNamed(OCCUPIED);
    await expect(check).rejects.toBeInstanceOf(UsageError);
    await expect(check).rejects.toThrow(new RegExp(`in another place.*Pass --spanner ${DATABASE}$`));
  });

  it.each([MARKER, RECORD])("of a mirror is answered with the options to leave out: %s", async (text) => {
    const { bucket, target } = stating(text, "one");
    const check = target.externalState.requireNamed(OCCUPIED);
    await expect(check).rejects.toThrow(/is a mirror.*Leave --memory one out/);
    await open(bucket).externalState.requireNamed(OCCUPIED);
  });

  it.each([bindingTo("one"), "not JSON", "null", ""])("may be there if the bucket says %j", async (text) => {
    await stating(text, "one").target.externalState.requireNamed(OCCUPIED);
  });

  it("and has no tree state is the wrong one", () => {
    const failure = stating(undefined, "one").target.externalState.noTreeState();
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(
      /no tree state in the state store that was named.*--memory one.*Name the log's own/,
    );
  });
});

describe("what log software does badly below a prefix", () => {
  it.each<[location: string, isToAppend: boolean, warnings: readonly string[]]>([
    ["mem://bucket/log/", true, ["It forgets."]],
    ["mem://bucket/log/", false, []],
    ["mem://bucket/", true, []],
  ])("is said of %s, where something appends: %s", async (location, isToAppend, warnings) => {
    const bucket = new MemoryBucket(location);
    const store = Object.assign(new MemoryLogState({ name: "one" }, location), {
      prefixWarning: "It forgets.",
    });
    const target = new BucketTarget(bucket, { store, storeReaders: [memoryOptionsIn] });
    expect(await target.warnings(isToAppend)).toEqual(warnings);
  });
});
