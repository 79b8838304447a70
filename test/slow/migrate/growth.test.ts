/** A source that grows while it is copied is caught up with, never handed over half, and never followed into a fork. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OperationError } from "../../../lib/errors.ts";
import { Progress } from "../../../lib/index.ts";
import type { LogServer } from "../../support/http/misbehaving-log-server.ts";
import { expectNotVerified } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, migrateLog, newCopy } from "../../support/migration.ts";
import { differences, versionOf } from "../../support/places/directory.ts";

const log = testLog({ size: 900, entrySize: 30 });

/**
 * Goes on to the next of these logs each time that the checkpoint is read; the last one stays. As on a real log,
 * a partial object remains when there is a larger one. Returns when the checkpoint was read, in milliseconds.
 */
function growsThrough(server: LogServer, sizes: readonly TestLog[]): number[] {
  const reads: number[] = [];
  server.intercept("checkpoint", async (_request, _response, next) => {
    const now = sizes[Math.min(reads.length, sizes.length - 1)] as TestLog;
    reads.push(performance.now());
    server.objects = new Map([...server.objects, ...now.objects]);
    await next();
  });
  return reads;
}

async function growingCopy(from: TestLog, sizes: readonly TestLog[]) {
  const copy = await newCopy(from);
  growsThrough(copy.server, sizes);
  return copy;
}

/** What a target holds of a log, obsolete partials of smaller sizes aside. */
function differencesButPartials(target: string, of: TestLog): string[] {
  return differences(target, of).filter((fault) => !/\.p\/\d+ is not the log's$/.test(fault));
}

function stateOf(target: string, name: string): unknown {
  return JSON.parse(readFileSync(join(target, ".state", name), "utf8"));
}

test("a source that grows during the copy is caught up with before the handover", async () => {
  const sizes = [log, log.atSize(1_000), log.atSize(1_300)];
  const final = sizes[2] as TestLog;
  const { server, target } = await growingCopy(log, sizes);
  const notices: string[] = [];
  const report = await migrateLog(log, server, target, { notice: (line) => notices.push(line) });
  // What a round has copied, the next leaves alone; the edges of 900 and 1,000 entries are copied again in wider bundles.
  const entries = 1_300 + (900 % 256) + (1_000 % 256);
  expect(report).toMatchObject({ outcome: "handed-over", size: 1_300, entries, resumedEntries: 0 });
  expect(differencesButPartials(target, final)).toEqual([]);
  expect(stateOf(target, "treeState")).toMatchObject({ size: 1_300 });
  expect(notices).toEqual([
    expect.stringContaining("1,000 entries"),
    expect.stringContaining("1,300 entries"),
  ]);
});

test("a round costs what has grown: the same threads, and no second listing of what was checked", async () => {
  const large = testLog({ size: 256 * 1_100, entrySize: 1 });
  const sizes = [large.atSize(256 * 1_020), large.atSize(256 * 1_030), large];
  const { server, target } = await growingCopy(sizes[0] as TestLog, sizes);
  const progress = new Progress();
  let threads = 0;
  Object.defineProperty(progress, "phase", {
    set: () => (threads = Math.max(threads, progress.threads.length)),
  });
  const report = await migrateLog(large, server, target, { progress });
  expect(report).toMatchObject({ outcome: "handed-over", size: large.size });
  expect(report.entries).toBe(large.size);
  expect(threads).toBe(2);
  const whole = 2 * 1_020 + 4;
  const directories = 2 * 30 + 2 * 100 + 20;
  expect(progress.total().get("listedObjects")).toBeLessThan(whole + directories);
  expect(differencesButPartials(target, large)).toEqual([]);
});

test("a source is not handed over before its checkpoint has stayed the same for the settle time, in every round", async () => {
  for (const sizes of [[log], [log, log.atSize(1_000)]]) {
    const { server, target } = await newCopy(log);
    const reads = growsThrough(server, sizes);
    const final = sizes.at(-1) as TestLog;
    const report = await migrateLog(log, server, target, { settleMs: 700 });
    expect(report).toMatchObject({ outcome: "handed-over", size: final.size });
    expect((reads.at(-1) ?? 0) - (reads[sizes.length - 1] ?? 0)).toBeGreaterThan(690);
  }
});

test("a source that grows in the settle time is copied on, and given that time again", async () => {
  // Signed anew after the round, so that it is read once more.
  const signed = Buffer.from(`${log.object("checkpoint")}— ${log.origin} ${"A".repeat(96)}\n`);
  const again = { ...log, objects: new Map([["checkpoint", signed]]) };
  const { server, target } = await growingCopy(log, [log, again, log.atSize(1_000)]);
  const progress = new Progress();
  const phases: string[] = [];
  Object.defineProperty(progress, "phase", { set: (phase: string) => phases.push(phase) });
  const report = await migrateLog(log, server, target, { progress });
  expect(report).toMatchObject({ outcome: "handed-over", size: 1_000 });
  expect(phases).toContain("waiting for the source to stay the same");
  expect(phases.slice(-2)).toEqual(["handing over", "done"]);
});

test("a source that signs the same tree again and again has a writer that is alive", async () => {
  const { server, target } = await newCopy(log);
  const signed = log.object("checkpoint").toString();
  let reads = 0;
  server.intercept("checkpoint", (_request, response) => {
    response.end(`${signed}— ${log.origin} ${Buffer.alloc(72, ++reads).toString("base64")}\n`);
  });
  await expectFailure(
    migrateLog(log, server, target),
    OperationError,
    /signs the same tree again and again: its writer is alive/,
  );
  expect(versionOf(target)).toMatch(/^migration-in-progress /);
  const copied = await migrateLog(log, server, target, { handOver: false });
  expect(copied).toMatchObject({ outcome: "ready-for-handover" });
});

test("witnesses that sign the same tree again are not its writer", async () => {
  const { server, target } = await newCopy(log);
  const signed = log.object("checkpoint").toString();
  let reads = 0;
  server.intercept("checkpoint", (_request, response) => {
    response.end(`${signed}— witness.example/${++reads} ${"A".repeat(96)}\n`);
  });
  expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over" });
});

test("a log that says, signed, that it is frozen is not waited for", async () => {
  const frozen = testLog({ size: 900, extensions: ["Log frozen — 2026-01-01"] });
  const { server, target } = await newCopy(frozen);
  const report = await migrateLog(frozen, server, target, { settleMs: 86_400_000 });
  expect(report).toMatchObject({ outcome: "handed-over" });
});

test("clean-up of obsolete partials may start at the smallest size that was ever aimed at, rounded down to 256", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  // The aim of a round outlives the run: the next one starts from the marker.
  growsThrough(server, [log.atSize(2_000)]);
  await migrateLog(log, server, target);
  expect(stateOf(target, "gcState")).toEqual({ fromSize: 768 });
  expect(differencesButPartials(target, log.atSize(2_000))).toEqual([]);
});

