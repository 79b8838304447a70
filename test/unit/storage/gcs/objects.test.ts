/** How a writer stores objects in a bucket, and how often: by a Cloud Storage that answers as a test says. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { OperationError, TargetRefusedError } from "../../../../lib/errors.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import type { BucketObjects } from "../../../../storage/bucket/bucket.ts";
import { BucketWriter } from "../../../../storage/bucket/writer.ts";
import { GcsBucket } from "../../../../storage/gcs/bucket.ts";
import { spyOnAccess, startStorage } from "../../../support/google.ts";
import type { Answer, Asked, Step } from "../../../support/http/answering-server.ts";
import { stoppedClock } from "../../../support/http/clock.ts";

/** What waits between two tries. */
const sleep = vi.hoisted(() => vi.fn());
vi.mock(import("node:timers/promises"), async (original) => {
  const actual = await original();
  return { ...actual, setTimeout: sleep.mockImplementation(actual.setTimeout) };
});
beforeEach(() => sleep.mockClear());

const PATIENT = { attempts: 3, minDelayMs: 1, maxDelayMs: 2, maxRetryAfterMs: 5, contentAttempts: 0 };
const CONNECTIONS = 2;
const FOR_EVER_MS = 3_600_000;
const NAME = "gs://bucket/log/tile/0/000";
const TILE = "tile/0/000";
/** The check value that catalogues of CRCs have, of CRC-32C (RFC 3720 appendix B.4 has others). */
const [BYTES, CRC32C] = [Buffer.from("123456789"), 0xe3069283];
const METADATA = "GET /storage/v1/b/bucket/o/log%2Ftile%2F0%2F000?fields=generation,updated";
const OBJECT = "GET /bucket/log/tile/0/000";
const BUCKET = "GET /storage/v1/b/bucket?fields=name";

/** An upload that replaces what has this generation. */
function upload(generation: number): string {
  const query = `uploadType=multipart&name=log%2Ftile%2F0%2F000&ifGenerationMatch=${generation}&fields=generation`;
  return `POST /upload/storage/v1/b/bucket/o?${query}`;
}

const DONE: Answer = { status: 200, body: '{"generation":"9"}' };
const EXISTS: Answer = { status: 412, body: '{"error":{"code":412,"message":"conditionNotMet"}}' };
const GONE: Answer = { status: 404 };
const BUSY: Answer = { status: 503 };
const REFUSED: Answer = { status: 401, body: "{}" };
const holding = (body: string | Buffer): Answer => ({ status: 200, body });
const generation = (number: number): Answer =>
  holding(`{"generation":"${number}","updated":"2026-11-21T12:00:00Z"}`);

interface Options {
  readonly retry?: Partial<typeof PATIENT>;
  readonly signal?: AbortSignal;
  readonly requireClaim?: () => Promise<void>;
}

/** Objects below gs://bucket/log/ in a Cloud Storage that answers one step after the other, and what it was asked. */
async function newObjects(steps: readonly Step[], options: Options = {}) {
  const storage = await startStorage(steps);
  const retry = { ...PATIENT, ...options.retry };
  const request = { connections: CONNECTIONS, retry, userAgentVersion: "test" };
  const bucket = new GcsBucket({ scheme: "gs", bucket: "bucket", prefix: "log/" }, request);
  const objects = bucket.openObjects(options.signal);
  const writer = new BucketWriter(bucket, objects, options.requireClaim ?? (async () => {}));
  onTestFinished(() => objects.close());
  return { ...storage, objects, writer };
}

/** The requests that a put leads to, where it succeeds. */
async function putsBy(steps: readonly Step[], options?: Options) {
  const storage = await newObjects(steps, options);
  await storage.writer.put(TILE, BYTES);
  return storage;
}

