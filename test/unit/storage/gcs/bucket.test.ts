/** What is asked seldom of a bucket, by a Cloud Storage that answers as a test says; and for how long it is asked. */

import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Bucket } from "@google-cloud/storage";
import { crc32c } from "@node-rs/crc32";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { readDocument, writeDocument } from "../../../../storage/bucket/state-object.ts";
import { GcsBucket } from "../../../../storage/gcs/bucket.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import { spyOnAccess, startStorage, withoutCredentials } from "../../../support/google.ts";
import type { Step } from "../../../support/http/answering-server.ts";
import { closedPlace } from "../../../support/http/servers.ts";

const RETRY = { attempts: 3, minDelayMs: 1, maxDelayMs: 2, maxRetryAfterMs: 5, contentAttempts: 0 };

/** The part of a bucket below gs://bucket/log/. */
function newBucket(retry = RETRY): GcsBucket {
  const request = { connections: 1, retry, userAgentVersion: "0" };
  return new GcsBucket({ scheme: "gs", bucket: "bucket", prefix: "log/" }, request);
}

/** A bucket of a Cloud Storage that answers one step after the other, and what it was asked. */
async function bucketOf(steps: readonly Step[]) {
  const { asked, lines, host } = await startStorage(steps);
  return { bucket: newBucket(), asked, lines: () => lines().map(decodeURIComponent), host };
}

async function expectFailure(work: Promise<unknown>, words: RegExp | string): Promise<void> {
  await expect(work).rejects.toBeInstanceOf(OperationError);
  await expect(work).rejects.toThrow(words);
  await expect(work).rejects.toThrow(/^[^\n]*$/);
}

function crc32cOf(text: string): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32c(text));
  return checksum.toString("base64");
}

const SEVEN = { version: "7", storedAt: 0 };
const FOUND: Step = { status: 200, body: { generation: "7", updated: "2026-11-21T12:00:00Z" } };
const BUSY: Step = { status: 503, body: { error: { code: 503, message: "busy" } } };

describe("a bucket that is asked for the first time", () => {
  it.each([
    ["nobody is there", closedPlace, /refused the connection/],
    ["there is no such host", async () => "there-is-no-such-host.invalid", /no such host/],
  ])("and %s is not asked again", async (_what, host, words) => {
    stubEnvironment({ STORAGE_EMULATOR_HOST: `http://${await host()}` });
    const tries = spyOnAccess("authorization");
    const failure = newBucket().stat("tile/0/000");
    await expectFailure(failure, words);
    await expectFailure(failure, /^gs:\/\/bucket\/log\/tile\/0\/000: .*Check the address/);
    expect(tries).toHaveBeenCalledTimes(1);
  });

  it("and breaks connections off is asked a few times, however much patience there is", async () => {
    const { asked } = await startStorage((response) => void response.destroy());
    await expectFailure(newBucket({ ...RETRY, attempts: 50 }).stat("checkpoint"), /broke the connection off/);
    expect(asked).toHaveLength(4);
  });

  it("without credentials says so, in the words of every part", async () => {
    withoutCredentials();
    stubEnvironment({ GOOGLE_APPLICATION_CREDENTIALS: join(import.meta.dirname, "not-there.json") });
    await expectFailure(
      newBucket().stat("checkpoint"),
      /^Google Cloud credentials: are unavailable: .*not-there\.json.*gcloud auth application-default login/,
    );
  });
});

