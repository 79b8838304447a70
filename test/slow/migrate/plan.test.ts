/** A plan says what a copy then does, and changes nothing. */

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkpointPolicy } from "../../../cmd/options/trust.ts";
import { LogError, migrate, planMigration } from "../../../lib/index.ts";
import type { MigrationOptions } from "../../../lib/migrate/options/options.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { prunedLog } from "../../support/logs/pruned-log.ts";
import { realLogLine, realLogPath } from "../../support/logs/real-logs.ts";
import { FAST_RETRY, failureOf, type KnownLog, migrateLog, newCopy } from "../../support/migration.ts";
import {
  directoryContents,
  filesBelow,
  logDirectory,
  memoryDirectory,
  writeFiles,
} from "../../support/places/directory.ts";
import { planLog, storedIn } from "../../support/planning.ts";

const log = testLog({ size: 900, entrySize: 30 });
const large = testLog({ size: 65_536 + 30_000 + 77, entrySize: { min: 20, max: 200 } });

/** Within 10 %. */
function expectNear(found: number, expected: number): void {
  expect(found).toBeGreaterThan(expected * 0.9);
  expect(found).toBeLessThan(expected * 1.1);
}

describe("what a copy then stores", () => {
  test.each<[string, TestLog]>([
    ["a log of many bundles", large],
    ["a Static CT log", testLog({ size: 700, format: "static-ct" })],
    ["a log of full bundles alone", testLog({ size: 512, entrySize: 30 })],
    ["an empty log", testLog({ size: 0 })],
  ])("%s: its objects, its bytes within 10 %, and its requests", async (_, copied) => {
    const { server, target } = await newCopy(copied);
    const place = join(target, "log");
    const plan = await planLog(copied, server, place);
    expect(plan).toMatchObject({
      outcome: "fresh",
      entries: copied.size,
      origin: copied.origin,
      warnings: [],
    });
    expect(existsSync(place)).toBe(false);
    // Bounded, whatever the size of the log: bundles, and the tiles that authenticate them.
    expect(server.requests.length).toBeLessThan(150);
    const report = await migrateLog(copied, server, place);
    const stored = storedIn(place);
    expect(plan.objects).toBe(stored.objects);
    if (stored.bytes > 0) expectNear(plan.bytes.likely, stored.bytes);
    expect(plan.bytes.least).toBeLessThanOrEqual(stored.bytes);
    expect(plan.bytes.most).toBeGreaterThanOrEqual(stored.bytes);
    if (copied.size > 0) expectNear(plan.requests ?? 0, report.requests);
    expect(plan.handover.treeState).toMatchObject({ size: report.size, rootHash: report.rootHash });
  });

  test("a Static CT log that comes compressed: fewer bytes over the wire", async () => {
    const copied = testLog({ size: 700, format: "static-ct" });
    const server = await startLogServer(copied.objects, { gzip: true });
    const { transfer, bytes } = await planLog(copied, server, join(memoryDirectory(), "log"));
    expect(transfer?.likely).toBeLessThan(bytes.likely * 0.9);
  });

  const ARMORY = { vkey: "armory-drive-log/key.pub", origin: "Armory Drive Prod 2" };
  test.each<[place: string, trust: { vkey?: string; origin?: string }, scheme?: string]>([
    ["anvil-mirror/log", { vkey: "anvil-mirror/log.vkey" }],
    ["transparent-tuf/tlog", { vkey: "transparent-tuf/public.key" }],
    ["armory-as-tiles", ARMORY],
    ["armory-drive-log/log", ARMORY, "serverless+"],
    ["serverless-test/log", {}, "serverless+"],
    ["navigli-1024", {}],
  ])("the real log %s", async (place, { vkey, origin }, scheme = "") => {
    const source = `${scheme}file://${realLogPath(place)}`;
    const target = join(memoryDirectory(), "log");
    const format = place.startsWith("navigli") ? "static-ct" : "tiles";
    const trust = vkey === undefined ? { insecureNoSignature: true } : { vkey: [realLogLine(vkey)], origin };
    const options: MigrationOptions = {
      source,
      target,
      format,
      policy: checkpointPolicy({ format, ...trust }, source) ?? { verifiers: [] },
      tool: "test",
      access: { userAgentVersion: "test" },
      retry: FAST_RETRY,
      workers: 1,
      settleMs: 0,
      allowMissingIssuers: format === "static-ct",
    };
    const plan = await planMigration(options);
    expect(plan).toMatchObject({ outcome: "fresh" });
    expect(plan.requests).toBeUndefined();
    expect(filesBelow(target)).toEqual([]);
    await migrate(options);
    const stored = storedIn(target);
    expect(plan.objects).toBe(stored.objects);
    expectNear(plan.bytes.likely, stored.bytes);
    expect(plan.warnings.some((warning) => /key is named/.test(warning))).toBe(origin !== undefined);
    expect(plan.warnings.some((warning) => /issuers .* unavailable/.test(warning))).toBe(
      format === "static-ct",
    );
  });
});

