/** How a writer stores and reads objects in a bucket of S3, and how often: by an S3 that answers as a test says. */

import type { ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { BucketWriter } from "../../../../storage/bucket/writer.ts";
import { S3Access } from "../../../../storage/s3/access.ts";
import { S3Objects, type S3Options } from "../../../../storage/s3/objects.ts";
import { sunlightHeaders } from "../../../../storage/sunlight/layout.ts";
import { failing, found, MISSING, startS3 } from "../../../support/aws.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import type { Answer, Step } from "../../../support/http/answering-server.ts";
import { stoppedClock } from "../../../support/http/clock.ts";
import { serveRaw } from "../../../support/http/servers.ts";

const RETRY = { attempts: 3, minDelayMs: 1, maxDelayMs: 2, maxRetryAfterMs: 5, contentAttempts: 0 };
const TILE = "tile/0/000";
const NAME = `s3://bucket/log/${TILE}`;
/** The check value that catalogues of CRCs have, of CRC-32C: e3069283. */
const [BYTES, CRC32C] = [Buffer.from("123456789"), "4waSgw=="];
const SHA256 = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
const NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const PUT = "PUT /bucket/log/tile/0/000";
const GET = "GET /bucket/log/tile/0/000";

const DONE: Answer = { status: 200, headers: { etag: '"9"' } };
const EXISTS = failing(412, "PreconditionFailed");
const holding = (body: string | Buffer): Answer => found("5", body, 200);

/** Objects below s3://bucket/log/ in an S3 that answers one step after the other, and what it was asked. */
async function newObjects(
  steps: readonly Step[],
  requireClaim = async () => {},
  headers?: S3Options["headers"],
) {
  const s3 = await startS3(steps);
  const retried = vi.fn();
  const options = {
    connections: 2,
    retry: RETRY,
    retried,
    userAgentVersion: "test",
    ...(headers && { headers }),
  };
  const objects = new S3Objects(s3.access, options);
  onTestFinished(() => objects.close());
  return { ...s3, objects, retried, writer: new BucketWriter(objects, objects, requireClaim) };
}

async function expectFailure(work: Promise<unknown>, words: RegExp): Promise<void> {
  await expect(work).rejects.toBeInstanceOf(OperationError);
  await expect(work).rejects.toThrow(words);
  await expect(work).rejects.toThrow(/^s3:\/\/bucket\/log\/[^\n]*$/);
}

describe("a log of Sunlight", () => {
  const DATA = "tile/data/000";
  const gzip = gzipSync("a data tile");
  const encoded = (coding: string | undefined, body: Buffer): Answer => ({
    status: 200,
    headers: { etag: '"5"', ...(coding && { "content-encoding": coding }) },
    body,
  });

  it("has data tiles stored with their encoding, which is signed, and others without", async () => {
    const { objects, asked } = await newObjects([DONE, DONE], undefined, sunlightHeaders);
    await objects.put(DATA, gzip);
    await objects.put(TILE, BYTES);
    expect(asked[0]?.body).toEqual(gzip);
    expect(asked[0]?.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-encoding": "gzip",
      "cache-control": "public, max-age=604800, immutable",
      authorization: expect.stringContaining("SignedHeaders=cache-control;content-encoding;content-type;"),
    });
    expect(asked[1]?.headers).not.toHaveProperty("content-encoding");
  });

  it("has data tiles read as they are stored", async () => {
    const { objects } = await newObjects([encoded("gzip", gzip), MISSING], undefined, sunlightHeaders);
    expect(Buffer.from((await objects.get(DATA, 100)) ?? [])).toEqual(gzip);
    expect(await objects.get(DATA, 100)).toBeUndefined();
  });

  it.each([
    ["a data tile without its encoding", DATA, undefined, gzip],
    ["a plain data tile", DATA, undefined, BYTES],
    ["a data tile that is larger than it may be", DATA, "gzip", gzipSync(Buffer.alloc(200))],
    ["a tile with an encoding", TILE, "gzip", gzip],
  ])("has nothing read of %s", async (_what, path, coding, body) => {
    const { objects } = await newObjects([encoded(coding, body)], undefined, sunlightHeaders);
    await expect(objects.get(path, 100)).rejects.toThrow(FormatError);
  });
});

