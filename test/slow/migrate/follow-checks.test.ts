/** The first check of a target lists all of it: a copy that follows its source goes on meanwhile, and trusts nothing less. */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { OperationError, VerificationError } from "../../../lib/errors.ts";
import type { ListOptions } from "../../../lib/migrate/ports/target.ts";
import { DirectoryTarget } from "../../../storage/posix/directory-target.ts";
import { cutOver, grow, movableClock, reached, startFollow } from "../../support/follow.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { failureOf, newCopy } from "../../support/migration.ts";
import { differences, versionOf } from "../../support/places/directory.ts";

const log = testLog({ size: 2_000, entrySize: 30 });

/** Listings of whole targets wait, after the objects that they have then, until they are let go. */
function heldListings() {
  const { promise: letGo, resolve: release } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const list = DirectoryTarget.prototype.list;
  let patience: ListOptions["isLowPriority"];
  vi.spyOn(DirectoryTarget.prototype, "list").mockImplementation(async function* (
    this: DirectoryTarget,
    directory: string,
    options?: ListOptions,
  ) {
    if (directory === "tile") {
      patience ??= options?.isLowPriority;
      begin();
      await letGo;
    }
    yield* list.call(this, directory);
  } as typeof list);
  return { begun, release, patience: () => patience?.() };
}

/** A copy that has followed its source to 1,000 entries while its target, of 700 before, is still being listed. */
async function listedWhileItGrows() {
  const listings = heldListings();
  const { server, target } = await newCopy(log.atSize(700));
  const following = startFollow(log, server.url, target);
  await reached(following, 700);
  await listings.begun;
  for (const size of [701, 800, 1_000]) {
    grow(server, log.atSize(size));
    await reached(following, size);
  }
  return { ...listings, server, target, following };
}

test("what is added is copied while the target is listed, and what it replaces is removed afterwards", async () => {
  const { release, target, server, following } = await listedWhileItGrows();
  // What is being checked needs its own edge alone.
  const edges = () => differences(target, log.atSize(1_000)).filter((fault) => fault.includes(".p/"));
  await expect
    .poll(edges, { timeout: 20_000 })
    .toEqual([
      expect.stringContaining("tile/0/002.p/188"),
      expect.stringContaining("tile/1/000.p/2"),
      expect.stringContaining("tile/entries/002.p/188"),
    ]);
  release();
  await expect.poll(() => differences(target, log.atSize(1_000)), { timeout: 20_000 }).toEqual([]);
  grow(server, log);
  await reached(following, log.size);
  await cutOver(target, { wait: true });
  expect(await following.end).toMatchObject({ outcome: "handed-over", size: log.size });
  expect(differences(target, log)).toEqual([]);
});

test("the listing leaves others the way until a cutover waits for it", async () => {
  const { release, target, following, patience } = await listedWhileItGrows();
  expect(patience()).toBe(true);
  const asked = cutOver(target, { wait: true });
  await expect.poll(patience, { timeout: 20_000 }).toBe(false);
  release();
  await asked;
  expect(await following.end).toMatchObject({ outcome: "handed-over" });
});

test("a cutover waits until the target was listed", async () => {
  const { release, target, following } = await listedWhileItGrows();
  let isOver = false;
  const asked = cutOver(target, { wait: true }).then(() => {
    isOver = true;
  });
  await expect
    .poll(() => following.notices, { timeout: 20_000 })
    .toContainEqual(expect.stringMatching(/A cutover/));
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(isOver).toBe(false);
  expect(versionOf(target)).toMatch(/^migration-in-progress /);
  release();
  await asked;
  expect(await following.end).toMatchObject({ outcome: "handed-over", size: 1_000 });
});

