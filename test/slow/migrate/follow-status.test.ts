/** `status` says from anywhere how far a copy that follows its source is, and whether a cutover is asked for. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import type { FollowState, TargetStatus } from "../../../lib/index.ts";
import { cutOver, grow, reached, startFollow } from "../../support/follow.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { newCopy } from "../../support/migration.ts";
import { statusOf } from "../../support/planning.ts";

const log = testLog({ size: 900, entrySize: 30 });
const STATE = ".state/tlog-migrate-follow.json";
/** It is written every five seconds. */
const patience = { timeout: 20_000, interval: 100 };

const followingIn = (status: TargetStatus): FollowState | undefined =>
  "following" in status ? status.following : undefined;

test("how far behind, since when, who is at work, and a cutover that is accepted, until it is handed over", async () => {
  const { server, target } = await newCopy(log.atSize(700));
  const settleMs = 86_400_000;
  const following = startFollow(log, server.url, target, { settleMs });
  await reached(following, 700);
  const state = async () => followingIn(await statusOf(target));
  await expect.poll(state, patience).toMatchObject({ newest: 700, copied: 700 });
  const { reached: isAsked, letGo } = server.hold("tile/entries/003.p/132");
  grow(server, log);
  await isAsked;
  await expect.poll(state, patience).toMatchObject({ newest: 900, copied: 700 });
  const { at = "", behindSince = "" } = (await state()) ?? {};
  const age = Date.parse(at) - Date.parse(behindSince);
  expect(age).toBeGreaterThanOrEqual(0);
  expect(await statusOf(target)).toMatchObject({
    state: "unfinished",
    lock: { pid: process.pid, isRunning: true, since: expect.any(String) },
  });
  letGo();
  await reached(following, 900);
  expect(await statusOf(target)).not.toHaveProperty("cutover");
  await cutOver(target);
  expect(await statusOf(target)).toMatchObject({ cutover: { state: "accepted" } });
  following.stop();
  await expect(following.end).rejects.toThrow("the test stops it");
  // What it has said last stays, with the time.
  expect(await state()).toBeDefined();
  await startFollow(log, server.url, target).end;
  expect(existsSync(join(target, STATE))).toBe(false);
  expect(await statusOf(target)).toMatchObject({ state: "handed-over", size: 900 });
});

test("one that has caught up says so at once, not when the next time to write has come", async () => {
  const interval = globalThis.setInterval;
  vi.spyOn(globalThis, "setInterval").mockImplementation(((work: () => void, milliseconds?: number) =>
    interval(work, milliseconds === 5_000 ? 2 ** 30 : milliseconds)) as typeof setInterval);
  const { server, target } = await newCopy(log.atSize(700));
  const { reached: isAsked, letGo } = server.hold("tile/entries/001");
  startFollow(log, server.url, target);
  await isAsked;
  const state = async () => followingIn(await statusOf(target));
  await expect.poll(state, patience).toMatchObject({ newest: 700, copied: 0 });
  letGo();
  await expect.poll(state, patience).toMatchObject({ newest: 700, copied: 700 });
});

test("of a mirror, what it serves", async () => {
  const { server, target } = await newCopy(log);
  const following = startFollow(log, server.url, target, { mirror: true });
  await reached(following, 900);
  expect(await statusOf(target)).toMatchObject({
    state: "mirror",
    phase: "copied",
    checkpoint: { origin: log.origin, size: 900 },
    lock: { isRunning: true },
  });
});
