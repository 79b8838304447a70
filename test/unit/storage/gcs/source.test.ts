/** How a bucket is asked for objects, and what is made of its answers. */

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type ReadOptions, SourceError } from "../../../../lib/migrate/ports/source.ts";
import { GcsAccess } from "../../../../storage/gcs/credentials.ts";
import { GcsSource } from "../../../../storage/gcs/source.ts";
import { serve } from "../../../support/http/servers.ts";

const ANY: ReadOptions = { maxBytes: 1 << 20 };
const BUCKET = "/storage/v1/b/bucket?fields=name";

beforeEach(({ onTestFinished }) => onTestFinished(() => void vi.unstubAllEnvs()));

/** A source over a Cloud Storage that answers as `answer` says, and the paths that it was asked for. */
async function newSource(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  prefix = "log/",
): Promise<{ source: GcsSource; access: GcsAccess; asked: string[] }> {
  const asked: string[] = [];
  const url = await serve((request, response) => {
    asked.push(request.url ?? "");
    answer(request, response);
  });
  vi.stubEnv("STORAGE_EMULATOR_HOST", url.origin);
  const access = new GcsAccess();
  const options = { connections: 2, userAgentVersion: "test" };
  const source = new GcsSource({ bucket: "bucket", prefix }, access, options);
  onTestFinished(() => source.close());
  return { source, access, asked };
}

/** Answers requests for objects by one status and those for the bucket by another. */
function answering(object: number, bucket: number) {
  return ({ url }: IncomingMessage, response: ServerResponse) => {
    response.writeHead(url === BUCKET ? bucket : object).end("{}");
  };
}

async function failureOf(read: Promise<unknown>): Promise<unknown> {
  return await read.then(
    () => "no failure",
    (error: unknown) => error,
  );
}

describe("an object in a bucket", () => {
  it("is asked for by its name, escaped", async () => {
    const { source, asked } = await newSource((_request, response) => response.end("x"), "50% ü/a+b/");
    await source.read("tile/0/000", ANY);
    expect(asked).toEqual(["/bucket/50%25%20%C3%BC/a%2Bb/tile/0/000"]);
    expect(source.locate("tile/0/000")).toBe("gs://bucket/50%25 ü/a+b/tile/0/000");
  });

  it("is asked for with credentials", async () => {
    const seen: (string | undefined)[] = [];
    const { source, access } = await newSource(({ headers }, response) => {
      seen.push(headers.authorization);
      response.end("x");
    });
    vi.spyOn(access, "authorization")
      .mockResolvedValueOnce(["authorization", "Bearer one"])
      .mockResolvedValueOnce(["authorization", "Bearer two"]);
    await source.read("checkpoint", ANY);
    await source.read("checkpoint", ANY);
    expect(seen).toEqual(["Bearer one", "Bearer two"]);
  });

  it("that is missing has the bucket looked at, until it was found", async () => {
    const { source, asked } = await newSource(answering(404, 200));
    for (let i = 0; i < 2; i++) expect(await source.read("checkpoint", ANY)).toBeUndefined();
    expect(asked).toEqual(["/bucket/log/checkpoint", BUCKET, "/bucket/log/checkpoint"]);
  });

  it("that is missing is believed to be by who may not look at the bucket", async () => {
    const { source } = await newSource(answering(404, 403));
    expect(await source.read("checkpoint", ANY)).toBeUndefined();
  });

  it("of a bucket that is not there is another matter, each time", async () => {
    const { source } = await newSource(answering(404, 404));
    for (let i = 0; i < 2; i++) {
      const failure = await failureOf(source.read("checkpoint", ANY));
      expect(failure).toBeInstanceOf(SourceError);
      expect(failure).toMatchObject({
        message: "there is no bucket bucket",
        retryable: false,
        unreachable: true,
        advice: expect.stringContaining("create it"),
      });
    }
  });

  it("of a bucket that cannot be looked at just now may be asked for again", async () => {
    let bucket = 503;
    const { source } = await newSource((request, response) => answering(404, bucket)(request, response));
    expect(await failureOf(source.read("checkpoint", ANY))).toMatchObject({ retryable: true, status: 503 });
    bucket = 200;
    expect(await source.read("checkpoint", ANY)).toBeUndefined();
  });

  it("that may not be read comes with the role that allows it", async () => {
    const { source } = await newSource(answering(403, 200));
    expect(await failureOf(source.read("checkpoint", ANY))).toMatchObject({
      status: 403,
      advice: expect.stringContaining("roles/storage.objectViewer"),
    });
  });
});

describe("a signal", () => {
  it("ends a read that waits for credentials", async () => {
    const { source, access, asked } = await newSource(answering(200, 200));
    vi.spyOn(access, "authorization").mockReturnValue(new Promise(() => {}));
    const controller = new AbortController();
    const read = source.read("checkpoint", { ...ANY, signal: controller.signal });
    controller.abort("enough");
    await expect(read).rejects.toBe("enough");
    expect(asked).toEqual([]);
  });

  it("ends a read that waits to be told of the bucket, and no other", async () => {
    const held = Promise.withResolvers<ServerResponse>();
    const { source } = await newSource(({ url }, response) => {
      if (url === BUCKET) held.resolve(response);
      else response.writeHead(404).end();
    });
    const controller = new AbortController();
    const ended = source.read("checkpoint", { ...ANY, signal: controller.signal });
    const response = await held.promise;
    const other = source.read("checkpoint", ANY);
    controller.abort("enough");
    await expect(ended).rejects.toBe("enough");
    response.end("{}");
    expect(await other).toBeUndefined();
  });
});

it("leaves no connection open when it is closed, neither for objects nor for the bucket", async () => {
  const closings: Promise<unknown>[] = [];
  const { source } = await newSource((request, response) => {
    closings.push(once(request.socket, "close"));
    answering(404, 200)(request, response);
  });
  expect(await source.read("checkpoint", ANY)).toBeUndefined();
  expect(closings).toHaveLength(2);
  await source.close();
  await Promise.all(closings);
});