describe("an upload", () => {
  it("says what is stored: bytes, their kind, and the checksum that they must have", async () => {
    const { asked, lines } = await putsBy([DONE]);
    expect(lines()).toEqual([upload(0)]);
    const { headers, body } = asked[0] as Asked;
    const boundary = /^multipart\/related; boundary=(\S+)$/.exec(String(headers["content-type"]))?.[1];
    const [, metadata = "", object] = body.toString("latin1").split(`--${boundary}\r\n`);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(CRC32C);
    expect(JSON.parse(metadata.split("\r\n\r\n")[1] ?? "")).toEqual({
      contentType: "application/octet-stream",
      cacheControl: "max-age=604800,immutable",
      crc32c: checksum.toString("base64"),
    });
    expect(object).toBe(`content-type: application/octet-stream\r\n\r\n${BYTES}\r\n--${boundary}--\r\n`);
    expect(headers["user-agent"]).toBe("tlog-migrate/test");
  });

  it("of a checkpoint is text that no cache keeps", async () => {
    const { objects, asked } = await newObjects([DONE]);
    expect(await objects.put("checkpoint", BYTES)).toBe(true);
    const body = String(asked[0]?.body);
    expect(body).toContain('"contentType":"text/plain; charset=utf-8","cacheControl":"no-cache"');
    expect(body).toContain("\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n");
  });

  it("that creates an object leaves one that is there", async () => {
    const { objects, lines } = await newObjects([EXISTS]);
    expect(await objects.put(TILE, BYTES)).toBe(false);
    expect(lines()).toEqual([upload(0)]);
  });

  it("may take five minutes to be answered", async () => {
    const clock = stoppedClock();
    const answerLate = (response: ServerResponse) => {
      clock.goOn(299_000);
      // Once its time was checked.
      setTimeout(() => response.end(DONE.body), 700);
    };
    const { lines } = await putsBy([answerLate]);
    expect(lines()).toHaveLength(1);
  });

  it("carries credentials, which are asked for each time that it is sent", async () => {
    spyOnAccess("authorization")
      .mockResolvedValueOnce(["authorization", "Bearer one"])
      .mockResolvedValueOnce(["authorization", "Bearer two"]);
    const { asked } = await putsBy([BUSY, DONE]);
    expect(asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer one", "Bearer two"]);
  });
});

describe("credentials that are refused", () => {
  it("are renewed once, for an upload and for a read", async () => {
    const discard = spyOnAccess("discard").mockReturnValue(true);
    const { objects, writer, lines } = await newObjects([REFUSED, DONE, REFUSED, holding(BYTES)]);
    await writer.put(TILE, BYTES);
    expect(await objects.get(TILE, 100)).toEqual(BYTES);
    expect(lines()).toEqual([upload(0), upload(0), OBJECT, OBJECT]);
    expect(discard).toHaveBeenCalledTimes(2);
  });

  it.each(["an upload", "a read"])("again fail %s, with what to do", async (what) => {
    spyOnAccess("discard").mockReturnValue(true);
    const { objects, writer, lines } = await newObjects([REFUSED, REFUSED]);
    const work = what === "an upload" ? writer.put(TILE, BYTES) : objects.get(TILE, 100);
    await expect(work).rejects.toThrow(/401.*gcloud auth/);
    expect(lines()).toHaveLength(2);
  });
});

describe("a put", () => {
  const [CREATE, REPLACE] = [upload(0), upload(5)];
  const breakOff = (response: ServerResponse) => void response.destroy();
  const gzipped = { status: 200, headers: { "content-encoding": "gzip" }, body: gzipSync(BYTES) };
  const LOOKED = [EXISTS, generation(5)];
  const REPLACED = [...LOOKED, holding("debris"), DONE];
  const TO_REPLACE = [CREATE, METADATA, OBJECT, REPLACE];

  it.each<[what: string, steps: readonly Step[], requests: readonly string[]]>([
    ["keeps what is the same", [...LOOKED, holding(BYTES)], [CREATE, METADATA, OBJECT]],
    ["replaces what is encoded, whatever it decodes to", [...LOOKED, gzipped, DONE], TO_REPLACE],
    ["of what is gone when it is looked at stores it", [EXISTS, GONE, DONE], [CREATE, METADATA, CREATE]],
    [
      "of what is gone when it is read stores it",
      [...LOOKED, GONE, holding("{}"), EXISTS, DONE],
      [CREATE, METADATA, OBJECT, BUCKET, REPLACE, CREATE],
    ],
    [
      "whose line breaks is sent again, and meets itself where it had come through",
      [breakOff, ...LOOKED, holding(BYTES)],
      [CREATE, CREATE, METADATA, OBJECT],
    ],
    [
      "is sent again at every step",
      REPLACED.flatMap((step) => [BUSY, step]),
      TO_REPLACE.flatMap((line) => [line, line]),
    ],
  ])("%s", async (_what, steps, requests) => {
    const requireClaim = vi.fn();
    const { lines } = await putsBy(steps, { requireClaim });
    expect(lines()).toEqual(requests);
    expect(requireClaim).toHaveBeenCalledTimes(requests.includes(REPLACE) ? 1 : 0);
  });

  it.each([
    ["other bytes", "12345678X"],
    ["fewer bytes", "12345678"],
    ["more bytes", "1234567890"],
    ["no bytes", ""],
  ])("replaces what has %s, and only it", async (_what, debris) => {
    const requireClaim = vi.fn();
    const { asked, lines } = await putsBy([...LOOKED, holding(debris), DONE], { requireClaim });
    expect(lines()).toEqual(TO_REPLACE);
    expect(asked[2]?.headers["cache-control"]).toBe("no-cache");
    expect(asked[3]?.body.includes(BYTES)).toBe(true);
    expect(requireClaim).toHaveBeenCalledOnce();
  });

  it("replaces nothing in a place that is another's by now", async () => {
    const refusal = new TargetRefusedError({ object: "gs://bucket/log/", problem: "is handed over" });
    const requireClaim = () => Promise.reject(refusal);
    const { writer, lines } = await newObjects([...LOOKED, holding("debris")], { requireClaim });
    await expect(writer.put(TILE, BYTES)).rejects.toBe(refusal);
    expect(lines()).toEqual([CREATE, METADATA, OBJECT]);
  });

  it.each([408, 429, 500, 502, 503, 504])("that %i answers is sent again", async (status) => {
    const discard = spyOnAccess("discard").mockReturnValue(true);
    const { asked, lines } = await putsBy([{ status }, { status }, DONE]);
    expect(discard).not.toHaveBeenCalled();
    expect(lines()).toEqual([CREATE, CREATE, CREATE]);
    expect(asked[2]?.body).toEqual(asked[0]?.body);
  });

  const MISMATCH = 'Provided CRC32C "4waSgw==" doesn\'t match calculated CRC32C "AAAAAA==".';
  const look = (number: number) => [EXISTS, generation(number), holding(`debris ${number}`), EXISTS];
  const GIVEN_UP = Array<string>(1 + PATIENT.attempts).fill(CREATE);

  it.each<[what: string, steps: readonly Step[], words: RegExp | string, requests: readonly string[]]>([
    [
      "is given up after as many tries as were asked for",
      Array(10).fill(BUSY),
      /\d answered 503 Service Unavailable\. Run the same command again: it continues where it stopped$/,
      GIVEN_UP,
    ],
    ["of too many requests says so", Array(10).fill({ status: 429 }), /429.*\. Lower the rate/, GIVEN_UP],
    [
      "whose bytes did not arrive as they were sent says so",
      [{ status: 400, body: { error: { code: 400, message: MISMATCH } } }],
      `answered 400 Bad Request (${MISMATCH}). Check the address`,
      [CREATE],
    ],
    ["without credentials", [REFUSED], /401.*gcloud auth application-default login/, [CREATE]],
    [
      "that is forbidden",
      [{ status: 403 }],
      /403.*roles\/storage.objectUser on gs:\/\/bucket .*roles\/storage.objectViewer to read/,
      [CREATE],
    ],
    ["without a bucket", [GONE], /404.*there is a bucket bucket, or create it/, [CREATE]],
    ["of what cannot be read", [...LOOKED, { status: 403 }], "403", [CREATE, METADATA, OBJECT]],
    [
      "of what is changed again and again is somebody else's",
      [1, 2, 3, 4, 5, 6].flatMap(look),
      /: is repeatedly changed by another program.*Find out who/,
      [1, 2, 3, 4, 5].flatMap((number) => [CREATE, METADATA, OBJECT, upload(number)]),
    ],
  ])("that fails: %s", async (_what, steps, words, requests) => {
    const { writer, lines } = await newObjects(steps);
    const work = writer.put(TILE, BYTES);
    await expect(work).rejects.toBeInstanceOf(OperationError);
    await expect(work).rejects.toThrow(words);
    await expect(work).rejects.toThrow(`${NAME}: `);
    expect(lines()).toEqual(requests);
  });

  it.each([
    ["as it is told to", "7", 7000],
    ["as it may, and no longer", new Date(Date.now() + 7_000_000).toUTCString(), 8000],
  ])("waits as long %s", async (_how, value, waited) => {
    const busy = { status: 429, headers: { "retry-after": value } };
    sleep.mockResolvedValueOnce(undefined);
    await putsBy([busy, BUSY, DONE], { retry: { maxRetryAfterMs: 8000 } });
    const [first, second] = sleep.mock.calls.map(([milliseconds]) => milliseconds);
    expect(first).toBeGreaterThanOrEqual(waited);
    expect(first).toBeLessThanOrEqual(waited + 2);
    expect(second).toBeLessThanOrEqual(2);
  });

  it.each([
    ["after the last try", 503, 0],
    ["where it will not be sent again", 403, 3],
  ])("does not wait %s", async (_when, status, attempts) => {
    const step = { status, headers: { "retry-after": "7" } };
    const { writer } = await newObjects([step], { retry: { attempts } });
    await expect(writer.put(TILE, BYTES)).rejects.toBeInstanceOf(OperationError);
    expect(sleep).not.toHaveBeenCalled();
  });
});

describe("reading an object", () => {
  it("gives its bytes, asked for past every cache, undefined if there is none", async () => {
    const bytes = randomBytes(70_000);
    const { objects, asked, lines } = await newObjects([BUSY, holding(bytes), GONE, holding("{}")]);
    expect(bytes.equals((await objects.get(TILE, 70_000)) ?? Buffer.alloc(0))).toBe(true);
    expect(await objects.get(TILE, 70_000)).toBeUndefined();
    expect(lines()).toEqual([OBJECT, OBJECT, OBJECT, BUCKET]);
    expect(asked[0]?.headers["cache-control"]).toBe("no-cache");
  });

  it.each([
    ["larger than it may be", holding(BYTES)],
    ["encoded", { status: 200, headers: { "content-encoding": "gzip" }, body: gzipSync("1") }],
  ])("that is %s fails at once, for that", async (_what, step) => {
    const { objects, lines } = await newObjects([step, step]);
    await expect(objects.get(TILE, BYTES.length - 1)).rejects.toBeInstanceOf(FormatError);
    expect(lines()).toEqual([OBJECT]);
  });

  it("fails where it was given up, with its name", async () => {
    const { objects } = await newObjects(Array(10).fill(BUSY));
    const read = objects.get(TILE, 10);
    await expect(read).rejects.toBeInstanceOf(OperationError);
    await expect(read).rejects.toThrow(`${NAME}: `);
  });
});

describe("a signal", () => {
  const WORKS: readonly (readonly [what: string, work: (objects: BucketObjects) => Promise<unknown>])[] = [
    ["an upload", (objects) => objects.put(TILE, BYTES)],
    ["a read", (objects) => objects.get(TILE, 10)],
  ];
  let controller: AbortController;
  beforeEach(() => {
    controller = new AbortController();
  });
  const abort = () => controller.abort("enough");
  const newEndable = (steps: readonly Step[], retry = {}) =>
    newObjects(steps, { retry, signal: controller.signal });

  it.each(WORKS)("that has fired keeps %s from beginning", async (_what, work) => {
    abort();
    const { objects, lines } = await newEndable([DONE]);
    await expect(work(objects)).rejects.toBe("enough");
    expect(lines()).toEqual([]);
  });

  it.each(WORKS)("ends %s that waits for its answer", async (_what, work) => {
    const { objects } = await newEndable([abort]);
    await expect(work(objects)).rejects.toBe("enough");
  });

  it.each(WORKS)("ends %s that waits for credentials, and nothing is asked", async (_what, work) => {
    const { objects, lines } = await newEndable([DONE]);
    spyOnAccess("authorization").mockImplementation(() => {
      queueMicrotask(abort);
      return new Promise(() => {});
    });
    await expect(work(objects)).rejects.toBe("enough");
    expect(lines()).toEqual([]);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    "that fires %i turns after credentials came has nothing asked with them",
    async (turns) => {
      const { writer, lines } = await newEndable([DONE]);
      spyOnAccess("authorization").mockImplementation(() => {
        const came = Promise.resolve(["authorization", "Bearer one"]);
        came.then(async () => {
          for (let turn = 0; turn < turns; turn++) await undefined;
          abort();
        });
        return came;
      });
      await expect(writer.put(TILE, BYTES)).rejects.toBe("enough");
      expect(lines()).toEqual([]);
    },
  );

  it.each(WORKS)("ends %s at once that waits as long as it was asked to", async (_what, work) => {
    const busy = { status: 429, headers: { "retry-after": "3600" } };
    const { objects, lines } = await newEndable([busy], { maxRetryAfterMs: FOR_EVER_MS });
    const { setTimeout: wait } =
      await vi.importActual<typeof import("node:timers/promises")>("node:timers/promises");
    sleep.mockImplementationOnce((...args: Parameters<typeof wait>) => {
      queueMicrotask(abort);
      return wait(...args);
    });
    await expect(work(objects)).rejects.toBe("enough");
    expect(lines()).toHaveLength(1);
  });

  it.each(WORKS)("ends %s at once that waits to be sent again", async (_what, work) => {
    const { objects, lines } = await newEndable([BUSY], { minDelayMs: FOR_EVER_MS, maxDelayMs: FOR_EVER_MS });
    const failure = expect(work(objects)).rejects.toBe("enough");
    await vi.waitUntil(() => sleep.mock.calls.some(([milliseconds]) => milliseconds === FOR_EVER_MS));
    abort();
    await failure;
    expect(lines()).toHaveLength(1);
  });
});

it("uploads and reads share the connections that a thread may have, and none is left when all is closed", async () => {
  const closings = new Map<Socket, Promise<unknown>>();
  const { objects, writer } = await newObjects(
    Array.from({ length: 16 }, () => (response: ServerResponse) => {
      const socket = response.socket as Socket;
      if (!closings.has(socket)) closings.set(socket, once(socket, "close"));
      response.writeHead(200).end(response.req.method === "POST" ? DONE.body : BYTES);
    }),
  );
  const works = Array.from({ length: 16 }, (_, i) =>
    i % 2 === 0 ? writer.put(TILE, BYTES) : objects.get(TILE, 100),
  );
  await Promise.all(works);
  expect(closings.size).toBeLessThanOrEqual(CONNECTIONS);
  await objects.close();
  await Promise.all(closings.values());
  await expect(writer.put(TILE, BYTES)).rejects.toThrow("was closed");
});