describe("an upload", () => {
  it("says what is stored, with its checksums, where there is nothing yet; all of it is signed", async () => {
    const { objects, asked, lines } = await newObjects([DONE]);
    expect(await objects.put(TILE, BYTES)).toBe(true);
    expect(lines()).toEqual([PUT]);
    expect(asked[0]?.body).toEqual(BYTES);
    expect(asked[0]?.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": "9",
      "cache-control": "max-age=604800,immutable",
      "if-none-match": "*",
      "x-amz-checksum-crc32c": CRC32C,
      "x-amz-content-sha256": SHA256,
      "x-amz-date": expect.stringMatching(/^\d{8}T\d{6}Z$/),
      "user-agent": "tlog-migrate/test",
    });
    const names =
      "cache-control;content-type;host;if-none-match;x-amz-checksum-crc32c;x-amz-content-sha256;x-amz-date";
    expect(asked[0]?.headers.authorization).toMatch(
      new RegExp(
        `^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\\d{8}/us-east-1/s3/aws4_request, SignedHeaders=${names}, Signature=[0-9a-f]{64}$`,
      ),
    );
  });

  it("in place of a version names it as S3 did", async () => {
    const { objects, asked } = await newObjects([found("a-1"), DONE]);
    const version = await objects.stat(TILE);
    expect(await objects.put(TILE, BYTES, version)).toBe(true);
    expect(asked[1]?.headers).toMatchObject({ "if-match": '"a-1"' });
    expect(asked[1]?.headers).not.toHaveProperty("if-none-match");
  });

  it.each<[what: string, step: Step]>([
    ["there is another", EXISTS],
    ["there is none any more", MISSING],
  ])("stores nothing where %s", async (_what, step) => {
    const { objects, lines } = await newObjects([step]);
    expect(await objects.put(TILE, BYTES, { version: '"5"', storedAt: 0 })).toBe(false);
    expect(lines()).toEqual([PUT]);
  });

  it("has the token of temporary credentials, signed too", async () => {
    const { objects, asked } = await newObjects([DONE]);
    stubEnvironment({ AWS_SESSION_TOKEN: "a token" });
    await objects.put(TILE, BYTES);
    expect(asked[0]?.headers["x-amz-security-token"]).toBe("a token");
    expect(asked[0]?.headers.authorization).toContain(";x-amz-security-token,");
  });

  it("that is large has its length, and arrives whole", async () => {
    const { objects, asked } = await newObjects([DONE]);
    const bytes = Buffer.alloc(300_000, "x");
    await objects.put(TILE, bytes);
    expect(asked[0]?.headers["content-length"]).toBe("300000");
    expect(asked[0]?.body.equals(bytes)).toBe(true);
  });

  const breakOff = (response: ServerResponse) => void response.destroy();
  it.each<[what: string, step: Step]>([
    ["503 SlowDown", failing(503, "SlowDown")],
    ["500", failing(500, "InternalError")],
    ["400 RequestTimeout", failing(400, "RequestTimeout")],
    ["409 since another is under way", failing(409, "ConditionalRequestConflict")],
    ["400 since it did not arrive as it was sent", failing(400, "BadDigest")],
    ["a gateway's 502", { status: 502, body: "<html>Bad Gateway</html>" }],
    ["429", { status: 429 }],
    ["a line that breaks", breakOff],
    ["a page that is not S3's", { status: 200, headers: { etag: '"5"' }, body: "<html>Sign in</html>" }],
    ["nothing that names a version", { status: 200 }],
    ["a version that no condition can name", { status: 200, headers: { etag: 'W/"5"' } }],
    [
      "the checksum of other bytes",
      { ...DONE, headers: { etag: '"9"', "x-amz-checksum-crc32c": "AAAAAA==" } },
    ],
    ["a 404 that is not S3's", { status: 404, body: "<html>Not Found</html>" }],
  ])("that is answered by %s is sent again, with all that it had", async (_what, step) => {
    const { objects, asked, retried } = await newObjects([step, step, DONE]);
    expect(await objects.put(TILE, BYTES)).toBe(true);
    expect(asked.map(({ body }) => String(body))).toEqual(Array(3).fill("123456789"));
    expect(asked.map(({ headers }) => headers["if-none-match"])).toEqual(["*", "*", "*"]);
    expect(retried).toHaveBeenCalledTimes(2);
  });

  it("is given up after as many tries as were asked for", async () => {
    const { objects, asked } = await newObjects(Array(10).fill(failing(503, "SlowDown")));
    await expectFailure(
      objects.put(TILE, BYTES),
      /503 Service Unavailable \(SlowDown: in words\)\. Run the same/,
    );
    expect(asked).toHaveLength(1 + RETRY.attempts);
  });

  it.each<[what: string, step: Step, words: RegExp]>([
    [
      "403",
      failing(403, "AccessDenied"),
      /403 Forbidden \(AccessDenied: in words\)\. Allow s3:ListBucket on bucket.*s3:PutObject.*bucket\/log\/\*/,
    ],
    ["404", failing(404, "NoSuchBucket"), /there is no bucket bucket\. Check its name/],
    ["501", failing(501, "NotImplemented"), /lacks what a copy needs/],
    ["400", failing(400, "InvalidRequest"), /400 Bad Request \(InvalidRequest: in words\)/],
  ])("that is refused by %s says so at once", async (_what, step, words) => {
    const { objects, asked } = await newObjects([step]);
    await expectFailure(objects.put(TILE, BYTES), words);
    expect(asked).toHaveLength(1);
  });
});

