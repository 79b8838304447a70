/**
 * Tests whether a store observes the conditions of writes. Claims, and the safety of several copies at the same time,
 * depend on them: a store that ignores conditions would let two copies claim one target.
 */

import { randomUUID } from "node:crypto";
import { TargetRefusedError } from "../../lib/errors.ts";
import type { Bucket } from "./bucket.ts";

/** How many try to create one object at once. */
const RACERS = 4;

/** A version that no object has. */
const NO_VERSION = { version: '"00000000000000000000000000000000"', storedAt: 0 };

/** Stores a test object and removes it. @throws TargetRefusedError if the store replaces it against the condition. */
export async function requireConditionalWrites(bucket: Bucket): Promise<void> {
  const path = `.state/tlog-migrate.probe.${randomUUID()}`;
  const racers = Array.from({ length: RACERS }, (_, index) => bucket.put(path, Buffer.from(`${index}\n`)));
  // None of a put whose answer got lost is counted.
  const created = (await Promise.all(racers)).filter((isStored) => isStored).length;
  const [replaced, probe] = await Promise.all([
    bucket.put(path, Buffer.from("replaced\n"), NO_VERSION),
    bucket.stat(path),
  ]);
  // One that stays is in nobody's way.
  if (probe !== undefined) await bucket.remove(path, probe).catch(() => {});
  if (created <= 1 && !replaced) return;
  const [condition, found] = replaced
    ? ["If-Match", "an object replaced that had another version"]
    : ["If-None-Match", `${created} objects stored under one name`];
  throw new TargetRefusedError({
    object: bucket.location,
    problem: `the store ignores conditions (${condition}), which keep copies from overwriting each other and logs`,
    expected: "an object stored only if there is none, or in place of the version that was read",
    found,
    advice: "Copy into a store that supports conditional writes, as S3 does",
  });
}
