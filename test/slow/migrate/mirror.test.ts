/** A mirror publishes what it has, as it grows, and nothing else. */

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TargetRefusedError, UsageError, VerificationError } from "../../../lib/errors.ts";
import { cutOver, type Following, grow, movableClock, reached, startFollow } from "../../support/follow.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { abandonTarget, failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { faultsAt, faultsSeen, mirroredSize, watchMirror } from "../../support/mirrors.ts";
import { differences, versionOf } from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

const log = testLog({ size: 900, entrySize: 30 });
const mirror = true;
const patience = { timeout: 20_000 };

/** Resolves when all that a round does is done. */
async function rests({ progress }: Following): Promise<void> {
  await expect.poll(() => progress.snapshot().phase, patience).toBe("waiting for the source to grow");
}

test("each checkpoint is published when all is there, byte for byte, and log software is kept away", async () => {
  const { server, target } = await newCopy(log.atSize(0));
  const seen = watchMirror(target, log);
  const following = startFollow(log, server.url, target, { mirror });
  for (const size of [0, 1, 256, 700, 767, 768, 900]) {
    const now = log.atSize(size);
    grow(server, now);
    await reached(following, size);
    await expect.poll(() => seen.sizes, patience).toContain(size);
    expect(following.progress.following?.published).toBe(size);
    expect(readFileSync(join(target, "checkpoint"))).toEqual(now.object("checkpoint"));
    expect(versionOf(target)).toMatch(/^migration-in-progress \{"tlog-migrate-marker":4,.*"isMirror":true\}/);
    expect(existsSync(join(target, ".state/treeState"))).toBe(false);
    expect(await verify(now, target)).toMatchObject({ size, faults: 0 });
  }
  expect(seen.faults).toEqual([]);
  // Who has read an earlier checkpoint goes on with it.
  for (const size of [1, 700, 767]) expect(faultsAt(target, log.atSize(size))).toEqual([]);
});

test("the issuers of a Static CT log are there before the checkpoint whose entries name them", async () => {
  const ct = testLog({ format: "static-ct", size: 600 });
  const { server, target } = await newCopy(ct.atSize(300));
  const seen = watchMirror(target, ct);
  const following = startFollow(ct, server.url, target, { mirror, deep: true });
  for (const size of [300, 301, 600]) {
    grow(server, ct.atSize(size));
    await reached(following, size);
    await expect.poll(() => seen.sizes, patience).toContain(size);
  }
  expect(seen.faults).toEqual([]);
});

test("it is stopped and goes on, whatever was under way, and is never seen to go back", async () => {
  const { server, target } = await newCopy(log.atSize(700));
  const seen = watchMirror(target, log);
  for (const size of [700, 701, 900]) {
    const following = startFollow(log, server.url, target, { mirror });
    await expect.poll(() => following.progress.following?.copied, patience).toBeDefined();
    // A round that is broken off: its aim is in the marker, and not all of it is there.
    grow(server, log.atSize(size));
    following.stop();
    await expect(following.end).rejects.toThrow("the test stops it");
  }
  const last = startFollow(log, server.url, target, { mirror });
  await reached(last, 900);
  await expect.poll(() => seen.sizes.at(-1), patience).toBe(900);
  expect(seen.faults).toEqual([]);
});

test("partial objects are removed once full ones are public, and readers had time", async () => {
  const clock = movableClock();
  const { server, target } = await newCopy(log.atSize(700));
  const following = startFollow(log, server.url, target, { mirror });
  const looksAgain = async () => {
    const reads = server.requestCount("checkpoint");
    await expect.poll(() => server.requestCount("checkpoint"), patience).toBeGreaterThan(reads + 1);
    await rests(following);
  };
  await reached(following, 700);
  grow(server, log.atSize(701));
  await reached(following, 701);
  clock.forward(700_000);
  await looksAgain();
  // Only another partial one has replaced it.
  expect(faultsAt(target, log.atSize(700))).toEqual([]);
  grow(server, log);
  await reached(following, 900);
  await looksAgain();
  expect(faultsAt(target, log.atSize(700))).toEqual([]);
  clock.forward(590_000);
  await looksAgain();
  expect(faultsAt(target, log.atSize(700))).toEqual([]);
  clock.forward(20_000);
  await expect.poll(() => faultsAt(target, log.atSize(700)), patience).not.toEqual([]);
  await expect.poll(() => faultsAt(target, log.atSize(701)), patience).not.toEqual([]);
  expect(faultsSeen(target, log)).toEqual([]);
  // Level 1 is not full: readers of all three have use of its partial tiles.
  const left = () => differences(target, log).filter((fault) => !fault.startsWith("tile/1/000.p/2 "));
  await expect.poll(left, patience).toEqual([]);
});

