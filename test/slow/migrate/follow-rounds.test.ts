/** A source is followed as it grows, nothing is public before a cutover, and a cutover hands over what stands still. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { OperationError, TargetRefusedError, VerificationError } from "../../../lib/errors.ts";
import { cutOver, grow, movableClock, reached, startFollow } from "../../support/follow.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { failureOf, newCopy } from "../../support/migration.ts";
import { differences, versionOf } from "../../support/places/directory.ts";

const log = testLog({ size: 900, entrySize: 30 });
const REQUEST = ".state/tlog-migrate-cutover.json";

function expectUnfinished(target: string, size: number): void {
  expect(versionOf(target)).toMatch(/^migration-in-progress /);
  expect(versionOf(target)).toContain(`\\n${size}\\n`);
  expect(existsSync(join(target, "checkpoint"))).toBe(false);
  expect(existsSync(join(target, ".state/treeState"))).toBe(false);
}

test("what is added is copied, nothing is public, and a cutover hands it over and ends", async () => {
  const { server, target } = await newCopy(log.atSize(700));
  const following = startFollow(log, server.url, target);
  for (const size of [700, 701, 767, 768, 900]) {
    grow(server, log.atSize(size));
    await reached(following, size);
    expectUnfinished(target, size);
    await expect.poll(() => differences(target, log.atSize(size))).toEqual([]);
  }
  expect(following.progress.snapshot().lag).toEqual({ entries: 0, seconds: 0 });
  expect(await cutOver(target, { wait: true })).toMatchObject({ outcome: "handed-over", size: 900 });
  expect(await following.end).toMatchObject({ outcome: "handed-over", size: 900 });
  expect(differences(target, log)).toEqual([]);
  expect(versionOf(target)).toBe("1");
  expect(JSON.parse(readFileSync(join(target, ".state/treeState"), "utf8"))).toMatchObject({ size: 900 });
  expect(existsSync(join(target, REQUEST))).toBe(false);
  // Asked again, it says what is the case.
  expect(await cutOver(target)).toMatchObject({ outcome: "handed-over", size: 900 });
});

test("what is added during a long round is copied right after it, not an interval later", async () => {
  const clock = movableClock();
  const { server, target } = await newCopy(log.atSize(700));
  // Its size is asked for before the claim.
  const { reached: isAsked, letGo } = server.hold("tile/entries/001", 1);
  const following = startFollow(log, server.url, target, { intervalMs: 60_000 });
  await isAsked;
  clock.forward(60_000);
  grow(server, log);
  letGo();
  await reached(following, 900);
});

test("growth across seals is sealed and checked while it is followed, from an empty log on", async () => {
  const large = testLog({ size: 2 * 65_536 + 300, entrySize: 1 });
  const { server, target } = await newCopy(large.atSize(0));
  const following = startFollow(large, server.url, target);
  for (const size of [0, 3, 65_536 - 100, 65_536 + 5, large.size]) {
    grow(server, large.atSize(size));
    await reached(following, size);
  }
  await cutOver(target, { wait: true });
  const report = await following.end;
  expect(differences(target, large)).toEqual([]);
  // Each bundle once, but for those at the edges of the rounds.
  expect(report.entries).toBeLessThan(large.size + 5 * 256);
  expect(report.resumedEntries).toBe(0);
});

test("a cutover waits until the source has stood still for the settle time from the request on", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target, { settleMs: 600 });
  await reached(following, 900);
  const asked = performance.now();
  await cutOver(target, { wait: true });
  expect(performance.now() - asked).toBeGreaterThan(590);
});

test("what a source adds while a cutover waits for it to stay the same is copied at once, not after the settle time", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target, { settleMs: 86_400_000 });
  await reached(following, 900);
  await cutOver(target);
  const grown = log.atSize(1_000);
  grow(server, grown);
  // The edge that this replaces is removed later.
  const missing = () => differences(target, grown).filter((fault) => !fault.endsWith("is not the log's"));
  await expect.poll(missing, { timeout: 60_000 }).toEqual([]);
});

test("a source that has signed less often than the settle time is waited for longer: its writer may be alive", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target, { settleMs: 0 });
  let grownAt = 0;
  for (const size of [900, 901, 902]) {
    await reached(following, size);
    await sleep(500);
    grow(server, log.atSize(size + 1));
    grownAt = performance.now();
  }
  await reached(following, 903);
  await cutOver(target);
  expect(await following.end).toMatchObject({ outcome: "handed-over", size: 903 });
  expect(performance.now() - grownAt).toBeGreaterThan(600);
});

test("a source whose writer is alive is not handed over: the cutover is refused with the reason, and it is followed on", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target);
  await reached(following, 900);
  let size = 900;
  const undo = server.intercept("checkpoint", async (_request, _response, next) => {
    grow(server, log.atSize(++size));
    await next();
  });
  const failure = await failureOf(cutOver(target, { wait: true }));
  expect(failure).toBeInstanceOf(OperationError);
  expect(failure.message).toMatch(/refuses the cutover: .*the source still grows: its writer is alive/);
  expect(following.notices.join("\n")).toMatch(/cutover is refused, and the source is followed on/);
  expect(existsSync(join(target, REQUEST))).toBe(false);
  undo();
  const final = log.atSize(size);
  await reached(following, size);
  expectUnfinished(target, size);
  await cutOver(target, { wait: true });
  expect(await following.end).toMatchObject({ size });
  expect(differences(target, final)).toEqual([]);
});

test("a cutover that is cancelled leaves the copy following its source", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target, { settleMs: 86_400_000 });
  await reached(following, 900);
  expect(await cutOver(target)).toMatchObject({ outcome: "accepted", size: 900 });
  expect(existsSync(join(target, REQUEST))).toBe(true);
  const cancelled = cutOver(target, { cancel: true });
  expect(await cancelled).toMatchObject({ outcome: "cancelled" });
  expect(existsSync(join(target, REQUEST))).toBe(false);
  grow(server, log.atSize(1_000));
  await reached(following, 1_000);
  expectUnfinished(target, 1_000);
});

test("without a copy at work a cutover says what to run, and leaves nothing", async () => {
  const { server, target } = await newCopy(log);
  const nowhere = await failureOf(cutOver(target));
  expect(nowhere).toBeInstanceOf(TargetRefusedError);
  expect(nowhere.message).toMatch(/not a copy of tlog-migrate.*tlog-migrate follow <source> <target>/);
  const following = startFollow(log, server.url, target);
  await reached(following, 900);
  following.stop();
  await expect(following.end).rejects.toThrow("the test stops it");
  const failure = await failureOf(cutOver(target, { wait: true, answerMs: 100 }));
  expect(failure).toBeInstanceOf(OperationError);
  expect(failure.message).toMatch(/no copy .* has answered.*tlog-migrate follow <source> <target>/);
  expect(existsSync(join(target, REQUEST))).toBe(false);
});

test("a request that was accepted outlives a copy that is stopped, and the next one fulfils it", async () => {
  const { server, target } = await newCopy(log);
  const first = startFollow(log, server.url, target, { settleMs: 86_400_000 });
  await reached(first, 900);
  await cutOver(target);
  first.stop();
  await expect(first.end).rejects.toThrow("the test stops it");
  const report = await startFollow(log, server.url, target).end;
  expect(report).toMatchObject({ outcome: "handed-over", size: 900 });
});

test("a request for another claim is removed, and nothing is handed over for it", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target);
  await reached(following, 900);
  const other = { origin: log.origin, source: "https://other.example/", smallestSize: 900, id: "1" };
  writeFileSync(
    join(target, REQUEST),
    JSON.stringify({ "tlog-migrate-cutover": 1, ...other, state: "accepted" }),
  );
  await expect.poll(() => existsSync(join(target, REQUEST))).toBe(false);
  await expect
    .poll(() => following.notices)
    .toContainEqual(expect.stringMatching(/of another copy was removed/));
  expectUnfinished(target, 900);
});

test("a fork ends it, whatever size it shows", async () => {
  const fork = testLog({ size: 1_300, entrySize: 31 });
  for (const [now, message] of [
    [fork, /the log forked: its tree of size 1,300 does not begin with the one of size 900/],
    [fork.atSize(900), /the log forked: at size 900 it had another root before/],
    [fork.atSize(899), /the log forked: the tree of size 900 that was read before does not begin with/],
  ] as const) {
    const { server, target } = await newCopy(log);
    const following = startFollow(log, server.url, target);
    await reached(following, 900);
    grow(server, now);
    const failure = await failureOf(following.end);
    expect(failure).toBeInstanceOf(VerificationError);
    expect(failure.message).toMatch(message);
    expectUnfinished(target, 900);
    expect(differences(target, log)).toEqual([]);
  }
});

test("an older checkpoint of the same log is a replica that is behind, and ends nothing", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target);
  await reached(following, 900);
  let reads = 0;
  const older = log.atSize(700).object("checkpoint");
  const undo = server.intercept("checkpoint", (_request, response) => {
    reads++;
    response.end(older);
  });
  await expect.poll(() => reads).toBeGreaterThan(3);
  undo();
  grow(server, log.atSize(1_000));
  await reached(following, 1_000);
  expectUnfinished(target, 1_000);
});

test("a source that goes away is waited for, in a round too, and followed on when it is back", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target);
  await reached(following, 900);
  for (const [path, size] of [
    ["checkpoint", 1_100],
    ["tile/entries/004", 1_300],
  ] as const) {
    let tries = 0;
    const undo = server.intercept(path, (_request, response) => {
      tries++;
      response.writeHead(503, { "content-length": 0 }).end();
    });
    grow(server, log.atSize(size));
    await expect.poll(() => tries, { timeout: 10_000 }).toBeGreaterThan(4);
    undo();
    await reached(following, size);
  }
  await cutOver(target, { wait: true });
  expect(await following.end).toMatchObject({ size: 1_300 });
  expect(differences(target, log.atSize(1_300))).toEqual([]);
  expect(following.progress.threads).toHaveLength(1);
});
