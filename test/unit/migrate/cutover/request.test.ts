/** A request for a cutover reaches the copy at work in a bucket too, whose marker changes meanwhile. */

import { expect, test } from "vitest";
import {
  newRequest,
  REQUEST_PATH,
  readRequest,
  writeRequest,
} from "../../../../lib/migrate/cutover/request.ts";
import type { Marker } from "../../../../lib/migrate/target/marker.ts";
import { BucketTarget } from "../../../../storage/bucket/target.ts";
import { MemoryBucket, MemoryLogState, memoryOptionsIn } from "../../../support/places/memory-bucket.ts";

const CLAIM = { origin: "log.example", source: "https://log.example/", smallestSize: 7 } as Marker;

test("it is written, accepted and refused while the claim is replaced, and read as it was written", async () => {
  const [bucket, tables] = [new MemoryBucket(), { name: "tables" }];
  const open = () =>
    new BucketTarget(bucket, {
      store: new MemoryLogState(tables, bucket.location),
      storeReaders: [memoryOptionsIn],
    });
  const [working, asking] = [open(), open()];
  await working.claim("marker 1");
  const request = newRequest(CLAIM);
  await writeRequest(asking.openWriter(), request);
  await working.replaceMarker("marker 1", "marker 2");
  expect(await readRequest(working.openWriter())).toMatchObject(request);
  await writeRequest(working.openWriter(), { ...request, state: "accepted" });
  await working.replaceMarker("marker 2", "marker 3");
  const next = newRequest(CLAIM);
  await writeRequest(asking.openWriter(), next);
  expect(await readRequest(asking.openWriter())).toMatchObject(next);
  await asking.remove(REQUEST_PATH);
  expect(await readRequest(working.openWriter())).toBeUndefined();
});

test("what is not a request of ours is none", async () => {
  const bucket = new MemoryBucket();
  const target = new BucketTarget(bucket, { storeReaders: [memoryOptionsIn] });
  const request = { "tlog-migrate-cutover": 1, ...newRequest(CLAIM) };
  const others = [
    "",
    "null",
    "[1]",
    "{",
    JSON.stringify({ ...request, state: "done" }),
    JSON.stringify({ ...request, "tlog-migrate-cutover": 2 }),
    JSON.stringify({ ...request, id: 7 }),
    JSON.stringify({ ...request, reason: {} }),
  ];
  for (const text of others) {
    bucket.store(REQUEST_PATH, text);
    expect(await readRequest(target.openWriter())).toBeUndefined();
  }
});
