/**
 * Finds out whether a store writes only where it is asked to. Every claim, and all that several copies do at once, rests
 * on that: a store that passes over conditions would let two copies claim one target.
 */

import { randomUUID } from "node:crypto";
import { TargetRefusedError } from "../../lib/errors.ts";
import type { Bucket } from "./bucket.ts";

/** How many try to create one object at once. */
const RACERS = 4;

/** A version that no object has. */
const NO_VERSION = { version: '"00000000000000000000000000000000"', storedAt: 0 };

/** Stores an object of its own and removes it. @throws TargetRefusedError if another is stored in its place. */
export async function requireConditionalWrites(bucket: Bucket): Promise<void> {
  const path = `.state/tlog-migrate.probe.${randomUUID()}`;
  const racers = Array.from({ length: RACERS }, (_, index) => bucket.put(path, Buffer.from(`${index}\n`)));
  // None of a put whose answer got lost is counted.
  const created = (await Promise.all(racers)).filter((isStored) => isStored).length;
  const replaced = await bucket.put(path, Buffer.from("replaced\n"), NO_VERSION);
  const probe = await bucket.stat(path);
  // One that stays is in nobody's way.
  if (probe !== undefined) await bucket.remove(path, probe).catch(() => {});
  if (created <= 1 && !replaced) return;
  const [condition, found] = replaced
    ? ["If-Match", "an object replaced that had another version"]
    : ["If-None-Match", `${created} objects stored under one name`];
  throw new TargetRefusedError({
    object: bucket.location,
    problem: `the store passes over conditions (${condition}), by which copies are kept apart from each other and from logs`,
    expected: "an object stored only where there is none, or in place of the version that was looked at",
    found,
    advice: "Copy into a store that has conditional writes, as S3 has",
  });
}