describe("a large upload that is answered before it has arrived", () => {
  /** Reads the head of each request alone, answers, and ends the connection with the rest of it unread. */
  async function closing(answer: string) {
    const { access } = await startS3([]);
    const url = await serveRaw((socket) => {
      socket.once("data", () => {
        socket.pause();
        socket.write(answer, "latin1", () => socket.resetAndDestroy());
      });
    });
    const endpoint = { origin: url.origin, root: "/bucket", region: "us-east-1" };
    const objects = new S3Objects(new S3Access(access.place, endpoint), {
      connections: 2,
      retry: RETRY,
      userAgentVersion: "test",
    });
    onTestFinished(() => objects.close());
    return objects;
  }

  it.each([100_000, 1_000_000, 10_000_000])("stores nothing where %i bytes meet an object", async (bytes) => {
    const objects = await closing(
      "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    expect(await objects.put(TILE, Buffer.alloc(bytes))).toBe(false);
    expect(await objects.put(TILE, Buffer.alloc(bytes))).toBe(false);
  });
});

describe("credentials that have expired", () => {
  const EXPIRED = failing(400, "ExpiredToken");

  it("are asked for once more, for an upload, a look and a read", async () => {
    const { objects, asked } = await newObjects([
      DONE,
      EXPIRED,
      DONE,
      EXPIRED,
      found("5"),
      EXPIRED,
      holding(BYTES),
    ]);
    await objects.put(TILE, BYTES);
    for (const [id, work] of [
      ["SECOND", () => objects.put(TILE, BYTES)],
      ["THIRD", () => objects.stat(TILE)],
      ["FOURTH", () => objects.get(TILE, 100)],
    ] as const) {
      stubEnvironment({ AWS_ACCESS_KEY_ID: id });
      await work();
      expect(asked.at(-1)?.headers.authorization).toContain(`Credential=${id}/`);
    }
    expect(asked).toHaveLength(7);
  });

  it("again fail, with what to do", async () => {
    const { objects, asked } = await newObjects([EXPIRED, EXPIRED]);
    await expectFailure(objects.put(TILE, BYTES), /400.*the credentials have expired\. Renew them/);
    expect(asked).toHaveLength(2);
  });
});

describe("a put", () => {
  it.each<
    [what: string, steps: readonly Step[], requests: readonly string[], conditions: readonly unknown[]]
  >([
    ["keeps what is the same", [EXISTS, found("5"), holding(BYTES)], [PUT, GET, GET], ["*"]],
    [
      "replaces other bytes, and only them",
      [EXISTS, found("5"), holding("leftover"), DONE],
      [PUT, GET, GET, PUT],
      ["*", '"5"'],
    ],
    [
      "replaces what is empty",
      [EXISTS, failing(416, "InvalidRange"), found("5", "", 200), holding(""), DONE],
      [PUT, GET, GET, GET, PUT],
      ["*", '"5"'],
    ],
    [
      "replaces what is encoded, whatever it decodes to",
      [
        EXISTS,
        found("5"),
        { ...holding(gzipSync(BYTES)), headers: { etag: '"5"', "content-encoding": "gzip" } },
        DONE,
      ],
      [PUT, GET, GET, PUT],
      ["*", '"5"'],
    ],
    ["of what is gone when it is looked at stores it", [EXISTS, MISSING, DONE], [PUT, GET, PUT], ["*", "*"]],
    [
      "of what is changed meanwhile looks again",
      [EXISTS, found("5"), holding("?"), EXISTS, EXISTS, found("6"), holding("!"), DONE],
      [PUT, GET, GET, PUT, PUT, GET, GET, PUT],
      ["*", '"5"', "*", '"6"'],
    ],
  ])("%s", async (_what, steps, requests, conditions) => {
    const requireClaim = vi.fn(async () => {});
    const { writer, asked, lines, retried } = await newObjects(steps, requireClaim);
    await writer.put(TILE, BYTES);
    expect(retried).not.toHaveBeenCalled();
    expect(lines()).toEqual(requests);
    const puts = asked.filter(({ line }) => line === PUT);
    expect(puts.map(({ headers }) => headers["if-none-match"] ?? headers["if-match"])).toEqual(conditions);
    expect(requireClaim).toHaveBeenCalledTimes(conditions.filter((condition) => condition !== "*").length);
  });
});

describe("a look at an object", () => {
  it("gives its version and when it was stored, for one byte", async () => {
    const { objects, asked } = await newObjects([found("5")]);
    expect(await objects.stat(TILE)).toEqual({ version: '"5"', storedAt: Date.UTC(2026, 10, 21, 12) });
    expect(asked[0]?.headers).toMatchObject({ range: "bytes=0-0", "x-amz-content-sha256": NOTHING });
  });

  it("gives nothing where there is none, and only where S3 says so", async () => {
    const page: Step = { status: 404, body: "<html>" };
    const { objects, asked } = await newObjects([MISSING, page, MISSING]);
    expect(await objects.stat(TILE)).toBeUndefined();
    expect(await objects.stat(TILE)).toBeUndefined();
    expect(asked).toHaveLength(3);
  });

  it("without a time is not believed", async () => {
    const { objects } = await newObjects(
      Array(10).fill({ status: 206, headers: { etag: '"5"' }, body: "x" }),
    );
    await expectFailure(objects.stat(TILE), /not one of S3: it does not say when the object was stored/);
  });
});

it("a look that is not answered is given up after 30 s, and tried again", async () => {
  const clock = stoppedClock();
  const late = (response: ServerResponse) => {
    clock.goOn(31_000);
    onTestFinished(() => void response.destroy());
  };
  const { objects, asked } = await newObjects([late, found("5")]);
  expect(await objects.stat(TILE)).toMatchObject({ version: '"5"' });
  expect(asked).toHaveLength(2);
});

describe("reading an object", () => {
  it("gives its bytes, asked for past every cache", async () => {
    const { objects, asked, lines } = await newObjects([failing(503, "SlowDown"), holding(BYTES), MISSING]);
    expect(await objects.get(TILE, 9)).toEqual(BYTES);
    expect(asked[1]?.headers["cache-control"]).toBe("no-cache");
    expect(await objects.get(TILE, 9)).toBeUndefined();
    expect(lines()).toEqual([GET, GET, GET]);
  });

  it.each<[string, Step]>([
    ["larger than it may be", holding("1234567890")],
    ["encoded", { ...holding(gzipSync("1")), headers: { "content-encoding": "gzip" } }],
  ])("that is %s fails at once, for that", async (_what, step) => {
    const { objects, lines } = await newObjects([step]);
    await expect(objects.get(TILE, 9)).rejects.toBeInstanceOf(FormatError);
    expect(lines()).toEqual([GET]);
  });

  it("fails with its name", async () => {
    const { objects } = await newObjects([failing(403, "AccessDenied")]);
    await expectFailure(objects.get(TILE, 9), new RegExp(`^${NAME}: .*403`));
  });
});

describe("a signal", () => {
  it.each<[string, (objects: S3Objects) => Promise<unknown>]>([
    ["an upload", (objects) => objects.put(TILE, BYTES)],
    ["a look", (objects) => objects.stat(TILE)],
    ["a read", (objects) => objects.get(TILE, 9)],
  ])("ends %s that waits for its answer, and lets none begin", async (_what, work) => {
    const controller = new AbortController();
    const s3 = await startS3([() => controller.abort("enough")]);
    const options = { connections: 1, retry: RETRY, userAgentVersion: "test" };
    const objects = new S3Objects(s3.access, options, controller.signal);
    onTestFinished(() => objects.close());
    await expect(work(objects)).rejects.toBe("enough");
    await expect(work(objects)).rejects.toBe("enough");
    expect(s3.asked).toHaveLength(1);
  });
});
