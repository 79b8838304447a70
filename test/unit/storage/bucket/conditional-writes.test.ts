/** A store that passes over conditions is found out before anything is claimed there. */

import { describe, expect, it } from "vitest";
import { TargetRefusedError } from "../../../../lib/errors.ts";
import type { ObjectVersion } from "../../../../storage/bucket/bucket.ts";
import { requireConditionalWrites } from "../../../../storage/bucket/conditional-writes.ts";
import { BucketTarget } from "../../../../storage/bucket/target.ts";
import { MemoryBucket } from "../../../support/places/memory-bucket.ts";

/** Passes over If-None-Match, over If-Match, or over either where two ask at once. */
class CarelessBucket extends MemoryBucket {
  readonly #passesOver: string;
  constructor(passesOver: string) {
    super();
    this.#passesOver = passesOver;
  }

  override requireConditionalWrites(): Promise<void> {
    return requireConditionalWrites(this);
  }

  override async put(path: string, bytes: Uint8Array, instead?: ObjectVersion): Promise<boolean> {
    const condition = instead === undefined ? "creation" : "replacement";
    const found = this.objects.get(path)?.version;
    if (this.#passesOver === "race") await undefined;
    if (this.#passesOver !== condition && found !== instead?.version) return false;
    this.store(path, bytes);
    return true;
  }
}

const target = (bucket: MemoryBucket) => new BucketTarget(bucket, { storeReaders: [] });

describe("a store", () => {
  it("that keeps conditions may be claimed, and nothing is left of the probe", async () => {
    const bucket = new CarelessBucket("nothing");
    await target(bucket).claim('{"tlog-migrate-marker":1}');
    expect([...bucket.objects.keys()]).toEqual([".state/tlog-migrate.json"]);
  });

  it.each([
    ["creation", /If-None-Match.*4 objects stored under one name.*conditional writes/],
    ["race", /If-None-Match.*4 objects stored under one name/],
    ["replacement", /If-Match.*an object replaced that had another version/],
  ])("that passes over the condition of a %s is refused, and nothing is left there", async (what, words) => {
    const bucket = new CarelessBucket(what);
    const claim = target(bucket).claim('{"tlog-migrate-marker":1}');
    await expect(claim).rejects.toBeInstanceOf(TargetRefusedError);
    await expect(claim).rejects.toThrow(words);
    expect([...bucket.objects.keys()]).toEqual([]);
  });

  it("whose answers got lost is believed", async () => {
    const bucket = new CarelessBucket("nothing");
    const put = bucket.put.bind(bucket);
    bucket.put = async (...parameters) => (await put(...parameters)) && false;
    await expect(bucket.requireConditionalWrites()).resolves.toBeUndefined();
  });
});