test.each([
  ["missing", "tile/entries/000", undefined, /tile\/entries\/000: is missing/],
  ["missing at the edge of that time", "tile/0/002.p/188", undefined, /tile\/0\/002\.p\/188: is missing/],
  ["of another size", "tile/0/001", Buffer.alloc(31), /tile\/0\/001: has 31 bytes/],
  ["changed above the seals", "tile/1/000.p/2", Buffer.alloc(64), /tile\/1\/000\.p\/2/],
  ["beyond what has been added", "tile/0/004", Buffer.alloc(8192), /is beyond size 1,000/],
  [
    "beyond what has been added, at its edge",
    "tile/0/003.p/233",
    Buffer.alloc(233 * 32),
    /is beyond size 1,000/,
  ],
] as const)("what is %s in the target ends it, whenever it is found", async (_, path, bytes, message) => {
  const { release, target, following } = await listedWhileItGrows();
  if (bytes === undefined) rmSync(join(target, path));
  else writeFileSync(join(target, path), bytes);
  release();
  const failure = await failureOf(following.end);
  expect(failure).toBeInstanceOf(VerificationError);
  expect(failure.message).toMatch(message);
  expect(versionOf(target)).toMatch(/^migration-in-progress /);
});

test.each([
  ["missing", "tile/entries/002", undefined, /tile\/entries\/002: is missing/],
  ["of another size", "tile/0/003.p/232", Buffer.alloc(32), /has 32 bytes/],
] as const)(
  "what is %s of what was added meanwhile is found before a handover",
  async (_, path, bytes, message) => {
    const { release, target, following } = await listedWhileItGrows();
    if (bytes === undefined) rmSync(join(target, path));
    else writeFileSync(join(target, path), bytes);
    release();
    const failure = await failureOf(cutOver(target, { wait: true }));
    expect(failure.message).toMatch(message);
    expect((await failureOf(following.end)).message).toMatch(message);
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
  },
);

test("a listing that fails is begun again, and reported, while the source is followed on", async () => {
  const clock = movableClock();
  const list = DirectoryTarget.prototype.list;
  let [failures, isBack] = [0, false];
  vi.spyOn(DirectoryTarget.prototype, "list").mockImplementation(async function* (
    this: DirectoryTarget,
    directory: string,
  ) {
    if (directory === "tile" && !isBack) {
      failures++;
      throw new OperationError({ object: "the store", problem: "does not answer" });
    }
    yield* list.call(this, directory);
  } as typeof list);
  const { server, target } = await newCopy(log.atSize(700));
  const following = startFollow(log, server.url, target);
  const patience = { timeout: 20_000 };
  await expect.poll(() => failures, patience).toBeGreaterThan(2);
  clock.forward(11_000);
  const waits = expect.stringMatching(
    /^Waiting for what is unavailable, \d+ s by now: the store: does not answer/,
  );
  await expect.poll(() => following.notices, patience).toContainEqual(waits);
  expect(following.progress.following?.unavailableSince).toBeGreaterThan(0);
  grow(server, log);
  await reached(following, log.size);
  isBack = true;
  const again = expect.stringMatching(/^It is available again/);
  await expect.poll(() => following.notices, patience).toContainEqual(again);
  expect(following.progress.following?.unavailableSince).toBeUndefined();
});

test("a cutover that is cancelled while it waits for the listing leaves the copy following its source", async () => {
  const { release, server, target, following } = await listedWhileItGrows();
  await cutOver(target);
  await expect
    .poll(() => following.notices, { timeout: 20_000 })
    .toContainEqual(expect.stringMatching(/^A cutover is asked for/));
  expect(await cutOver(target, { cancel: true })).toMatchObject({ outcome: "cancelled" });
  grow(server, log);
  await reached(following, log.size);
  release();
  await cutOver(target, { wait: true });
  expect(await following.end).toMatchObject({ outcome: "handed-over", size: log.size });
});

test("one that is stopped ends its listing before it gives the target back", async () => {
  const { release, following } = await listedWhileItGrows();
  let isOver = false;
  const end = following.end.catch(() => {
    isOver = true;
  });
  following.stop();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(isOver).toBe(false);
  release();
  await end;
  expect(isOver).toBe(true);
});