test("a source that grows for ever is not handed over: everything is kept, and it is said what to do", async () => {
  const sizes = [900, 1_000, 1_100, 1_200, 1_300, 1_400, 1_500].map((size) => log.atSize(size));
  const { server, target } = await growingCopy(log, sizes);
  await expectFailure(
    migrateLog(log, server, target),
    OperationError,
    /still grows: its writer is alive.*Stop its writer permanently.*--snapshot/,
  );
  // The marker pins the last aim: a source that falls behind it is found out by the next run.
  expect(versionOf(target)).toMatch(/^migration-in-progress .*\\n1200\\n/);
  const frozen = log.atSize(1_500);
  growsThrough(server, [frozen]);
  const report = await migrateLog(log, server, target);
  expect(report).toMatchObject({ outcome: "handed-over", size: 1_500 });
  expect(report.resumedEntries).toBeGreaterThanOrEqual(1_024);
  expect(differencesButPartials(target, frozen)).toEqual([]);
});

test("a source that grows for ever is copied as far as it was in the last round, where no handover is asked for", async () => {
  const sizes = [900, 1_000, 1_100, 1_200, 1_300, 1_400].map((size) => log.atSize(size));
  const { server, target } = await growingCopy(log, sizes);
  const notices: string[] = [];
  const notice = (line: string) => notices.push(line);
  const report = await migrateLog(log, server, target, { handOver: false, notice });
  expect(report).toMatchObject({ outcome: "ready-for-handover", size: 1_200 });
  expect(notices.at(-1)).toMatch(/grown to 1,300 entries during this run: the next run/);
});

test("a snapshot hands over the size that was reached, however the source grows", async () => {
  const { server, target } = await growingCopy(log, [log, log.atSize(1_000), log.atSize(1_100)]);
  expect(await migrateLog(log, server, target, { snapshot: true })).toMatchObject({ size: 900 });
  expect(differences(target, log)).toEqual([]);
  expect(stateOf(target, "treeState")).toMatchObject({ size: 900 });
});

test("a source that forks during the copy is found, and not followed", async () => {
  const fork = testLog({ size: 1_300, entrySize: 31 });
  for (const [now, message] of [
    [fork, /the log forked: its tree of size 1,300 does not begin with the one of size 900/],
    [fork.atSize(900), /the log forked: at size 900 it had another root before/],
    [fork.atSize(899), /the log forked: the tree of size 900 that was read before does not begin with/],
  ] as const) {
    for (const snapshot of [false, true]) {
      const { server, target } = await growingCopy(log, [log, now]);
      await expectNotVerified(migrateLog(log, server, target, { snapshot }), message);
      expect(versionOf(target)).toContain("migration-in-progress ");
      expect(versionOf(target)).toContain(`\\n900\\n`);
      expect(differences(target, log)).toEqual([]);
    }
  }
});

test("growth across a seal writes the seal, and what was partial is copied in full", async () => {
  const small = testLog({ size: 65_536 - 100, entrySize: 8 });
  const large = small.atSize(65_536 + 300);
  const { server, target } = await growingCopy(small, [small, large]);
  expect(await migrateLog(small, server, target)).toMatchObject({ size: large.size });
  expect(differencesButPartials(target, large)).toEqual([]);
  expect(stateOf(target, "gcState")).toEqual({ fromSize: 65_280 });
});
