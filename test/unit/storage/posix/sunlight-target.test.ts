import fs from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { OperationError, TargetRefusedError, UsageError } from "../../../../lib/errors.ts";
import type { SignedLog } from "../../../../lib/migrate/ports/target.ts";
import { formatHash } from "../../../../lib/tlog/merkle.ts";
import { DurableDirectory } from "../../../../storage/posix/durable.ts";
import { LockDatabase } from "../../../../storage/posix/sunlight-lock.ts";
import { SunlightTarget } from "../../../../storage/posix/sunlight-target.ts";
import { LATER_MARKER, MARKER, RECORD, STATE as TREE } from "../../../support/places/bucket-targets.ts";
import { directoryContents, memoryDirectory, writeFiles } from "../../../support/places/directory.ts";
import { lockRows, newLockDatabase, putLockRow, textOf } from "../../../support/places/sunlight.ts";

const LOG_ID = Buffer.alloc(32, 7);

/** A checkpoint of the test's log, signed twice in its name, at some time. */
function checkpointOf(size: number, time = "AAAA", origin = "log.example/ct"): Buffer {
  const signature = `— ${origin} ${Buffer.from(`sign${time}${size}`).toString("base64")}\n`;
  return Buffer.from(`${origin}\n${size}\n${formatHash(TREE.rootHash)}\n\n${signature}${signature}`);
}
const CHECKPOINT = checkpointOf(TREE.size);
const LOG: SignedLog = { format: "static-ct", origin: "log.example/ct", note: CHECKPOINT, logId: LOG_ID };

/** A target of the log, as another run would open it. */
function opened(root: string, lock: string | undefined): SunlightTarget {
  const target = new SunlightTarget(root, {}, lock === undefined ? undefined : new LockDatabase(lock));
  target.requireLog(LOG);
  return target;
}

async function claimed() {
  const lock = newLockDatabase();
  const root = join(memoryDirectory(), "log");
  const target = opened(root, lock);
  await target.claim(MARKER);
  return { root, lock, target };
}

const ROW = { [LOG_ID.toString("hex")]: CHECKPOINT.toString() };

