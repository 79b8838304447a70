/** Locks that are not as they must be. */

import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { OperationError, TargetRefusedError, UsageError } from "../../../../lib/errors.ts";
import { DEFAULT_RETRY } from "../../../../lib/migrate/throttle/backoff.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { openLockBucket } from "../../../../storage/s3/lock-bucket.ts";
import { LockBucket } from "../../../../storage/sunlight/lock-bucket.ts";
import { LockDatabase } from "../../../../storage/sunlight/lock-database.ts";
import { KEYS, MISSING, withoutAws } from "../../../support/aws.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import { startAnswering } from "../../../support/http/answering-server.ts";
import { MARKER } from "../../../support/places/bucket-targets.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";
import { MemoryBucket } from "../../../support/places/memory-bucket.ts";
import {
  CHECKPOINT,
  checkpointOf,
  LOG,
  LOG_ID,
  newLockDatabase,
  putLockRow,
  sunlightDirectory,
} from "../../../support/places/sunlight.ts";

describe("a lock database", () => {
  test("that does not exist is not made", async () => {
    const lock = join(memoryDirectory(), "none.db");
    const place = sunlightDirectory();
    await expect(place.open(new LockDatabase(lock)).claim(MARKER)).rejects.toThrow(UsageError);
    expect(fs.existsSync(lock)).toBe(false);
  });

  test("that is of something else is refused before anything is claimed", async () => {
    const place = sunlightDirectory();
    const claim = () =>
      place.open(new LockDatabase(newLockDatabase("CREATE TABLE other (id INTEGER)"))).claim(MARKER);
    await expect(claim()).rejects.toThrow(OperationError);
    await expect(claim()).rejects.toThrow(/no such table: checkpoints/);
    expect(place.contents()).toBeUndefined();
  });

  test("that has another key of the same name keeps the log out, and is not written to be read", async () => {
    const path = newLockDatabase();
    putLockRow(path, Buffer.alloc(32, 8), checkpointOf(5));
    const before = fs.readFileSync(path);
    const place = sunlightDirectory();
    const claim = place.open(new LockDatabase(path)).claim(MARKER);
    await expect(claim).rejects.toThrow(/has a row of this log already/);
    expect(place.contents()).toBeUndefined();
    putLockRow(path, LOG_ID, CHECKPOINT);
    await expect(new LockDatabase(path).row(LOG)).rejects.toThrow(/several logs of one origin/);
    expect(before.length).toBe(fs.readFileSync(path).length);
  });
});

describe("a lock in a bucket", () => {
  const request = { connections: 1, retry: DEFAULT_RETRY, userAgentVersion: "test" };

  test("is an object that is named by the log ID, at the address that is stated, with Sunlight's headers", async () => {
    const s3 = await startAnswering([MISSING, { status: 200, headers: { etag: '"1"' } }]);
    withoutAws();
    stubEnvironment({ ...KEYS, AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9" });
    const lock = await openLockBucket(`s3://locks?region=auto&endpoint=${s3.origin}`, request);
    expect(await lock.row(LOG)).toBeUndefined();
    expect(await lock.insert(LOG_ID, CHECKPOINT)).toBe(true);
    await lock.close();
    const name = `/locks/${LOG_ID.toString("hex")}`;
    expect(s3.lines()).toEqual([`GET ${name}`, `PUT ${name}`]);
    const { headers, body } = s3.asked[1] ?? {};
    expect(body).toEqual(CHECKPOINT);
    expect(headers).toMatchObject({ "content-type": "text/plain; charset=utf-8", "if-none-match": "*" });
    expect(headers).not.toHaveProperty("cache-control");
    expect(headers?.authorization).toContain("/auto/s3/aws4_request");
  });

  test.each(["s3://", "s3://locks/prefix", "s3://locks?prefix=x", "s3://locks?region=", "s3://locks#x"])(
    "is not named by %s",
    async (name) => {
      withoutAws();
      stubEnvironment({ AWS_REGION: "eu-west-1" });
      await expect(openLockBucket(name, request)).rejects.toThrow(UsageError);
    },
  );

  test("of a store that ignores conditions is refused before anything is claimed", async () => {
    const bucket = new MemoryBucket();
    const refusal = new TargetRefusedError({ object: "the store", problem: "ignores conditions" });
    vi.spyOn(bucket, "requireConditionalWrites").mockRejectedValue(refusal);
    const place = sunlightDirectory();
    await expect(place.open(new LockBucket("s3://locks", bucket)).claim(MARKER)).rejects.toBe(refusal);
    expect(place.contents()).toBeUndefined();
  });

  test("is asked for conditions again before the row is added: it may be another store by then", async () => {
    const bucket = new MemoryBucket();
    const lock = new LockBucket("s3://locks", bucket);
    const place = sunlightDirectory();
    await place.open(lock).claim(MARKER);
    const asked = vi.spyOn(bucket, "requireConditionalWrites").mockRejectedValue(new Error("no conditions"));
    const tree = { size: 300, rootHash: new Uint8Array(32), collectFrom: 256 };
    await expect(place.open(lock).handOver(MARKER, tree, "{}", CHECKPOINT)).rejects.toThrow("no conditions");
    expect(asked).toHaveBeenCalled();
    expect(bucket.objects.size).toBe(0);
  });

  test("believes that its row was added where the answer got lost, and none where it is another's", async () => {
    for (const text of [CHECKPOINT, checkpointOf(5)]) {
      const bucket = new MemoryBucket();
      vi.spyOn(bucket, "put").mockImplementationOnce(async (path) => {
        bucket.store(path, text);
        return false;
      });
      const isAdded = await new LockBucket("s3://locks", bucket).insert(LOG_ID, CHECKPOINT);
      expect(isAdded).toBe(text === CHECKPOINT);
    }
  });

  test("counts what cannot be a checkpoint as a row", async () => {
    const bucket = new MemoryBucket();
    bucket.store(LOG_ID.toString("hex"), "anything");
    vi.spyOn(bucket, "get").mockRejectedValue(new FormatError("is too large"));
    expect(await new LockBucket("s3://locks", bucket).row(LOG)).toEqual(new Uint8Array(0));
  });

  test("cannot be asked for a log whose key is not known", async () => {
    const row = new LockBucket("s3://locks", new MemoryBucket()).row({ ...LOG, logId: undefined });
    await expect(row).rejects.toThrow(/Pass --public-key/);
  });
});
