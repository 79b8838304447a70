/** Logs of Sunlight in a directory and in a bucket, with each kind of lock: claimed, handed over, taken back. */

import { describe, expect, test, vi } from "vitest";
import { TargetRefusedError, UsageError } from "../../../../lib/errors.ts";
import type { SignedLog, TreeState } from "../../../../lib/migrate/ports/target.ts";
import { BucketTarget } from "../../../../storage/bucket/target.ts";
import type { SunlightLock } from "../../../../storage/sunlight/lock.ts";
import { LATER_MARKER, MARKER, RECORD, STATE as TREE } from "../../../support/places/bucket-targets.ts";
import {
  CHECKPOINT,
  checkpointOf,
  LOG,
  LOG_ID,
  sunlightBucket,
  sunlightDirectory,
  testDatabase,
  testLockBucket,
} from "../../../support/places/sunlight.ts";

const HANDOVER = ".state/tlog-migrate.json";
const CLAIM = `migration-in-progress ${MARKER}`;
const ROW = { [LOG_ID.toString("hex")]: CHECKPOINT.toString() };

describe.each([
  ["a directory with an SQLite lock", sunlightDirectory, testDatabase],
  ["a directory with a lock in a bucket", sunlightDirectory, testLockBucket],
  ["a bucket with an SQLite lock", sunlightBucket, testDatabase],
  ["a bucket with a lock in a bucket", sunlightBucket, testLockBucket],
])("%s", (_name, newPlace, newLock) => {
  async function claimed() {
    const [place, lock] = [newPlace(), newLock()];
    const target = place.open(lock.open());
    await target.claim(MARKER);
    return { place, lock, target };
  }

  async function handedOver() {
    const claim = await claimed();
    await claim.target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
    return claim;
  }

  test("the claim is the checkpoint, which Sunlight refuses with a row and without", async () => {
    const { place, target, lock } = await claimed();
    expect(place.text("checkpoint")).toBe(CLAIM);
    expect(await place.open(lock.open()).inspect()).toEqual({ kind: "claimed", marker: MARKER });
    await expect(place.open(lock.open()).claim(LATER_MARKER)).rejects.toThrow(TargetRefusedError);
    await target.replaceMarker(MARKER, LATER_MARKER);
    await expect(target.handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow(TargetRefusedError);
    expect(await target.inspect()).toEqual({ kind: "claimed", marker: LATER_MARKER });
    expect(await target.openWriter().read("checkpoint", 1000)).toBeUndefined();
    expect(lock.rows()).toEqual({});
    await target.unclaim(LATER_MARKER);
    expect(place.text("checkpoint")).toBeUndefined();
    expect(await place.open(lock.open()).inspect()).toEqual({ kind: "empty" });
  });

  test("a handover adds the row, then puts the checkpoint there, byte for byte", async () => {
    const { place, target, lock } = await claimed();
    expect(await target.integratedTree()).toBeUndefined();
    await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
    expect(place.text("checkpoint")).toBe(CHECKPOINT.toString());
    expect(lock.rows()).toEqual(ROW);
    expect(await target.inspect()).toEqual({ kind: "handed-over", record: RECORD });
    expect(await target.integratedTree()).toEqual({
      size: TREE.size,
      rootHash: new Uint8Array(TREE.rootHash),
    });
    const again = place.open(lock.open());
    await again.confirmHandOver();
    expect(await again.signingLock?.(LOG)).toMatchObject({
      kind: "read",
      checkpoint: new Uint8Array(CHECKPOINT),
    });
    await expect(target.handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow(TargetRefusedError);
  });

  test("a handover without a lock leaves the row to the operator", async () => {
    const place = newPlace();
    const target = place.open(false);
    await target.claim(MARKER);
    await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
    expect(place.text("checkpoint")).toBe(CHECKPOINT.toString());
    await place.open(false).confirmHandOver();
    expect(await target.signingLock?.(LOG)).toEqual({
      kind: "unread",
      name: null,
      option: "--sunlight-lock",
    });
  });

  describe("a handover that has begun goes on with its own lock", () => {
    test.each([
      ["broken off", true],
      ["finished", false],
    ])("where it is %s", async (_what, isBrokenOff) => {
      const { place, lock, target } = await claimed();
      if (isBrokenOff) place.killBefore("checkpoint");
      const handOver = target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
      await (isBrokenOff ? expect(handOver).rejects.toThrow("killed") : handOver);
      const before = place.contents();
      const { name } = lock.open();
      for (const another of [newLock().open(), false] as const) {
        const other = place.open(another);
        const taking = () => other.takeBack(MARKER, TREE, isBrokenOff ? undefined : RECORD);
        for (const work of [() => other.inspect(), () => other.confirmHandOver(), taking]) {
          await expect(work()).rejects.toThrow(UsageError);
          await expect(work()).rejects.toThrow(`Pass --sunlight-lock ${name}`);
        }
        const again = isBrokenOff ? UsageError : TargetRefusedError;
        await expect(other.handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow(again);
        if (another) expect(await another.row(LOG)).toBeUndefined();
      }
      expect(place.contents()).toEqual(before);
      expect(lock.rows()).toEqual(ROW);
    });

    test("also where it was none, which is not to be changed for one", async () => {
      const place = newPlace();
      const target = place.open(false);
      await target.claim(MARKER);
      await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
      const named = place.open(newLock().open());
      await expect(named.inspect()).rejects.toThrow(/Pass --no-sunlight-lock/);
    });
  });

  describe("a handover that is broken off", () => {
    type Claim = Awaited<ReturnType<typeof claimed>> & { readonly used: SunlightLock };
    const MOMENTS: [string, boolean, boolean, (claim: Claim) => void][] = [
      ["its document", false, false, ({ place }) => place.killBefore(HANDOVER)],
      [
        "the row",
        true,
        false,
        ({ used }) => void vi.spyOn(used, "insert").mockRejectedValueOnce(new Error("killed")),
      ],
      ["the checkpoint", true, true, ({ place }) => place.killBefore("checkpoint")],
    ];

    test.each(MOMENTS)(
      "before %s is finished by the next run, with what is signed",
      async (_, hasBegun, hasRow, kill) => {
        const { place, lock, target } = await claimed();
        const used = lock.open();
        kill({ place, lock, target, used });
        await expect(place.open(used).handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow("killed");
        const next = place.open(lock.open());
        expect(await next.inspect()).toEqual({ kind: "claimed", marker: MARKER });
        expect(place.text("checkpoint")).toBe(CLAIM);
        expect(lock.rows()).toEqual(hasRow ? ROW : {});
        expect((await next.integratedTree())?.size).toBe(hasBegun ? TREE.size : undefined);
        // The source has signed the same tree again meanwhile.
        const later = checkpointOf(TREE.size, "BBBB");
        await next.handOver(MARKER, TREE, RECORD, later);
        const expected = (hasRow ? CHECKPOINT : later).toString();
        expect(place.text("checkpoint")).toBe(expected);
        expect(Object.values(lock.rows())).toEqual([expected]);
        expect(await next.inspect()).toEqual({ kind: "handed-over", record: RECORD });
      },
    );

    test.each(MOMENTS.slice(1))("before %s is taken back, row and all", async (...[, , , kill]) => {
      const { place, lock, target } = await claimed();
      const before = place.contents();
      const used = lock.open();
      kill({ place, lock, target, used });
      await expect(place.open(used).handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow("killed");
      const next = place.open(lock.open());
      await next.takeBack(MARKER, TREE);
      expect(lock.rows()).toEqual({});
      expect(await next.integratedTree()).toBeUndefined();
      expect(place.contents()).toEqual(before);
    });
  });

  describe("a row that exists is never replaced", () => {
    test("of the same key: it is not even claimed, and that is known before", async () => {
      const [place, lock] = [newPlace(), newLock()];
      lock.put(LOG_ID, CHECKPOINT);
      const before = place.contents();
      for (const work of ["inspect", "claim"] as const) {
        const target = place.open(lock.open());
        await expect(target[work](MARKER)).rejects.toThrow(/has a row of this log already/);
        await expect(target[work](MARKER)).rejects.toThrow(TargetRefusedError);
      }
      expect(place.contents()).toEqual(before);
    });

    test.each([
      ["the same key", CHECKPOINT],
      ["the same key, and another name", checkpointOf(5, "AAAA", "log.example/another")],
    ])("of %s, that appeared since", async (_, checkpoint) => {
      const { place, target, lock } = await claimed();
      lock.put(LOG_ID, checkpoint);
      const before = lock.rows();
      await expect(target.handOver(MARKER, TREE, RECORD, CHECKPOINT)).rejects.toThrow(TargetRefusedError);
      expect(lock.rows()).toEqual(before);
      expect(await place.open(lock.open()).inspect()).toEqual({ kind: "claimed", marker: MARKER });
    });

    test("where it appears between the look and the insertion", async () => {
      const { place, lock } = await claimed();
      const used = lock.open();
      const insert = used.insert.bind(used);
      vi.spyOn(used, "insert").mockImplementationOnce(async (...row) => {
        lock.put(LOG_ID, checkpointOf(5));
        return await insert(...row);
      });
      const handOver = place.open(used).handOver(MARKER, TREE, RECORD, CHECKPOINT);
      await expect(handOver).rejects.toThrow(/which is never replaced/);
      expect(Object.values(lock.rows())).toEqual([checkpointOf(5).toString()]);
      expect(place.text("checkpoint")).toBe(CLAIM);
    });

    test("of other logs is no matter", async () => {
      const { target, lock } = await claimed();
      const other = checkpointOf(5, "AAAA", "log.example/ct2");
      lock.put(Buffer.alloc(32, 9), other);
      await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
      expect(lock.rows()).toEqual({ ...ROW, [Buffer.alloc(32, 9).toString("hex")]: other.toString() });
    });
  });

  test("a claim that another copy has changed before the row is added is not handed over", async () => {
    const { place, lock } = await claimed();
    const used = lock.open();
    vi.spyOn(used, "prepare").mockImplementationOnce(async () => {
      place.write("checkpoint", `migration-in-progress ${LATER_MARKER}`);
    });
    const handOver = place.open(used).handOver(MARKER, TREE, RECORD, CHECKPOINT);
    await expect(handOver).rejects.toThrow(/is not this copy's claim any more/);
    expect(lock.rows()).toEqual({});
    expect(place.text("checkpoint")).toBe(`migration-in-progress ${LATER_MARKER}`);
  });

  describe("a handover is taken back", () => {
    test("where Sunlight has not signed since", async () => {
      const { place, lock } = await handedOver();
      const target = place.open(lock.open());
      await target.takeBack(MARKER, TREE, RECORD);
      expect(await target.inspect()).toEqual({ kind: "claimed", marker: MARKER });
      expect(lock.rows()).toEqual({});
      await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
      expect(lock.rows()).toEqual(ROW);
    });

    const again = checkpointOf(TREE.size, "BBBB");
    test.each<[string, (claim: Pick<Awaited<ReturnType<typeof claimed>>, "place" | "lock">) => void]>([
      [
        "Sunlight has signed the same tree again",
        ({ place, lock }) => {
          lock.put(LOG_ID, again);
          place.write("checkpoint", again);
        },
      ],
      ["the checkpoint is another", ({ place }) => place.write("checkpoint", again)],
      ["Sunlight has signed, and not published", ({ lock }) => lock.put(LOG_ID, again)],
      ["the record is another", ({ place }) => place.write(HANDOVER, "{}")],
    ])("not where %s", async (_, change) => {
      const { place, lock } = await handedOver();
      change({ place, lock });
      const before = [place.contents(), lock.rows()];
      const taking = place.open(lock.open()).takeBack(MARKER, TREE, RECORD);
      await expect(taking).rejects.toThrow(TargetRefusedError);
      expect([place.contents(), lock.rows()]).toEqual(before);
    });

    test.each<[string, string, TreeState]>([
      ["record", `${RECORD} `, TREE],
      ["tree", RECORD, { ...TREE, size: TREE.size - 1 }],
    ])("not where another %s was handed over", async (_, record, tree) => {
      const { place, lock } = await handedOver();
      const before = [place.contents(), lock.rows()];
      const taking = place.open(lock.open()).takeBack(MARKER, tree, record);
      await expect(taking).rejects.toThrow(TargetRefusedError);
      expect([place.contents(), lock.rows()]).toEqual(before);
    });

    test.each([
      ["signs", CHECKPOINT],
      ["signs and publishes", again],
    ])("not where Sunlight %s between the look and the guard", async (_, published) => {
      const { place, lock } = await handedOver();
      const used = lock.open();
      const remove = used.remove.bind(used);
      vi.spyOn(used, "remove").mockImplementationOnce(async (...row) => {
        lock.put(LOG_ID, again);
        if (published === again) place.write("checkpoint", again);
        return await remove(...row);
      });
      await expect(place.open(used).takeBack(MARKER, TREE, RECORD)).rejects.toThrow(/gone on/);
      expect(place.text("checkpoint")).toBe(published.toString());
      expect(await place.open(lock.open()).inspect()).toEqual({ kind: "handed-over", record: RECORD });
      expect(Object.values(lock.rows())).toEqual([again.toString()]);
    });
  });

  test("a lost row is reported by the next run, and by one who reads", async () => {
    const { place, lock } = await handedOver();
    await lock.open().remove(LOG_ID, CHECKPOINT);
    await expect(place.open(lock.open()).confirmHandOver()).rejects.toThrow(/has no row of this log/);
    expect(await place.open(lock.open()).signingLock?.(LOG)).toEqual({
      kind: "read",
      name: lock.open().name,
      checkpoint: undefined,
    });
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
  const target = sunlightDirectory().open(undefined);
  expect(() => target.requireLog?.({ ...LOG, ...change })).toThrow(UsageError);
  expect(() => target.requireLog?.({ ...LOG, ...change })).toThrow(words);
});

describe.each([
  ["a directory", sunlightDirectory],
  ["a bucket", sunlightBucket],
])("%s", (_name, newPlace) => {
  const handover = JSON.stringify({
    "tlog-migrate-sunlight": 1,
    lock: null,
    logId: LOG_ID.toString("hex"),
    checkpoint: CHECKPOINT.toString(),
    record: RECORD,
  });
  test.each<[string, Record<string, string>, RegExp]>([
    ["a log of Sunlight", { checkpoint: CHECKPOINT.toString(), "tile/0/000": "" }, /^a checkpoint$/],
    ["a record without a checkpoint", { [HANDOVER]: handover }, /no checkpoint/],
    ["a mirror, or a log of Tessera", { [HANDOVER]: RECORD }, /tlog-migrate-record/],
    ["a document of a newer version", { [HANDOVER]: handover.replace(":1", ":2") }, /tlog-migrate-sunlight/],
    ["a damaged one", { [HANDOVER]: handover.replace("log.example/ct\\n300", "") }, /tlog-migrate-sunlight/],
  ])("that has %s is occupied", async (_, files, found) => {
    const place = newPlace();
    for (const [path, text] of Object.entries(files)) place.write(path, text);
    expect(await place.open(false).inspect()).toEqual({
      kind: "occupied",
      found: expect.stringMatching(found),
    });
  });

  test("whose handover begins at once in two runs is handed over by one", async () => {
    const [place, lock] = [newPlace(), testLockBucket()];
    await place.open(lock.open()).claim(MARKER);
    const runs = ["AAAA", "BBBB"].map((time) =>
      place.open(lock.open()).handOver(MARKER, TREE, RECORD, checkpointOf(TREE.size, time)),
    );
    const ended = await Promise.allSettled(runs);
    expect(ended.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(1);
    const next = place.open(lock.open());
    if ((await next.inspect()).kind === "claimed") await next.handOver(MARKER, TREE, RECORD, CHECKPOINT);
    expect(Object.values(lock.rows())).toEqual([place.text("checkpoint")]);
  });
});

describe("a bucket that is claimed for Sunlight", () => {
  test("is one of a store that observes conditions", async () => {
    const place = sunlightBucket();
    const refusal = new TargetRefusedError({ object: "the store", problem: "ignores conditions" });
    vi.spyOn(place.bucket, "requireConditionalWrites").mockRejectedValue(refusal);
    await expect(place.open(false).claim(MARKER)).rejects.toBe(refusal);
    expect(place.bucket.objects.size).toBe(0);
  });

  test("has nothing replaced or removed by a copy that slept through the handover", async () => {
    const place = sunlightBucket();
    const target = place.open(false);
    await target.claim(MARKER);
    const writer = target.openWriter();
    place.write("tile/0/000", "Sunlight's");
    await place.open(false).handOver(MARKER, TREE, RECORD, CHECKPOINT);
    const put = async () => await writer.batch().put("tile/0/000", Buffer.from("a tile"));
    await expect(put()).rejects.toThrow(TargetRefusedError);
    await expect(target.remove("tile/0/000")).rejects.toThrow(TargetRefusedError);
    expect(place.text("tile/0/000")).toBe("Sunlight's");
  });

  test("is claimed by no copy for other log software, nor one that has another's claim for Sunlight", async () => {
    const place = sunlightBucket();
    const mirror = new BucketTarget(place.bucket, { storeReaders: [] });
    await place.open(false).claim(MARKER);
    expect(await mirror.inspect()).toMatchObject({ kind: "occupied" });
    await expect(mirror.claim(MARKER)).rejects.toThrow(TargetRefusedError);
    const other = sunlightBucket();
    await new BucketTarget(other.bucket, { storeReaders: [] }).claim(MARKER);
    await expect(other.open(false).claim(MARKER)).rejects.toThrow(TargetRefusedError);
    expect(other.text("checkpoint")).toBeUndefined();
  });

  test("keeps a handed-over log from being taken for a mirror", async () => {
    const place = sunlightBucket();
    const target = place.open(false);
    await target.claim(MARKER);
    await target.handOver(MARKER, TREE, RECORD, CHECKPOINT);
    const mirror = new BucketTarget(place.bucket, { storeReaders: [] });
    expect(await mirror.inspect()).toMatchObject({
      kind: "occupied",
      found: expect.stringContaining("gzip+s3://"),
    });
  });
});
