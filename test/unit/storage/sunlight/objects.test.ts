/** What is stored of the objects of a log of Sunlight: data tiles as gzip. */

import fs from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { SunlightTarget } from "../../../../storage/posix/sunlight-target.ts";
import { sunlightHeaders } from "../../../../storage/sunlight/layout.ts";
import { MARKER } from "../../../support/places/bucket-targets.ts";
import { memoryDirectory, writeFiles } from "../../../support/places/directory.ts";
import { sunlightBucket, sunlightDirectory } from "../../../support/places/sunlight.ts";

const bytes = Buffer.from("a data tile");
const published = gzipSync(bytes, { level: 1 });

describe.each([
  ["a directory", sunlightDirectory],
  ["a bucket", sunlightBucket],
])("a data tile in %s", (_name, newPlace) => {
  async function claimed() {
    const place = newPlace();
    const target = place.open(false);
    await target.claim(MARKER);
    return { place, target };
  }

  async function stored(target: Awaited<ReturnType<typeof claimed>>["target"], path: string) {
    for await (const object of target.list("tile")) if (object.path === path) return object;
    return undefined;
  }

  test("is stored as it was published, or else as gzip, and read decoded; others are plain", async () => {
    const { place, target } = await claimed();
    const writer = target.openWriter();
    expect(writer.storesGzip).toBe(true);
    const batch = writer.batch();
    await batch.put("tile/data/000", bytes, published);
    await batch.put("tile/data/001", bytes);
    await batch.put("tile/data/002", bytes, gzipSync("something else"));
    await batch.put("tile/0/000", bytes, published);
    await batch.commit();
    expect(await stored(target, "tile/data/000")).toEqual({
      path: "tile/data/000",
      bytes: published.length,
      isCompressed: true,
    });
    expect(await stored(target, "tile/0/000")).toEqual({ path: "tile/0/000", bytes: bytes.length });
    expect(place.text("tile/0/000")).toBe("a data tile");
    for (const name of ["000", "001", "002"]) {
      expect(Buffer.from((await writer.read(`tile/data/${name}`, 100)) ?? [])).toEqual(bytes);
    }
    expect(await writer.read("tile/data/000", 3)).toEqual(new Uint8Array(0));
  });

  test("that is not whole gzip is leftover, and replaced", async () => {
    const { place, target } = await claimed();
    const files = {
      "000": bytes,
      "001": Buffer.concat([published, bytes]),
      "002": published.subarray(0, 12),
    };
    const writer = target.openWriter();
    for (const [name, content] of Object.entries(files)) {
      place.write(`tile/data/${name}`, content);
      expect(await writer.read(`tile/data/${name}`, 100)).toEqual(new Uint8Array(0));
      const batch = writer.batch();
      await batch.put(`tile/data/${name}`, bytes, published);
      await batch.commit();
      expect((await stored(target, `tile/data/${name}`))?.bytes).toBe(published.length);
    }
  });
});

test("a data tile that has another name too is written again, compressed", async () => {
  const root = join(memoryDirectory(), "log");
  const target = new SunlightTarget(root, {}, false);
  await target.claim(MARKER);
  writeFiles(root, [["tile/data/000", published]]);
  fs.linkSync(join(root, "tile/data/000"), join(root, "other"));
  const batch = target.openWriter().batch();
  await batch.keep("tile/data/000", bytes);
  await batch.commit();
  expect(fs.statSync(join(root, "tile/data/000")).nlink).toBe(1);
  expect(gunzipSync(fs.readFileSync(join(root, "tile/data/000")))).toEqual(bytes);
});

test("what is there in a bucket in another encoding of the same bytes is kept", async () => {
  const place = sunlightBucket();
  const target = place.open(false);
  await target.claim(MARKER);
  const other = gzipSync(bytes, { level: 9 });
  place.write("tile/data/000", other);
  await target.openWriter().batch().put("tile/data/000", bytes, published);
  expect(place.bucket.objects.get("tile/data/000")?.bytes).toEqual(other);
});

test.each([
  ["checkpoint", { contentType: "text/plain; charset=utf-8" }],
  [".state/tlog-migrate.lock", { contentType: "application/json", cacheControl: "no-store" }],
  [
    "issuer/00ff",
    { contentType: "application/pkix-cert", cacheControl: "public, max-age=604800, immutable" },
  ],
  [
    "tile/1/000.p/2",
    { contentType: "application/octet-stream", cacheControl: "public, max-age=604800, immutable" },
  ],
  [
    "tile/data/x001/000",
    {
      contentType: "application/octet-stream",
      cacheControl: "public, max-age=604800, immutable",
      contentEncoding: "gzip",
    },
  ],
])("%s has the headers that Sunlight gives it", (path, headers) => {
  expect(sunlightHeaders(path)).toEqual(headers);
});