test("what a run that was stopped has left is removed by the next in its time", async () => {
  const clock = movableClock();
  const { server, target } = await newCopy(log.atSize(700));
  const first = startFollow(log, server.url, target, { mirror });
  await reached(first, 700);
  grow(server, log);
  await reached(first, 900);
  first.stop();
  await expect(first.end).rejects.toThrow("the test stops it");
  await rests(startFollow(log, server.url, target, { mirror }));
  clock.forward(610_000);
  await expect.poll(() => existsSync(join(target, "tile/entries/002.p/188")), patience).toBe(false);
  await expect.poll(() => existsSync(join(target, "tile/0/002.p/188")), patience).toBe(false);
});

test("of the same size, a checkpoint with more signatures is published, and one with fewer is not", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target, { mirror });
  await reached(following, 900);
  const plain = log.object("checkpoint");
  const cosigned = Buffer.concat([
    plain,
    Buffer.from(`— witness.example ${Buffer.alloc(76, 1).toString("base64")}\n`),
  ]);
  server.objects = new Map([...server.objects, ["checkpoint", cosigned]]);
  await expect.poll(() => readFileSync(join(target, "checkpoint")), patience).toEqual(cosigned);
  server.objects = new Map([...server.objects, ["checkpoint", plain]]);
  const reads = server.requestCount("checkpoint");
  await expect.poll(() => server.requestCount("checkpoint"), patience).toBeGreaterThan(reads + 2);
  expect(readFileSync(join(target, "checkpoint"))).toEqual(cosigned);
});

test("a checkpoint that something else has put there is not replaced", async () => {
  const { server, target } = await newCopy(log);
  const first = startFollow(log, server.url, target, { mirror });
  await reached(first, 900);
  const larger = log.atSize(1_000);
  writeFileSync(join(target, "checkpoint"), larger.object("checkpoint"));
  grow(server, log.atSize(1_100));
  const failure = await failureOf(first.end);
  expect(failure).toBeInstanceOf(TargetRefusedError);
  expect(failure.message).toMatch(/checkpoint is not what this mirror has published/);
  expect(readFileSync(join(target, "checkpoint"))).toEqual(larger.object("checkpoint"));
  for (const bytes of [
    testLog({ size: 900, origin: "other.example" }).object("checkpoint"),
    Buffer.from("?"),
  ]) {
    writeFileSync(join(target, "checkpoint"), bytes);
    const again = await failureOf(startFollow(log, server.url, target, { mirror }).end);
    expect(again).toBeInstanceOf(TargetRefusedError);
    expect(again.message).toMatch(/has a checkpoint that this mirror has not published/);
    expect(readFileSync(join(target, "checkpoint"))).toEqual(bytes);
  }
});

test("a fork is never published, while it follows or when it is started again", async () => {
  const fork = testLog({ size: 1_300, entrySize: 31 });
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target, { mirror });
  await reached(following, 900);
  grow(server, fork);
  expect(await failureOf(following.end)).toBeInstanceOf(VerificationError);
  expect(mirroredSize(target)).toBe(900);
  // Of which only the readers know: the marker is of the fork.
  const forked = await newCopy(fork.atSize(1_000));
  const other = startFollow(fork, forked.server.url, forked.target, { mirror });
  await reached(other, 1_000);
  other.stop();
  await expect(other.end).rejects.toThrow("the test stops it");
  writeFileSync(join(forked.target, "checkpoint"), log.object("checkpoint"));
  const failure = await failureOf(startFollow(fork, forked.server.url, forked.target, { mirror }).end);
  expect(failure).toBeInstanceOf(VerificationError);
  expect(failure.message).toMatch(/forked: its tree of size 1,000 does not begin with the one of size 900/);
  expect(readFileSync(join(forked.target, "checkpoint"))).toEqual(log.object("checkpoint"));
});

