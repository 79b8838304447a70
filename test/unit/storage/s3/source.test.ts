/** How a bucket of S3 is read as a source, and what is made of its answers. */

import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { S3Access } from "../../../../storage/s3/access.ts";
import { S3Source } from "../../../../storage/s3/source.ts";
import { failing, found, MISSING, PLACE, startS3 } from "../../../support/aws.ts";
import type { Step } from "../../../support/http/answering-server.ts";
import { ANY } from "../../../support/http/reads.ts";

async function newSource(steps: readonly Step[], prefix = PLACE.prefix) {
  const { asked, lines } = await startS3(steps);
  const access = await S3Access.to({ ...PLACE, prefix });
  const source = new S3Source(access, { connections: 2, userAgentVersion: "test" });
  onTestFinished(() => source.close());
  return { source, asked, lines };
}

const OBJECT = found("5", "bytes", 200);

describe("an object in a bucket", () => {
  it("is asked for by its name, escaped as it is signed", async () => {
    const { source, lines, asked } = await newSource([OBJECT], "50% ü/a+b'(1)/");
    expect(String(await source.read("tile/0/000", ANY))).toBe("bytes");
    expect(lines()).toEqual(["GET /bucket/50%25%20%C3%BC/a%2Bb%27%281%29/tile/0/000"]);
    expect(asked[0]?.headers.authorization).toMatch(
      /SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=/,
    );
    expect(source.locate("tile/0/000")).toBe("s3://bucket/50%25 ü/a+b'(1)/tile/0/000");
  });

  it("is decoded where it is stored gzip-encoded, as Sunlight does", async () => {
    const headers = { "content-encoding": "gzip", etag: '"5"' };
    const { source, asked } = await newSource([{ status: 200, headers, body: gzipSync("bytes") }]);
    expect(String(await source.read("tile/data/000", ANY))).toBe("bytes");
    expect(asked[0]?.headers["accept-encoding"]).toBe("gzip");
  });

  it("is missing where S3 says so", async () => {
    const { source } = await newSource([MISSING]);
    expect(await source.read("tile/0/000", ANY)).toBeUndefined();
  });

  it.each<[what: string, step: Step, expected: Partial<SourceError>]>([
    ["a bucket that is not there", failing(404, "NoSuchBucket"), { retryable: false, unreachable: true }],
    ["a 404 that is not S3's", { status: 404, body: "<html>" }, { retryable: true, brokenOff: true }],
    ["a 410", failing(410, "Gone"), { retryable: false, status: 410 }],
    [
      "a busy store",
      failing(503, "SlowDown", "", { "retry-after": "2" }),
      { retryable: true, retryAfterMs: 2000 },
    ],
    ["a forbidden object", failing(403, "AccessDenied"), { retryable: false, status: 403 }],
    [
      "another region, which is not followed",
      failing(301, "PermanentRedirect", "", {
        location: "http://elsewhere.example/",
        "x-amz-bucket-region": "eu-west-3",
      }),
      { retryable: false, advice: "Set AWS_REGION to eu-west-3" },
    ],
    ["a page without end", { status: 503, body: "x".repeat(2_000_000) }, { retryable: false }],
  ])("is neither there nor missing: %s", async (_what, step, expected) => {
    const { source, asked } = await newSource([step]);
    const failure = await source.read("tile/0/000", ANY).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SourceError);
    expect(failure).toMatchObject(expected);
    expect(asked).toHaveLength(1);
  });

  it("is asked for again with new credentials, once", async () => {
    const { source, asked } = await newSource([failing(400, "ExpiredToken"), OBJECT]);
    expect(String(await source.read("checkpoint", ANY))).toBe("bytes");
    expect(asked).toHaveLength(2);
  });
});