describe("a bucket that fails for a while", () => {
  const breakOff = (response: ServerResponse) => void response.destroy();
  const statuses = [408, 429, 500, 502, 503, 504].map((status) => [`with ${status}`, { status }] as const);

  const passing: readonly (readonly [string, Step])[] = [...statuses, ["by a broken line", breakOff]];
  it.each(passing)("%s is asked again", async (_how, step) => {
    const { bucket, asked } = await bucketOf([step, step, FOUND]);
    expect(await bucket.stat("tile/1/000")).toMatchObject({ version: "7" });
    expect(asked).toHaveLength(3);
  });

  const FORBIDDEN: Step = { status: 403, body: { error: { code: 403, message: "no" } } };
  it.each<[how: string, step: Step, words: RegExp, tries: number]>([
    ["for too long", BUSY, /\d answered 503 Service Unavailable \(busy\)/, 1 + RETRY.attempts],
    ["for good", FORBIDDEN, /403.*roles\/storage.objectUser on gs:\/\/bucket/, 1],
  ])("%s is given up", async (_how, step, words, tries) => {
    const { bucket, asked } = await bucketOf(Array(10).fill(step));
    await expectFailure(bucket.stat("tile/1/000"), words);
    expect(asked).toHaveLength(tries);
  });

  it("to be there at all, and has been there, is asked again", async () => {
    const { bucket, host } = await bucketOf([FOUND]);
    await bucket.stat("tile/1/000");
    const tries = spyOnAccess("authorization");
    vi.spyOn(Bucket.prototype, "file").mockImplementation(() => {
      throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    });
    await expectFailure(bucket.stat("tile/1/000"), `${host} refused the connection`);
    expect(tries).toHaveBeenCalledTimes(1 + RETRY.attempts);
  });

  it("to answer at all is asked again, and given up", async () => {
    const held: ServerResponse[] = [];
    onTestFinished(() => held.forEach((response) => void response.destroy()));
    const arrivals = Array.from({ length: 1 + RETRY.attempts }, () => Promise.withResolvers<void>());
    const hold = (response: ServerResponse) => void arrivals[held.push(response) - 1]?.resolve();
    const { bucket, asked } = await bucketOf([FOUND, hold, hold, hold, hold, hold]);
    await bucket.stat("tile/1/000");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const words = /gave no answer within 30 s.*Check this machine's network/;
    const failure = expectFailure(bucket.stat("tile/1/000"), words);
    for (const { promise } of arrivals) {
      await promise;
      await vi.advanceTimersByTimeAsync(30_000);
      await vi.advanceTimersByTimeAsync(RETRY.maxDelayMs * 2);
    }
    await failure;
    expect(asked).toHaveLength(1 + arrivals.length);
  });

  it("is not asked again once its time is over", async () => {
    const busyUntil = (milliseconds: number) => (response: ServerResponse) => {
      vi.advanceTimersByTime(milliseconds - performance.now());
      response.writeHead(503).end("{}");
    };
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const { bucket, asked } = await bucketOf([busyUntil(179_999), busyUntil(180_000), FOUND]);
    await expectFailure(bucket.stat("tile/1/000"), "503");
    expect(asked).toHaveLength(2);
  });
});

describe("a signal", () => {
  it("that has fired keeps a bucket from being asked", async () => {
    const { bucket, asked } = await bucketOf([FOUND]);
    await expect(bucket.until(AbortSignal.abort("enough")).stat("tile/1/000")).rejects.toBe("enough");
    expect(asked).toEqual([]);
  });

  it("ends the wait for an answer in the bucket that it was given to, and in no other", async () => {
    const controller = new AbortController();
    const held = Promise.withResolvers<ServerResponse>();
    const { bucket } = await bucketOf([held.resolve, FOUND]);
    const ended = bucket.until(controller.signal).stat("tile/1/000");
    const response = await held.promise;
    controller.abort("enough");
    await expect(ended).rejects.toBe("enough");
    expect(await bucket.stat("tile/1/000")).toBeDefined();
    response.destroy();
  });
});

it("a listing has every page", async () => {
  const page = (name: string, nextPageToken?: string): Step => ({
    status: 200,
    body: { items: [{ name: `log/tile/${name}`, size: "8192" }], nextPageToken },
  });
  const { bucket, lines } = await bucketOf([page("0/000", "one"), page("0/001", "two"), page("1/000")]);
  const found: string[] = [];
  for await (const { path, bytes } of bucket.list("tile")) found.push(`${path} ${bytes}`);
  expect(found).toEqual(["tile/0/000 8192", "tile/0/001 8192", "tile/1/000 8192"]);
  expect(lines().map((line) => /pageToken=(\w+)/.exec(line)?.[1])).toEqual([undefined, "one", "two"]);
});

