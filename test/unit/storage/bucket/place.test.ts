/** What names a place in an object store. */

import { describe, expect, it } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { formatObjectName, parseBucketUrl } from "../../../../storage/bucket/place.ts";

describe("gs://", () => {
  it.each([
    ["gs://bucket", "bucket", ""],
    ["gs://bucket/", "bucket", ""],
    ["gs://a.bucket-of_many.parts/log", "a.bucket-of_many.parts", "log/"],
    ["gs://bucket/logs/2026/", "bucket", "logs/2026/"],
    ["gs://bucket/with%20blank/%C3%A4", "bucket", "with blank/ä/"],
    ["gs://bucket/a..b/.c", "bucket", "a..b/.c/"],
  ])("%s", (url, bucket, prefix) => {
    expect(parseBucketUrl(new URL(url))).toEqual({ scheme: "gs", bucket, prefix });
    const ofS3 = new URL(url.replace("gs:", "s3:"));
    expect(parseBucketUrl(ofS3)).toEqual({ scheme: "s3", bucket, prefix });
  });

  it.each([
    "gs://",
    "gs:///log",
    "gs://ab",
    "gs://Bucket%2Fx/log",
    "gs://bucket:443/log",
    "gs://user@bucket/log",
    "gs://bucket/log?x=1",
    "gs://bucket/log#x",
    "gs://bucket//log",
    "gs://bucket/a//b",
    "gs://bucket/log//",
    "gs://bucket/%2e%2e/log%2F..",
    "gs://bucket/%zz",
    "gs://bucket/a%0Ab",
  ])("%s names no place", (url) => {
    expect(() => parseBucketUrl(new URL(url))).toThrow(UsageError);
  });

  it("is written as it was read", () => {
    const place = parseBucketUrl(new URL("gs://bucket/logs/1"));
    expect(formatObjectName(place)).toBe("gs://bucket/logs/1/");
    expect(formatObjectName(place, "tile/0/000")).toBe("gs://bucket/logs/1/tile/0/000");
  });

  it("is written so that it is read as the same place, whatever its prefix has", () => {
    const prefix = "50% ?#+&=;,'()[] \\ \" %2F ü日本/.a /";
    const name = formatObjectName({ scheme: "gs", bucket: "bucket", prefix });
    expect(parseBucketUrl(new URL(name))).toEqual({ scheme: "gs", bucket: "bucket", prefix });
  });
});