/** A directory in some state, for a copy of `log`. */
type Place = (target: string, url: string) => unknown;

const handedOver: Place = async (target, url) => {
  await migrateLog(log, { url }, target);
  // A copy would remove what a process that was killed has left.
  writeFiles(target, [[".state/tlog-migrate.tmp/1-2-3/left", ""]]);
};
const copied: Place = (target, url) => migrateLog(log, { url }, target, { handOver: false });
const brokenOff: Place = async (target) => {
  const server = await startLogServer(
    new Map([...log.objects].filter(([path]) => !path.includes("entries/002"))),
  );
  await failureOf(migrateLog(log, server, target));
};

describe("what a copy would do in a target, which stays as it is", () => {
  const tiles = [...log.objects].filter(([path]) => path.startsWith("tile/"));
  test.each<[string, string, Place, Partial<MigrationOptions>?]>([
    ["nothing", "fresh", () => {}],
    ["an unfinished copy", "resume", brokenOff],
    ["a copy that is not handed over", "resume", copied],
    ["what is handed over", "already-handed-over", handedOver],
    ["tiles of another tool, to be adopted", "adopt", (at) => writeFiles(at, tiles), { adopt: true }],
    ["tiles of another tool", "refused", (at) => writeFiles(at, tiles)],
    ["a mirror of this log", "refused", (at) => writeFiles(at, log.objects)],
    ["somebody's log", "refused", (at) => writeFiles(at, [...log.objects, [".state/version", "1"]])],
    ["what is no log", "refused", (at) => writeFiles(at, [["holiday.jpg", "mine"]])],
    [
      "a copy of another log",
      "refused",
      async (at) => {
        const other = testLog({ size: 300, seed: "another" });
        await migrateLog(other, { url: logDirectory(other) }, at, { handOver: false });
      },
    ],
    ["a damaged claim", "refused", (at) => writeFiles(at, [[".state/version", "migration-in-progress {"]])],
    [
      "an unfinished copy with a checkpoint",
      "refused",
      async (at, url) => {
        await brokenOff(at, url);
        writeFiles(at, [["checkpoint", log.object("checkpoint")]]);
      },
    ],
    [
      "a larger log of the same name",
      "refused",
      async (at) => {
        const grown = log.atSize(1000);
        await migrateLog(grown, { url: logDirectory(grown) }, at, { handOver: false });
      },
    ],
  ])("%s: %s", async (_, outcome, prepare, overrides) => {
    const { server, target } = await newCopy(log);
    await prepare(target, server.url);
    const before = directoryContents(target);
    const plan = await planLog(log, server, target, overrides);
    expect(plan.outcome).toBe(outcome);
    expect(directoryContents(target)).toEqual(before);
    // The copy is the judge.
    if (outcome !== "refused") {
      const report = await migrateLog(log, server, target, overrides);
      if (outcome === "already-handed-over") expect(report.outcome).toBe(outcome);
      expect(report.entries).toBeLessThanOrEqual(plan.entries);
      return;
    }
    const failure = await failureOf(migrateLog(log, server, target, overrides));
    expect(failure).toBeInstanceOf(LogError);
    const { kind, ...facts } = plan.refusal ?? { kind: "none" };
    expect(facts).toEqual((failure as LogError).facts);
    expect(`${failure.name}`.toLowerCase()).toContain(kind);
  });

  test("what its log software has continued", async () => {
    const { server, target } = await newCopy(log);
    await migrateLog(log, server, target);
    const grown = log.atSize(1000);
    writeFiles(target, grown.objects);
    const root = Buffer.from(grown.rootHash).toString("base64");
    writeFiles(target, [[".state/treeState", JSON.stringify({ size: grown.size, root })]]);
    const before = directoryContents(target);
    expect((await planLog(log, server, target)).outcome).toBe("taken-over");
    expect(directoryContents(target)).toEqual(before);
  });

  test("another copy at work", async () => {
    const { server, target } = await newCopy(log);
    const { reached, letGo } = server.hold("tile/entries/003.p/132");
    const first = migrateLog(log, server, target);
    await reached;
    const other = await startLogServer(log.objects);
    const plan = await planLog(log, other, target);
    expect(plan.refusal).toMatchObject({ kind: "refused", found: expect.stringContaining(`${process.pid}`) });
    letGo();
    await first;
  });
});

describe("what is below seals", () => {
  test("is not counted, nor is what another plan needs: with --recheck, or of a stricter copy, all is", async () => {
    const { server, target } = await newCopy(large);
    await migrateLog(large, server, target, { handOver: false });
    const plan = await planLog(large, server, target);
    expect(plan).toMatchObject({ outcome: "resume", sealedEntries: 65_536, entries: large.size - 65_536 });
    expect(plan.bytes.likely).toBeLessThan(storedIn(target).bytes / 2);
    const rechecked = await planLog(large, server, target, { recheck: true });
    expect(rechecked).toMatchObject({ outcome: "resume", sealedEntries: 0, entries: large.size });
    rmSync(join(target, "tile/1/000"));
    expect(await planLog(large, server, target)).toMatchObject({
      sealedEntries: 0,
      objects: plan.objects + 513,
    });
  });
});

