/** How a writer stores objects in a bucket, and how often: by a Cloud Storage that answers as a test says. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { OperationError, TargetRefusedError } from "../../../../lib/errors.ts";
import type { RetryPolicy } from "../../../../lib/migrate/throttle/backoff.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import type { BucketObjects } from "../../../../storage/bucket/bucket.ts";
import { BucketWriter } from "../../../../storage/bucket/writer.ts";
import { GcsBucket } from "../../../../storage/gcs/bucket.ts";
import { GcsAccess } from "../../../../storage/gcs/credentials.ts";
import { serve } from "../../../support/http/servers.ts";

/** What waits between two tries. */
const sleep = vi.hoisted(() => vi.fn());
vi.mock(import("node:timers/promises"), async (original) => {
  const actual = await original();
  return { ...actual, setTimeout: sleep.mockImplementation(actual.setTimeout) };
});

const PATIENT: RetryPolicy = {
  attempts: 3,
  minDelayMs: 1,
  maxDelayMs: 2,
  maxRetryAfterMs: 5,
  contentAttempts: 0,
};
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

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** What becomes of a request: an answer, or what is done with it in the place of one. */
type Step = Answer | ((response: ServerResponse) => void);

const DONE: Answer = { status: 200, body: '{"generation":"9"}' };
const EXISTS: Answer = { status: 412, body: '{"error":{"code":412,"message":"conditionNotMet"}}' };
const GONE: Answer = { status: 404 };
const BUSY: Answer = { status: 503 };
const holding = (body: string | Buffer): Answer => ({ status: 200, body });
const generation = (number: number): Answer => holding(`{"generation":"${number}"}`);

interface Asked {
  readonly line: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

interface Options {
  readonly retry?: Partial<RetryPolicy>;
  readonly signal?: AbortSignal;
  readonly requireClaim?: () => Promise<void>;
}

/** Objects below gs://bucket/log/ in a Cloud Storage that answers one step after the other, and what it was asked. */
async function newObjects(steps: readonly Step[], options: Options = {}) {
  const asked: Asked[] = [];
  const remaining = [...steps];
  const url = await serve(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    asked.push({
      line: `${request.method} ${request.url}`,
      headers: request.headers,
      body: Buffer.concat(pieces),
    });
    const step = remaining.shift() ?? { status: 501, body: "asked too often" };
    if (typeof step === "function") step(response);
    else response.writeHead(step.status, step.headers).end(step.body);
  });
  vi.stubEnv("STORAGE_EMULATOR_HOST", url.origin);
  onTestFinished(() => void vi.unstubAllEnvs());
  sleep.mockClear();
  const retry = { ...PATIENT, ...options.retry };
  const bucket = new GcsBucket(
    { bucket: "bucket", prefix: "log/" },
    { connections: CONNECTIONS, retry, userAgentVersion: "test" },
  );
  const objects = bucket.openObjects(options.signal);
  const writer = new BucketWriter(bucket, objects, options.requireClaim ?? (async () => {}));
  onTestFinished(() => objects.close());
  const lines = () => asked.map(({ line }) => line);
  return { objects, writer, asked, lines, host: url.host };
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => "no failure",
    (error: unknown) => error,
  );
}

