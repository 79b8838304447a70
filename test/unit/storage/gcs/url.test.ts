/** What names a place in Cloud Storage. */

import { describe, expect, it } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { formatGcsName, parseGcsUrl } from "../../../../storage/gcs/url.ts";

describe("gs://", () => {
  it.each([
    ["gs://bucket", "bucket", ""],
    ["gs://bucket/", "bucket", ""],
    ["gs://a.bucket-of_many.parts/log", "a.bucket-of_many.parts", "log/"],
    ["gs://bucket/logs/2026/", "bucket", "logs/2026/"],
    ["gs://bucket/with%20blank/%C3%A4", "bucket", "with blank/ä/"],
    ["gs://bucket/a..b/.c", "bucket", "a..b/.c/"],
  ])("%s", (url, bucket, prefix) => {
    expect(parseGcsUrl(new URL(url))).toEqual({ bucket, prefix });
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
    expect(() => parseGcsUrl(new URL(url))).toThrow(UsageError);
  });

  it("is written as it was read", () => {
    const place = parseGcsUrl(new URL("gs://bucket/logs/1"));
    expect(formatGcsName(place)).toBe("gs://bucket/logs/1/");
    expect(formatGcsName(place, "tile/0/000")).toBe("gs://bucket/logs/1/tile/0/000");
  });

  it("is written so that it is read as the same place, whatever its prefix has", () => {
    const prefix = "50% ?#+&=;,'()[] \\ \" %2F ü日本/.a /";
    const name = formatGcsName({ bucket: "bucket", prefix });
    expect(parseGcsUrl(new URL(name))).toEqual({ bucket: "bucket", prefix });
  });
});