describe("what an operator should know", () => {
  const near = () => join(memoryDirectory(), "log");

  test("issuers that are missing: a copy would fail, and is not stopped where that is allowed", async () => {
    const ct = testLog({ size: 600, format: "static-ct" });
    const [issuer = ""] = [...ct.objects.keys()].filter((path) => path.startsWith("issuer/"));
    ct.objects.delete(issuer);
    const source = { url: logDirectory(ct) };
    const refused = await planLog(ct, source, near());
    expect(refused).toMatchObject({
      outcome: "refused",
      refusal: { kind: "verification", object: issuer },
      issuers: { missing: 1 },
    });
    const allowed = await planLog(ct, source, near(), { allowMissingIssuers: true });
    expect(allowed.outcome).toBe("fresh");
    expect(allowed.warnings).toEqual([expect.stringContaining(issuer)]);
  });

  test("a source that grows, and how fast", async () => {
    const { server, target } = await newCopy(log);
    const grown = log.atSize(1000);
    let reads = 0;
    server.intercept("checkpoint", async (_request, _response, next) => {
      if (reads++ > 0) server.objects = new Map([...log.objects, ...grown.objects]);
      await next();
    });
    const plan = await planLog(log, server, target, { settleMs: 20 });
    expect(plan).toMatchObject({ outcome: "fresh", size: 900 });
    expect(plan.growthPerSecond).toBeGreaterThan(0);
    expect(plan.warnings).toEqual([expect.stringMatching(/^The source grows by .* writer is alive/)]);
  });

  test("a source that forks while it is looked at", async () => {
    const { server, target } = await newCopy(log);
    const fork = testLog({ size: 1000, entrySize: 31, origin: log.origin });
    let reads = 0;
    server.intercept("checkpoint", async (_request, _response, next) => {
      if (reads++ > 0) server.objects = fork.objects;
      await next();
    });
    await expect(
      planLog({ ...log, vkey: log.vkey }, server, target, { policy: { insecureNoSignature: true } }),
    ).rejects.toThrow(/fork/);
  });

  test("a limit that the source states, and one of the operator's", async () => {
    const { server, target } = await newCopy(log);
    server.intercept(
      () => true,
      async (_request, response, next) => {
        response.setHeader("ratelimit-policy", '"default";q=1;w=3');
        await next();
      },
    );
    const { seconds, requests = 0 } = await planLog(log, server, target, {
      requestsPerSecond: 100,
      retry: { ...FAST_RETRY, maxRetryAfterMs: 60_000 },
    });
    expect(seconds.atRate).toBeCloseTo(requests / 100);
    expect(seconds.atStatedLimit).toBeCloseTo(3 * (requests - 1));
    expect(seconds.likely).toBe(seconds.atStatedLimit);
  });

  test("a log that is pruned, and how much of it is missing", async () => {
    const pruned = prunedLog(large, 40_000);
    const source = { url: logDirectory(pruned) };
    const target = near();
    const plan = await planLog(pruned, source, target, { minIndex: 40_000 });
    const report = await migrateLog(pruned, source, target, { minIndex: 40_000 });
    expect(plan.pruned?.absentEntries).toBe(report.pruned?.absentEntries);
    expectNear(plan.bytes.likely, storedIn(target).bytes);
    expect(plan.entries).toBe(report.entries);
  });

  test("partial objects that the source has no more", async () => {
    const grown = log.atSize(1100);
    const objects = new Map([...grown.objects, ["checkpoint", log.object("checkpoint")] as const]);
    for (const path of ["tile/1/000.p/3", "tile/0/003.p/132", "tile/entries/003.p/132"]) {
      if (path.startsWith("tile/1")) objects.set(path, log.object(path));
      else objects.delete(path);
    }
    const server = await startLogServer(objects);
    const plan = await planLog(log as KnownLog, server, near());
    expect(plan.warnings).toEqual([expect.stringMatching(/lacks partial objects/)]);
  });

  test("too little free space, as a copy says it", async () => {
    const { PosixTarget } = await import("../../../storage/posix/target.ts");
    const { vi } = await import("vitest");
    vi.spyOn(PosixTarget.prototype, "freeSpace").mockResolvedValue({ bytes: 1000, objects: 5 });
    const plan = await planLog(log, { url: logDirectory(log) }, near());
    expect(plan).toMatchObject({
      outcome: "refused",
      freeSpace: { bytes: 1000, objects: 5 },
      refusal: { kind: "operation", problem: "too little free space" },
    });
  });

  test("a source that does not verify is no plan", async () => {
    const { server, target } = await newCopy(log);
    server.objects = new Map([...log.objects, ["tile/entries/001", Buffer.from("other")] as const]);
    await expect(planLog(log, server, target)).rejects.toThrow(/tile\/entries\/001/);
    expect(filesBelow(target)).toEqual([]);
  });
});