describe("an upload", () => {
  it("says what is stored: bytes, their kind, and the checksum that they must have", async () => {
    const { writer, asked, lines } = await newObjects([DONE]);
    await writer.put(TILE, BYTES);
    expect(lines()).toEqual([upload(0)]);
    const { headers, body } = asked[0] as Asked;
    const boundary = /^multipart\/related; boundary=(\S+)$/.exec(String(headers["content-type"]))?.[1];
    const [metadata, object] = body.toString("latin1").split(`--${boundary}\r\n`).slice(1) as [
      string,
      string,
    ];
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(CRC32C);
    expect(JSON.parse(metadata.split("\r\n\r\n")[1] ?? "")).toEqual({
      contentType: "application/octet-stream",
      cacheControl: "max-age=604800,immutable",
      crc32c: checksum.toString("base64"),
    });
    expect(object).toBe(
      `content-type: application/octet-stream\r\n\r\n${BYTES.toString()}\r\n--${boundary}--\r\n`,
    );
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

  it("carries credentials, which are asked for each time that it is sent", async () => {
    const { writer, asked } = await newObjects([BUSY, DONE]);
    const authorization = vi.spyOn(GcsAccess.prototype, "authorization");
    onTestFinished(() => authorization.mockRestore());
    authorization.mockResolvedValueOnce(["authorization", "Bearer one"]);
    authorization.mockResolvedValueOnce(["authorization", "Bearer two"]);
    await writer.put(TILE, BYTES);
    expect(asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer one", "Bearer two"]);
  });
});

describe("credentials that are refused", () => {
  const REFUSED: Answer = { status: 401, body: "{}" };

  it("are renewed once, for an upload and for a read", async () => {
    const discard = vi.spyOn(GcsAccess.prototype, "discard").mockReturnValue(true);
    onTestFinished(() => discard.mockRestore());
    const { objects, writer, lines } = await newObjects([REFUSED, DONE, REFUSED, holding(BYTES)]);
    await writer.put(TILE, BYTES);
    expect(await objects.get(TILE, 100)).toEqual(BYTES);
    expect(lines()).toEqual([upload(0), upload(0), OBJECT, OBJECT]);
    expect(discard).toHaveBeenCalledTimes(2);
  });

  it.each(["an upload", "a read"])("again fail %s, with what to do", async (what) => {
    const discard = vi.spyOn(GcsAccess.prototype, "discard").mockReturnValue(true);
    onTestFinished(() => discard.mockRestore());
    const { objects, writer, lines } = await newObjects([REFUSED, REFUSED]);
    const work = what === "an upload" ? writer.put(TILE, BYTES) : objects.get(TILE, 100);
    expect(await failureOf(work)).toMatchObject({ message: expect.stringMatching(/401.*gcloud auth/) });
    expect(lines()).toHaveLength(2);
  });
});

describe("an object that is there", () => {
  it("is replaced where it is encoded, whatever it decodes to, and read as none", async () => {
    const body = gzipSync(BYTES);
    const gzipped: Answer = { status: 200, headers: { "content-encoding": "gzip" }, body };
    const { objects, writer, lines } = await newObjects([EXISTS, generation(7), gzipped, DONE, gzipped]);
    await writer.put(TILE, BYTES);
    expect(lines()).toEqual([upload(0), METADATA, OBJECT, upload(7)]);
    expect(await failureOf(objects.get(TILE, 100))).toBeInstanceOf(FormatError);
  });

  it("stays where it is the same", async () => {
    const requireClaim = vi.fn();
    const steps = [EXISTS, generation(5), holding(BYTES)];
    const { writer, lines } = await newObjects(steps, { requireClaim });
    await writer.put(TILE, BYTES);
    expect(lines()).toEqual([upload(0), METADATA, OBJECT]);
    expect(requireClaim).not.toHaveBeenCalled();
  });

  it.each([
    ["other bytes", "12345678X"],
    ["fewer bytes", "12345678"],
    ["more bytes", "1234567890"],
    ["no bytes", ""],
  ])("is replaced where it has %s, and only it", async (_what, debris) => {
    const requireClaim = vi.fn();
    const steps = [EXISTS, generation(5), holding(debris), DONE];
    const { writer, asked, lines } = await newObjects(steps, { requireClaim });
    await writer.put(TILE, BYTES);
    expect(lines()).toEqual([upload(0), METADATA, OBJECT, upload(5)]);
    expect(asked[2]?.headers["cache-control"]).toBe("no-cache");
    expect(asked[3]?.body.includes(BYTES)).toBe(true);
    expect(requireClaim).toHaveBeenCalledOnce();
  });

  it("is not replaced in a place that is another's by now", async () => {
    const refusal = new TargetRefusedError({ object: "gs://bucket/log/", problem: "is handed over" });
    const requireClaim = () => Promise.reject(refusal);
    const steps = [EXISTS, generation(5), holding("debris")];
    const { writer, lines } = await newObjects(steps, { requireClaim });
    expect(await failureOf(writer.put(TILE, BYTES))).toBe(refusal);
    expect(lines()).toEqual([upload(0), METADATA, OBJECT]);
  });

  it("is not replaced where it cannot be read", async () => {
    const { writer, lines } = await newObjects([EXISTS, generation(5), { status: 403 }]);
    expect(await failureOf(writer.put(TILE, BYTES))).toBeInstanceOf(OperationError);
    expect(lines()).toEqual([upload(0), METADATA, OBJECT]);
  });

  it("and is gone when it is looked at is stored after all", async () => {
    const { writer, lines } = await newObjects([EXISTS, GONE, DONE]);
    await writer.put(TILE, BYTES);
    expect(lines()).toEqual([upload(0), METADATA, upload(0)]);
  });

  it("and is gone when it is read is stored after all", async () => {
    const steps = [EXISTS, generation(5), GONE, holding("{}"), EXISTS, DONE];
    const { writer, lines } = await newObjects(steps);
    await writer.put(TILE, BYTES);
    expect(lines()).toEqual([upload(0), METADATA, OBJECT, BUCKET, upload(5), upload(0)]);
  });

  it("and is changed over and over is somebody else's, and is said to be", async () => {
    const look = (number: number) => [EXISTS, generation(number), holding(`debris ${number}`), EXISTS];
    const { writer, lines } = await newObjects([1, 2, 3, 4, 5, 6].flatMap(look));
    const failure = await failureOf(writer.put(TILE, BYTES));
    expect(failure).toBeInstanceOf(OperationError);
    expect(String(failure)).toMatch(
      /gs:\/\/bucket\/log\/tile\/0\/000: is changed by somebody else.*Find out who/,
    );
    expect(lines().filter((line) => line === upload(0))).toHaveLength(5);
  });
});

describe("a request that fails for a while", () => {
  it.each([408, 429, 500, 502, 503, 504])("with %i is sent again", async (status) => {
    const { writer, asked, lines } = await newObjects([{ status }, { status }, DONE]);
    await writer.put(TILE, BYTES);
    expect(lines()).toEqual([upload(0), upload(0), upload(0)]);
    expect(asked[2]?.body).toEqual(asked[0]?.body);
  });

  it("by a line that breaks is sent again, and meets itself where it had come through", async () => {
    const breakOff = (response: ServerResponse) => void response.destroy();
    const { writer, lines } = await newObjects([breakOff, EXISTS, generation(5), holding(BYTES)]);
    await writer.put(TILE, BYTES);
    expect(lines()).toEqual([upload(0), upload(0), METADATA, OBJECT]);
  });

  it("is sent again at every step", async () => {
    const steps = [BUSY, EXISTS, BUSY, generation(5), BUSY, holding("debris"), BUSY, DONE];
    const { writer, lines } = await newObjects(steps);
    await writer.put(TILE, BYTES);
    const once = [upload(0), METADATA, OBJECT, upload(5)];
    expect(lines()).toEqual(once.flatMap((line) => [line, line]));
  });

  it("is given up after as many tries as were asked for, with what to do", async () => {
    const { writer, lines, host } = await newObjects(Array(10).fill(BUSY));
    const failure = await failureOf(writer.put(TILE, BYTES));
    expect(failure).toBeInstanceOf(OperationError);
    expect((failure as Error).message).toBe(
      `${NAME}: ${host} answered 503 Service Unavailable. Run the same command again, it goes on where it stopped`,
    );
    expect(lines()).toHaveLength(1 + PATIENT.attempts);
  });

  it.each([
    ["as it is told to", "7", 7000],
    ["as it may, and no longer", new Date(Date.now() + 7_000_000).toUTCString(), 8000],
  ])("waits as long %s", async (_how, value, waited) => {
    const busy = { status: 429, headers: { "retry-after": value } };
    const { writer } = await newObjects([busy, BUSY, DONE], { retry: { maxRetryAfterMs: 8000 } });
    sleep.mockResolvedValueOnce(undefined);
    await writer.put(TILE, BYTES);
    const [first, second] = sleep.mock.calls.map(([milliseconds]) => milliseconds);
    expect(first).toBeGreaterThanOrEqual(waited);
    expect(first).toBeLessThanOrEqual(waited + 2);
    expect(second).toBeLessThanOrEqual(2);
  });

  it("is not waited for after the last try, nor where it will not be sent again", async () => {
    const headers = { "retry-after": "7" };
    for (const [status, attempts] of [
      [503, 0],
      [403, 3],
    ] as const) {
      const { writer } = await newObjects([{ status, headers }], { retry: { attempts } });
      expect(await failureOf(writer.put(TILE, BYTES))).toBeInstanceOf(OperationError);
      expect(sleep).not.toHaveBeenCalled();
    }
  });
});

describe("a request that fails for good", () => {
  it("for bytes that did not arrive as they were sent says so, and is not sent again", async () => {
    const message = 'Provided CRC32C "4waSgw==" doesn\'t match calculated CRC32C "AAAAAA==".';
    const mismatch = { status: 400, body: JSON.stringify({ error: { code: 400, message } }) };
    const { writer, lines } = await newObjects([mismatch, DONE]);
    const failure = await failureOf(writer.put(TILE, BYTES));
    expect(failure).toBeInstanceOf(OperationError);
    expect((failure as Error).message).toContain(`${NAME}: `);
    expect((failure as Error).message).toContain(`answered 400 Bad Request (${message})`);
    expect(lines()).toEqual([upload(0)]);
  });

  it.each<[number, RegExp]>([
    [401, /401.*gcloud auth application-default login/],
    [403, /403.*roles\/storage.objectUser on gs:\/\/bucket/],
    [404, /404.*there is a bucket bucket/],
  ])("with %i says what to do, and is not sent again", async (status, words) => {
    const { writer, lines } = await newObjects([{ status }, DONE]);
    const failure = await failureOf(writer.put(TILE, BYTES));
    expect(failure).toBeInstanceOf(OperationError);
    expect((failure as Error).message).toMatch(words);
    expect(lines()).toEqual([upload(0)]);
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

  it("that is larger than it may be fails at once, for that", async () => {
    const { objects, lines } = await newObjects([holding(BYTES), holding(BYTES)]);
    expect(await failureOf(objects.get(TILE, BYTES.length - 1))).toBeInstanceOf(FormatError);
    expect(lines()).toEqual([OBJECT]);
  });

  it("fails where it was given up, with its name", async () => {
    const { objects } = await newObjects(Array(10).fill(BUSY));
    const failure = await failureOf(objects.get(TILE, 10));
    expect(failure).toBeInstanceOf(OperationError);
    expect((failure as Error).message).toContain(`${NAME}: `);
  });
});

describe("a signal", () => {
  const put = (objects: BucketObjects) => objects.put(TILE, BYTES);
  const read = (objects: BucketObjects) => objects.get(TILE, 10);
  const WORKS = [
    ["an upload", put],
    ["a read", read],
  ] as const;

  it.each(WORKS)("that has fired keeps %s from beginning", async (_what, work) => {
    const signal = AbortSignal.abort("enough");
    const { objects, lines } = await newObjects([DONE], { signal });
    expect(await failureOf(work(objects))).toBe("enough");
    expect(lines()).toEqual([]);
  });

  it.each(WORKS)("ends %s that waits for its answer", async (_what, work) => {
    const controller = new AbortController();
    const { objects } = await newObjects([() => controller.abort("enough")], {
      signal: controller.signal,
    });
    expect(await failureOf(work(objects))).toBe("enough");
  });

  it.each(WORKS)("ends %s that waits for credentials, and nothing is asked", async (_what, work) => {
    const controller = new AbortController();
    const { objects, lines } = await newObjects([DONE], { signal: controller.signal });
    const authorization = vi.spyOn(GcsAccess.prototype, "authorization");
    onTestFinished(() => authorization.mockRestore());
    authorization.mockImplementation(() => {
      queueMicrotask(() => controller.abort("enough"));
      return new Promise(() => {});
    });
    expect(await failureOf(work(objects))).toBe("enough");
    expect(lines()).toEqual([]);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    "that fires %i turns after credentials came has nothing asked with them",
    async (turns) => {
      const controller = new AbortController();
      const { writer, lines } = await newObjects([DONE], { signal: controller.signal });
      const authorization = vi.spyOn(GcsAccess.prototype, "authorization");
      onTestFinished(() => authorization.mockRestore());
      authorization.mockImplementation(() => {
        const came = Promise.resolve(["authorization", "Bearer one"]);
        came.then(async () => {
          for (let turn = 0; turn < turns; turn++) await undefined;
          controller.abort("enough");
        });
        return came;
      });
      expect(await failureOf(writer.put(TILE, BYTES))).toBe("enough");
      expect(lines()).toEqual([]);
    },
  );

  it.each(WORKS)("ends %s at once that waits as long as it was asked to", async (_what, work) => {
    const controller = new AbortController();
    const busy = { status: 429, headers: { "retry-after": "3600" } };
    const retry = { maxRetryAfterMs: FOR_EVER_MS };
    const { objects, lines } = await newObjects([busy], { retry, signal: controller.signal });
    const { setTimeout: wait } =
      await vi.importActual<typeof import("node:timers/promises")>("node:timers/promises");
    sleep.mockImplementationOnce((...args: Parameters<typeof wait>) => {
      queueMicrotask(() => controller.abort("enough"));
      return wait(...args);
    });
    expect(await failureOf(work(objects))).toBe("enough");
    expect(lines()).toHaveLength(1);
  });

  it.each(WORKS)("ends %s at once that waits to be sent again", async (_what, work) => {
    const controller = new AbortController();
    const retry = { minDelayMs: FOR_EVER_MS, maxDelayMs: FOR_EVER_MS };
    const { objects, lines } = await newObjects([BUSY], { retry, signal: controller.signal });
    const failure = failureOf(work(objects));
    await vi.waitUntil(() => sleep.mock.calls.some(([milliseconds]) => milliseconds === FOR_EVER_MS));
    controller.abort("enough");
    expect(await failure).toBe("enough");
    expect(lines()).toHaveLength(1);
  });
});

it("uploads and reads share the connections that a thread may have, and none is left when all is closed", async () => {
  const closings = new Map<Socket, Promise<unknown>>();
  const { objects, writer } = await newObjects(
    Array.from({ length: 16 }, (_, i) => (response: ServerResponse) => {
      const socket = response.socket as Socket;
      if (!closings.has(socket)) closings.set(socket, once(socket, "close"));
      response.writeHead(200).end(i % 2 === 0 ? DONE.body : BYTES);
    }),
  );
  const works = Array.from({ length: 16 }, (_, i) =>
    i % 2 === 0 ? writer.put(TILE, BYTES) : objects.get(TILE, 100),
  );
  await Promise.all(works);
  expect(closings.size).toBeLessThanOrEqual(CONNECTIONS);
  await objects.close();
  await Promise.all(closings.values());
  expect(String(await failureOf(writer.put(TILE, BYTES)))).toContain("was closed");
});
