/** What is signed of a request, by the way that it takes and the place where the bucket is. */

import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { S3Access } from "../../../../storage/s3/access.ts";
import { KEYS, PLACE, withoutAws } from "../../../support/aws.ts";
import { stubEnvironment } from "../../../support/environment.ts";

const BODY = [Buffer.from("1234"), Buffer.from("56789")];
const NOTHING = createHash("sha256").digest("hex");
const SHA256 = createHash("sha256").update("123456789").digest("hex");

async function accessTo(environment: Readonly<Record<string, string>>): Promise<S3Access> {
  withoutAws();
  stubEnvironment({ ...KEYS, ...environment });
  return await S3Access.to(PLACE);
}

it.each<[where: string, environment: Readonly<Record<string, string>>, payloadHash: string]>([
  ["over plain http, where nothing else protects it", { AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9" }, SHA256],
  ["but not over https", { AWS_ENDPOINT_URL_S3: "https://s3.example" }, "UNSIGNED-PAYLOAD"],
  ["but not to AWS", { AWS_REGION: "eu-west-1" }, "UNSIGNED-PAYLOAD"],
])("a body is signed %s", async (_where, environment, payloadHash) => {
  const access = await accessTo(environment);
  const path = access.target("tile/0/000");
  const put = await access.authorization({ method: "PUT", path, headers: [], body: BODY });
  expect(put.slice(0, 2)).toEqual(["x-amz-content-sha256", payloadHash]);
  const get = await access.authorization({ method: "GET", path, headers: [] });
  expect(get.slice(0, 2)).toEqual(["x-amz-content-sha256", NOTHING]);
});

it("a bucket of AWS is a part of the host's name, and of no path", async () => {
  const access = await accessTo({ AWS_REGION: "eu-west-1" });
  expect(access.host).toBe("bucket.s3.eu-west-1.amazonaws.com");
  expect(access.target("tile/0/000")).toBe("/log/tile/0/000");
  expect(access.listing({ prefix: "log/a b" })).toBe("/?list-type=2&prefix=log%2Fa%20b");
});

it("a bucket of another store is in the path", async () => {
  const access = await accessTo({ AWS_ENDPOINT_URL: "https://s3.example:8443/base/" });
  expect(access.host).toBe("s3.example:8443");
  expect(access.target("tile/0/000")).toBe("/base/bucket/log/tile/0/000");
  expect(access.listing({ prefix: "log/" })).toBe("/base/bucket?list-type=2&prefix=log%2F");
});