test("a damaged object is found before the first checkpoint, which is then not published", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  writeFileSync(join(target, "tile/0/009"), Buffer.alloc(8_192));
  const failure = await failureOf(startFollow(log, server.url, target, { mirror }).end);
  expect(failure).toBeInstanceOf(VerificationError);
  expect(failure.message).toMatch(/tile\/0\/009: is beyond size 900/);
  expect(mirroredSize(target)).toBeUndefined();
});

test("an unfinished copy becomes a mirror, and only `abandon` makes a copy of it again", async () => {
  const { server, target } = await newCopy(log);
  const copy = startFollow(log, server.url, target, { settleMs: 86_400_000 });
  await reached(copy, 900);
  await cutOver(target);
  copy.stop();
  await expect(copy.end).rejects.toThrow("the test stops it");
  const following = startFollow(log, server.url, target, { mirror });
  await reached(following, 900);
  // A mirror is nothing to hand over, and what was asked of the copy is not done later.
  expect(existsSync(join(target, ".state/tlog-migrate-cutover.json"))).toBe(false);
  await expect(cutOver(target)).rejects.toThrow(/is a mirror, which goes on until it is stopped/);
  await expect(abandonTarget(target)).rejects.toThrow(/another copy into this target is at work/);
  following.stop();
  await expect(following.end).rejects.toThrow("the test stops it");
  for (const attempt of [migrateLog(log, server, target), startFollow(log, server.url, target).end]) {
    const failure = await failureOf(attempt);
    expect(failure).toBeInstanceOf(TargetRefusedError);
    expect(failure.message).toMatch(/is a mirror that `tlog-migrate follow --mirror` keeps.*abandon/);
  }
  expect(faultsSeen(target, log)).toEqual([]);
  expect(await abandonTarget(target)).toMatchObject({ outcome: "mirror-withdrawn", size: 900 });
  expect(mirroredSize(target)).toBeUndefined();
  expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over", size: 900 });
  expect(versionOf(target)).toBe("1");
  const failure = await failureOf(startFollow(log, server.url, target, { mirror }).end);
  expect(failure).toBeInstanceOf(TargetRefusedError);
  expect(failure.message).toMatch(/was handed over: it is not a mirror/);
});

test("seals that readers rely on stay, also where they guarantee too little for a run", async () => {
  const ct = testLog({ format: "static-ct", size: 300 });
  const { server, target } = await newCopy(ct);
  const first = startFollow(ct, server.url, target, { mirror });
  await reached(first, 300);
  first.stop();
  await expect(first.end).rejects.toThrow("the test stops it");
  const attempt = () => failureOf(startFollow(ct, server.url, target, { mirror, deep: true }).end);
  expect((await attempt()).message).toMatch(/published mirror whose seals guarantee less.*--deep/);
  rmSync(join(target, ".state/tlog-migrate-issuers.json"));
  const failure = await failureOf(startFollow(ct, server.url, target, { mirror }).end);
  expect(failure.message).toMatch(/published mirror whose seals guarantee less.*abandon/);
  expect(faultsSeen(target, ct)).toEqual([]);
});

test("a place whose claim is where the checkpoint would be is refused before anything is written", async () => {
  const ct = testLog({ format: "static-ct", size: 300 });
  const { server, target } = await newCopy(ct);
  const place = `gzip+file://${target}/log`;
  const failure = await failureOf(startFollow(ct, server.url, place, { mirror }).end);
  expect(failure).toBeInstanceOf(UsageError);
  expect(failure.message).toMatch(/cannot be a mirror that grows.*directory or a bucket/);
  expect(existsSync(join(target, "log"))).toBe(false);
});
