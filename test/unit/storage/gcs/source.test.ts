/** How a bucket is asked for objects, and what is made of its answers. */

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { GcsAccess } from "../../../../storage/gcs/credentials.ts";
import { GcsSource } from "../../../../storage/gcs/source.ts";
import { spyOnAccess, startStorage } from "../../../support/google.ts";
import type { Step } from "../../../support/http/answering-server.ts";
import { ANY } from "../../../support/http/reads.ts";

const OBJECT = "GET /bucket/log/checkpoint";
const BUCKET = "GET /storage/v1/b/bucket?fields=name";
const isForBucket = ({ req }: ServerResponse) => `GET ${req.url}` === BUCKET;

/** A source over a Cloud Storage that answers so, and what that was asked for. */
async function newSource(steps: Parameters<typeof startStorage>[0], prefix = "log/") {
  const { lines } = await startStorage(steps);
  const options = { connections: 2, userAgentVersion: "test" };
  const source = new GcsSource({ scheme: "gs", bucket: "bucket", prefix }, new GcsAccess(), options);
  onTestFinished(() => source.close());
  return { source, lines };
}

const statuses = (...all: readonly number[]): Step[] => all.map((status) => ({ status, body: "{}" }));

describe("an object in a bucket", () => {
  it("is asked for by its name, escaped", async () => {
    const { source, lines } = await newSource(statuses(200), "50% ü/a+b/");
    await source.read("tile/0/000", ANY);
    expect(lines()).toEqual(["GET /bucket/50%25%20%C3%BC/a%2Bb/tile/0/000"]);
    expect(source.locate("tile/0/000")).toBe("gs://bucket/50%25 ü/a+b/tile/0/000");
  });

  it("is asked for with credentials", async () => {
    const seen: (string | undefined)[] = [];
    const { source } = await newSource((response) => {
      seen.push(response.req.headers.authorization);
      response.end("x");
    });
    spyOnAccess("authorization")
      .mockResolvedValueOnce(["authorization", "Bearer one"])
      .mockResolvedValueOnce(["authorization", "Bearer two"]);
    for (let i = 0; i < 2; i++) await source.read("checkpoint", ANY);
    expect(seen).toEqual(["Bearer one", "Bearer two"]);
  });

  it("that is missing has the bucket looked at, until it was found", async () => {
    const { source, lines } = await newSource(statuses(404, 200, 404));
    for (let i = 0; i < 2; i++) expect(await source.read("checkpoint", ANY)).toBeUndefined();
    expect(lines()).toEqual([OBJECT, BUCKET, OBJECT]);
  });

  it("that is missing is believed to be by who may not look at the bucket", async () => {
    const { source } = await newSource(statuses(404, 403));
    expect(await source.read("checkpoint", ANY)).toBeUndefined();
  });

  it("of a bucket that is not there is another matter, each time", async () => {
    const { source } = await newSource(statuses(404, 404, 404, 404));
    for (let i = 0; i < 2; i++) {
      const read = source.read("checkpoint", ANY);
      await expect(read).rejects.toBeInstanceOf(SourceError);
      await expect(read).rejects.toMatchObject({
        message: "there is no bucket bucket",
        retryable: false,
        unreachable: true,
        advice: expect.stringContaining("create it"),
      });
    }
  });

  it("of a bucket that cannot be looked at just now may be asked for again", async () => {
    const { source } = await newSource(statuses(404, 503, 404, 200));
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({ retryable: true, status: 503 });
    expect(await source.read("checkpoint", ANY)).toBeUndefined();
  });

  it("that may not be read comes with the role that allows it", async () => {
    const { source } = await newSource(statuses(403));
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({
      status: 403,
      advice: expect.stringContaining("roles/storage.objectViewer"),
    });
  });
});

describe("a signal", () => {
  it("ends a read that waits for credentials", async () => {
    const { source, lines } = await newSource([]);
    spyOnAccess("authorization").mockReturnValue(new Promise(() => {}));
    const controller = new AbortController();
    const read = source.read("checkpoint", { ...ANY, signal: controller.signal });
    controller.abort("enough");
    await expect(read).rejects.toBe("enough");
    expect(lines()).toEqual([]);
  });

  it("ends a read that waits for what is said of the bucket, and no other", async () => {
    const held = Promise.withResolvers<ServerResponse>();
    const { source } = await newSource((response) =>
      isForBucket(response) ? held.resolve(response) : void response.writeHead(404).end(),
    );
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
  const { source } = await newSource((response) => {
    closings.push(once(response.req.socket, "close"));
    response.writeHead(isForBucket(response) ? 200 : 404).end("{}");
  });
  expect(await source.read("checkpoint", ANY)).toBeUndefined();
  expect(closings).toHaveLength(2);
  await source.close();
  await Promise.all(closings);
});