it.each<[what: string, statuses: readonly number[], isGone: boolean]>([
  ["if it is the one that was looked at", [204], true],
  ["unless another is there", [412, 200], false],
  ["though it is gone already", [412, 404], true],
  ["though it is not there", [404], true],
])("an object is removed %s", async (_what, statuses, isGone) => {
  const { bucket, lines } = await bucketOf(
    statuses.map((status) => (status === 200 ? FOUND : { status, body: {} })),
  );
  expect(await bucket.remove("tile/1/000", SEVEN)).toBe(isGone);
  expect(lines()[0]).toMatch(/^DELETE \/b\/bucket\/o\/log\/tile\/1\/000\?.*ifGenerationMatch=7/);
});

describe("a document", () => {
  const EXISTS: Step = { status: 412 };
  const TEXT = JSON.stringify({ one: 1 });
  const STORED = { status: 200, body: { one: 1 } } satisfies Step;
  /** The answer to an upload, of which the library compares the checksum with what it sent. */
  const stored = (text: string): Step => ({ status: 200, body: { generation: "8", crc32c: crc32cOf(text) } });

  it("is read with when it was stored, and which of its name it is", async () => {
    const { bucket } = await bucketOf([FOUND, STORED]);
    expect(await readDocument(bucket, ".state/x")).toEqual({
      text: TEXT,
      version: "7",
      storedAt: Date.parse("2026-11-21T12:00:00Z"),
    });
  });

  it.each([
    ["when it is looked at", [{ status: 404 }]],
    ["when it is read", [FOUND, { status: 404 }]],
  ])("that is gone %s is none", async (_when, steps) => {
    const { bucket } = await bucketOf(steps);
    expect(await readDocument(bucket, ".state/x")).toBeUndefined();
  });

  it("that is larger than it may be is not read", async () => {
    const { bucket } = await bucketOf([STORED]);
    await expect(bucket.get(".state/x", TEXT.length - 1)).rejects.toBeInstanceOf(FormatError);
  });

  it("is stored in place of the one that was read, and of no other", async () => {
    const { bucket, lines } = await bucketOf([stored(TEXT), stored(TEXT)]);
    expect(await writeDocument(bucket, ".state/x", TEXT, SEVEN)).toBe(true);
    expect(await writeDocument(bucket, ".state/x", TEXT)).toBe(true);
    expect(lines().map((line) => /ifGenerationMatch=(\d+)/.exec(line)?.[1])).toEqual(["7", "0"]);
  });

  it("is stored as what changes, with a checksum that the answer must have too", async () => {
    const { bucket, asked, lines } = await bucketOf([stored(TEXT), ...Array(5).fill(stored("other"))]);
    expect(await bucket.put(".state/x", Buffer.from(TEXT))).toBe(true);
    expect(String(asked[0]?.body)).toContain('"contentType":"application/json","cacheControl":"no-store"');
    expect(String(asked[0]?.body)).toContain(`"crc32c":"${crc32cOf(TEXT)}"`);
    await expectFailure(bucket.put(".state/x", Buffer.from(TEXT)), /other bytes than were sent/);
    expect(
      lines().filter((line) => !line.startsWith("POST ")),
      "nothing is removed: it may be another's",
    ).toEqual([]);
  });

  it("is not believed where its bytes are not those of its checksum", async () => {
    const identity = { "x-goog-stored-content-encoding": "identity" };
    const withHash = (text: string): Step => {
      return { ...STORED, headers: { ...identity, "x-goog-hash": `crc32c=${crc32cOf(text)}` } };
    };
    const { bucket } = await bucketOf([withHash(TEXT), ...Array(5).fill(withHash("other"))]);
    expect(String(await bucket.get(".state/x", 100))).toBe(TEXT);
    await expect(bucket.get(".state/x", 100)).rejects.toBeInstanceOf(OperationError);
  });

  it("that is encoded is what is stored, whatever it decodes to", async () => {
    const body = gzipSync(TEXT);
    const { bucket } = await bucketOf([{ status: 200, headers: { "content-encoding": "gzip" }, body }]);
    expect(body.equals((await bucket.get(".state/x", 100)) ?? Buffer.of())).toBe(true);
  });

  it("was stored where only the answer got lost, and not where another is there", async () => {
    const { bucket } = await bucketOf([BUSY, EXISTS, FOUND, STORED, EXISTS, FOUND, FOUND]);
    expect(await writeDocument(bucket, ".state/x", TEXT)).toBe(true);
    expect(await writeDocument(bucket, ".state/x", TEXT)).toBe(false);
  });
});
