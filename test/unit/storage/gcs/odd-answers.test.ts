/** Answers with status 200 that are not the Cloud Storage API's: a proxy or a sign-in page may give them in its place. */

import { describe, expect, it, onTestFinished } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { checksumOf } from "../../../../storage/bucket/checksum.ts";
import { GcsBucket } from "../../../../storage/gcs/bucket.ts";
import { GcsAccess } from "../../../../storage/gcs/credentials.ts";
import { GcsObjects } from "../../../../storage/gcs/objects.ts";
import { startStorage } from "../../../support/google.ts";
import type { Answer } from "../../../support/http/answering-server.ts";

const PLACE = { scheme: "gs", bucket: "bucket", prefix: "log/" };
const PATH = "tile/0/000";
const OPTIONS = {
  connections: 1,
  retry: { attempts: 2, minDelayMs: 1, maxDelayMs: 2, maxRetryAfterMs: 5, contentAttempts: 0 },
  userAgentVersion: "0",
};

const JSON_TYPE = { "content-type": "application/json" };

const page: Answer = {
  status: 200,
  headers: { "content-type": "text/html" },
  body: `<html>Sign in${"!".repeat(20_000)}</html>`,
};
const json = (body: string): Answer => ({ status: 200, headers: JSON_TYPE, body });

/** What is no answer to any question. */
const NEVER: readonly (readonly [string, Answer])[] = [
  ["a web page", page],
  ["a web page that says it is JSON", { ...page, headers: JSON_TYPE }],
  ["null", json("null")],
  ["a list", json("[]")],
  ["a string", json('"log/tile/0/000"')],
  ["a number", json("7")],
];
const NOT_METADATA: readonly (readonly [string, Answer])[] = [
  ...NEVER,
  ["nothing", json("")],
  ["an empty object", json("{}")],
  ["a version that is none", json('{"generation":{},"updated":"2026-11-21T12:00:00Z"}')],
];
const NO_TIME: readonly (readonly [string, Answer])[] = [
  ["a version without a time", json('{"generation":"7"}')],
  ["a time that is none", json('{"generation":"7","updated":[1]}')],
];
const NOT_A_PAGE: readonly (readonly [string, Answer])[] = [
  ...NEVER,
  ["items that are none", json('{"items":7}')],
  ["items that are a text", json('{"items":"log/tile/0/000"}')],
  ["items without a name", json('{"items":[{"size":"1"}]}')],
  ["items that are null", json('{"items":[null]}')],
  ["an item of another prefix", json('{"items":[{"name":"other/tile/0/000","size":"1"}]}')],
  ["an item without a size", json('{"items":[{"name":"log/tile/0/000"}]}')],
  ["an item of a size that is none", json('{"items":[{"name":"log/tile/0/000","size":"-1"}]}')],
  ["a next page that is none", json('{"nextPageToken":{"a":1}}')],
];

type Work = () => Promise<unknown>;

function newBucket(): GcsBucket {
  return new GcsBucket(PLACE, OPTIONS);
}

function newObjects(): GcsObjects {
  const objects = new GcsObjects(PLACE, new GcsAccess(), OPTIONS);
  onTestFinished(() => objects.close());
  return objects;
}

async function listed(bucket: GcsBucket): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const object of bucket.list("tile")) found.push(object);
  return found;
}

const METADATA = json('{"generation":"7","updated":"2026-11-21T12:00:00Z"}');
const VERSION = { version: "7", storedAt: Date.parse("2026-11-21T12:00:00Z") };

const CASES: readonly {
  readonly what: string;
  readonly odd: readonly (readonly [string, Answer])[];
  readonly work: () => Work;
  readonly right: readonly [Answer, unknown];
}[] = [
  {
    what: "a look at an object by the library",
    odd: [...NOT_METADATA, ...NO_TIME],
    work: () => () => newBucket().stat(PATH),
    right: [METADATA, VERSION],
  },
  {
    what: "a look at an object",
    odd: [...NOT_METADATA, ...NO_TIME],
    work: () => () => newObjects().stat(PATH),
    right: [METADATA, VERSION],
  },
  {
    what: "an upload",
    odd: NOT_METADATA,
    work: () => () => newObjects().put(PATH, Buffer.from("bytes")),
    right: [METADATA, true],
  },
  {
    what: "an upload by the library",
    odd: NEVER,
    work: () => () => newBucket().put(PATH, Buffer.from("bytes")),
    right: [json(`{"generation":"8","crc32c":"${await checksumOf(Buffer.from("bytes"))}"}`), true],
  },
  {
    what: "a listing",
    odd: NOT_A_PAGE,
    work: () => () => listed(newBucket()),
    right: [json('{"items":[{"name":"log/tile/0/000","size":"8192"}]}'), [{ path: PATH, bytes: 8192 }]],
  },
];

describe.each(CASES)("$what that is answered by", ({ odd, work, right: [answer, expected] }) => {
  it.each(odd)("%s is asked for again, and is then a failure of one line", async (_what, step) => {
    const { asked } = await startStorage(Array(50).fill(step));
    const failure = work()();
    await expect(failure).rejects.toBeInstanceOf(OperationError);
    await expect(failure).rejects.toThrow(/^gs:\/\/bucket\/log\/tile.{10,1500}$/);
    expect(asked.length).toBeGreaterThanOrEqual(3);
  });

  it("a web page and then as it should be succeeds", async () => {
    await startStorage([page, ...Array(50).fill(answer)]);
    expect(await work()()).toEqual(expected);
  });
});

it("a listing that goes round in a circle ends", async () => {
  const pageTo = (token: string): Answer =>
    json(JSON.stringify({ items: [{ name: `log/tile/${token}`, size: "1" }], nextPageToken: token }));
  for (const circle of [["a"], ["a", "b"], ["a", "b", "c"]]) {
    const { asked } = await startStorage(Array(20).fill(circle.map(pageTo)).flat());
    await expect(listed(newBucket())).rejects.toThrow(
      /^gs:\/\/bucket\/log\/tile: .*listing goes round in a circle/,
    );
    expect(asked.length).toBeLessThanOrEqual(2 * circle.length + 2);
  }
});

it("a listing whose token comes twice by chance of a proxy goes on", async () => {
  const pageOf = (name: string, nextPageToken?: string): Answer =>
    json(JSON.stringify({ items: [{ name: `log/tile/${name}`, size: "1" }], nextPageToken }));
  await startStorage([pageOf("1", "a"), pageOf("1", "a"), pageOf("2")]);
  expect(await listed(newBucket())).toHaveLength(2);
});