test("the claim is the checkpoint, on which Sunlight starts with a row and without", async () => {
  const { root, target, lock } = await claimed();
  expect(textOf(root, "checkpoint")).toBe(`migration-in-progress ${MARKER}`);
  expect(await opened(root, lock).inspect()).toEqual({ kind: "claimed", marker: MARKER });
  await expect(opened(root, lock).claim(LATER_MARKER)).rejects.toThrow(TargetRefusedError);
  await target.replaceMarker(MARKER, LATER_MARKER);
  await expect(target.handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow(TargetRefusedError);
  expect(await target.inspect()).toEqual({ kind: "claimed", marker: LATER_MARKER });
  expect(await target.openWriter().read("checkpoint", 1000)).toBeUndefined();
  expect(lockRows(lock)).toEqual({});
});

test("a handover adds the row, then puts the checkpoint there, byte for byte", async () => {
  const { root, target, lock } = await claimed();
  expect(await target.integratedTree()).toBeUndefined();
  await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
  expect(textOf(root, "checkpoint")).toBe(CHECKPOINT.toString());
  expect(lockRows(lock)).toEqual(ROW);
  expect(await target.inspect()).toEqual({ kind: "handed-over", record: RECORD });
  expect(await target.integratedTree()).toEqual({
    size: TREE.size,
    rootHash: new Uint8Array(TREE.rootHash),
  });
  await opened(root, lock).confirmHandOver();
  await expect(opened(root, newLockDatabase()).confirmHandOver()).rejects.toThrow(/has no row of this log/);
  await expect(target.handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow(TargetRefusedError);
});

test("a handover without a lock database leaves the row to the operator", async () => {
  const root = join(memoryDirectory(), "log");
  const target = opened(root, undefined);
  await target.claim(MARKER);
  await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
  expect(textOf(root, "checkpoint")).toBe(CHECKPOINT.toString());
  expect(target.location).toBe(`gzip+${pathToFileURL(root).href}`);
});

describe("a handover that is broken off", () => {
  test.each([0, 1, 2])(
    "after %i of its files is finished by the next run, with what is signed",
    async (done) => {
      const { root, lock } = await claimed();
      const { replace } = DurableDirectory.prototype;
      let calls = 0;
      const spy = vi.spyOn(DurableDirectory.prototype, "replace");
      spy.mockImplementation(function (this: DurableDirectory, ...args) {
        return calls++ === done ? Promise.reject(new Error("killed")) : replace.apply(this, args);
      });
      await expect(opened(root, lock).handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow("killed");
      spy.mockRestore();
      const next = opened(root, lock);
      expect(await next.inspect()).toEqual({ kind: "claimed", marker: MARKER });
      const hasRow = done > 0;
      expect(lockRows(lock)).toEqual(hasRow ? ROW : {});
      expect((await next.integratedTree())?.size).toBe(hasRow ? TREE.size : undefined);
      // The source has signed the same tree again meanwhile.
      const later = checkpointOf(TREE.size, "BBBB");
      await next.handOver(MARKER, TREE, RECORD, later);
      const expected = (hasRow ? CHECKPOINT : later).toString();
      expect(textOf(root, "checkpoint")).toBe(expected);
      expect(Object.values(lockRows(lock))).toEqual([expected]);
    },
  );

  test("is taken back, row and all", async () => {
    const { root, target, lock } = await claimed();
    const original = DurableDirectory.prototype.replace;
    let calls = 0;
    const spy = vi.spyOn(DurableDirectory.prototype, "replace");
    spy.mockImplementation(function (this: DurableDirectory, ...args) {
      return ++calls === 3 ? Promise.reject(new Error("killed")) : original.apply(this, args);
    });
    await expect(target.handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow("killed");
    spy.mockRestore();
    await opened(root, lock).takeBack(MARKER, TREE);
    expect(lockRows(lock)).toEqual({});
    expect(await target.integratedTree()).toBeUndefined();
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: MARKER });
  });
});

describe("a row that exists is never replaced", () => {
  test.each([
    ["the same key", LOG_ID, CHECKPOINT],
    ["another key of the same name", Buffer.alloc(32, 8), checkpointOf(5)],
  ])("of %s: it is not even claimed", async (_, logId, checkpoint) => {
    const lock = newLockDatabase();
    putLockRow(lock, logId, checkpoint);
    const root = join(memoryDirectory(), "log");
    await expect(opened(root, lock).claim(MARKER)).rejects.toThrow(/has a row of this log already/);
    expect(fs.existsSync(root)).toBe(false);
  });

  test.each([
    ["the same key", LOG_ID, CHECKPOINT],
    ["the same key, and another name", LOG_ID, checkpointOf(5, "AAAA", "log.example/another")],
    ["another key of the same name", Buffer.alloc(32, 8), CHECKPOINT],
  ])("of %s, that appeared since", async (_, logId, checkpoint) => {
    const { root, target, lock } = await claimed();
    putLockRow(lock, logId, checkpoint);
    const before = lockRows(lock);
    await expect(target.handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow(TargetRefusedError);
    expect(lockRows(lock)).toEqual(before);
    expect(await opened(root, lock).inspect()).toEqual({ kind: "claimed", marker: MARKER });
  });

  test("of other logs is no matter", async () => {
    const { target, lock } = await claimed();
    const other = checkpointOf(5, "AAAA", "log.example/ct2");
    putLockRow(lock, Buffer.alloc(32, 9), other);
    await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
    expect(lockRows(lock)).toEqual({ ...ROW, [Buffer.alloc(32, 9).toString("hex")]: other.toString() });
  });
});

describe("a handover is taken back", () => {
  async function handedOver() {
    const place = await claimed();
    await place.target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
    return place;
  }

  test("where Sunlight has not signed since", async () => {
    const { root, lock } = await handedOver();
    const target = opened(root, lock);
    await target.takeBack(MARKER, TREE, RECORD);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: MARKER });
    expect(lockRows(lock)).toEqual({});
    await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
    expect(lockRows(lock)).toEqual(ROW);
  });

  const again = checkpointOf(TREE.size, "BBBB");
  test.each<[string, (place: { root: string; lock: string }) => void]>([
    [
      "Sunlight has signed the same tree again",
      ({ lock, root }) => {
        putLockRow(lock, LOG_ID, again);
        writeFiles(root, [["checkpoint", again]]);
      },
    ],
    ["Sunlight has signed, and not published", ({ lock }) => putLockRow(lock, LOG_ID, again)],
    ["the record is another", ({ root }) => writeFiles(root, [[".state/tlog-migrate.json", "{}"]])],
  ])("not where %s", async (_, change) => {
    const { root, lock } = await handedOver();
    change({ root, lock });
    const before = [directoryContents(root), lockRows(lock)];
    await expect(opened(root, lock).takeBack(MARKER, TREE, RECORD)).rejects.toThrow(TargetRefusedError);
    expect([directoryContents(root), lockRows(lock)]).toEqual(before);
  });

  test("not where Sunlight signs between the look and the guard", async () => {
    const { root, lock } = await handedOver();
    const { remove } = LockDatabase.prototype;
    vi.spyOn(LockDatabase.prototype, "remove").mockImplementationOnce(function (this: LockDatabase, row) {
      putLockRow(lock, LOG_ID, again);
      return remove.call(this, row);
    });
    await expect(opened(root, lock).takeBack(MARKER, TREE, RECORD)).rejects.toThrow(/gone on/);
    expect(textOf(root, "checkpoint")).toBe(CHECKPOINT.toString());
    expect(await opened(root, lock).inspect()).toEqual({ kind: "handed-over", record: RECORD });
    expect(Object.values(lockRows(lock))).toEqual([again.toString()]);
  });
});

test.each<[string, Partial<SignedLog>, RegExp]>([
  ["of tlog-tiles", { format: "tiles" }, /Pass --format static-ct/],
  ["whose RFC 6962 key is not known", { logId: undefined }, /needs the log's RFC 6962 key/],
  [
    "of TesseraCT, which signs once",
    { note: Buffer.from(`${CHECKPOINT}`.replace(/— .*\n$/, "")) },
    /this one has 1/,
  ],
])("no log %s is copied there", (_, change, words) => {
  const target = new SunlightTarget("/nowhere", {});
  expect(() => target.requireLog({ ...LOG, ...change })).toThrow(UsageError);
  expect(() => target.requireLog({ ...LOG, ...change })).toThrow(words);
});

test.each<[string, Record<string, string>, RegExp]>([
  ["a log of Sunlight", { checkpoint: CHECKPOINT.toString(), "tile/0/000": "" }, /^a checkpoint$/],
  ["a copy for Tessera", { ".state/version": "migration-in-progress {}" }, /Tessera/],
  ["a record without a checkpoint", { ".state/tlog-migrate.json": RECORD }, /no checkpoint/],
])("what has %s is occupied", async (_, files, found) => {
  const root = memoryDirectory();
  writeFiles(root, Object.entries(files));
  expect(await opened(root, newLockDatabase()).inspect()).toEqual({
    kind: "occupied",
    found: expect.stringMatching(found),
  });
});

describe("a data tile", () => {
  const bytes = Buffer.from("a data tile");
  const published = gzipSync(bytes, { level: 1 });

  test("is stored as gzip, and read decoded; others are plain", async () => {
    const { root, target } = await claimed();
    const writer = target.openWriter();
    const batch = writer.batch();
    await batch.put("tile/data/000", bytes, published);
    await batch.put("tile/data/001", bytes);
    await batch.put("tile/0/000", bytes, published);
    await batch.commit();
    expect(fs.readFileSync(join(root, "tile/data/000"))).toEqual(published);
    expect(gunzipSync(fs.readFileSync(join(root, "tile/data/001")))).toEqual(bytes);
    expect(textOf(root, "tile/0/000")).toBe("a data tile");
    expect(Buffer.from((await writer.read("tile/data/000", 100)) ?? [])).toEqual(bytes);
    expect(await writer.read("tile/data/000", 3)).toEqual(new Uint8Array(0));
    for await (const { isCompressed } of target.list("tile/data")) expect(isCompressed).toBe(true);
  });

  test("that has another name too is written again, compressed", async () => {
    const { root, target } = await claimed();
    writeFiles(root, [["tile/data/000", published]]);
    fs.linkSync(join(root, "tile/data/000"), join(root, "other"));
    const batch = target.openWriter().batch();
    await batch.keep("tile/data/000", bytes);
    await batch.commit();
    expect(fs.statSync(join(root, "tile/data/000")).nlink).toBe(1);
    expect(gunzipSync(fs.readFileSync(join(root, "tile/data/000")))).toEqual(bytes);
  });

  test("that is not whole gzip is leftover", async () => {
    const { root, target } = await claimed();
    const files = {
      "000": bytes,
      "001": Buffer.concat([published, bytes]),
      "002": published.subarray(0, 12),
    };
    for (const [name, stored] of Object.entries(files)) {
      writeFiles(root, [[`tile/data/${name}`, stored]]);
      expect(await target.openWriter().read(`tile/data/${name}`, 100)).toEqual(new Uint8Array(0));
    }
  });
});

describe("a lock database", () => {
  test("that does not exist is not made", async () => {
    const lock = join(memoryDirectory(), "none.db");
    const root = join(memoryDirectory(), "log");
    await expect(opened(root, lock).claim(MARKER)).rejects.toThrow(UsageError);
    expect(fs.existsSync(lock)).toBe(false);
  });

  test("that is of something else is refused before anything is claimed", async () => {
    const root = join(memoryDirectory(), "log");
    const lock = newLockDatabase("CREATE TABLE other (id INTEGER)");
    await expect(opened(root, lock).claim(MARKER)).rejects.toThrow(OperationError);
    await expect(opened(root, lock).claim(MARKER)).rejects.toThrow(/no such table: checkpoints/);
    expect(fs.existsSync(root)).toBe(false);
  });
});
