/** A log that several copies share: each does its part, in any order and at once, and a last one finishes it. */

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { TargetRefusedError, VerificationError } from "../../../lib/errors.ts";
import { copyShard, UsageError } from "../../../lib/index.ts";
import type { MigrationOptions } from "../../../lib/migrate/options/options.ts";
import type { MigrationReport } from "../../../lib/migrate/report/report.ts";
import { tilesOf } from "../../../lib/migrate/shard.ts";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { notFound } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, failureOf, migrateLog, migrationOptions } from "../../support/migration.ts";
import { differences, memoryDirectory } from "../../support/places/directory.ts";

/** Three seals and a right edge. */
const log = testLog({ size: 3 * 65_536 + 700, entrySize: 8 });
const SEAL = 65_536;

let server: LogServer;
let target: string;
beforeEach(async () => {
  server = await startLogServer(log.objects);
  target = memoryDirectory();
});

function shardOf(
  [index, count]: readonly [number, number],
  overrides: Partial<MigrationOptions> = {},
  of: TestLog = log,
): Promise<MigrationReport> {
  const { handOver: _, ...options } = migrationOptions(of, server.url, target, overrides);
  return copyShard({ ...options, shard: { index, count } });
}

function sealsOf(place: string): string[] {
  return readdirSync(join(place, "tile/1")).filter((name) => /^\d{3}$/.test(name));
}

const namesIn = (directory: string): string[] => {
  const path = join(target, directory);
  return existsSync(path) ? readdirSync(path) : [];
};

describe("the tiles of a shard", () => {
  it.each([
    [7, 3],
    [3, 7],
    [0, 4],
    [65_536, 64],
  ])("of %i tiles for %i shards are each in one shard", (tiles, count) => {
    const shards = Array.from({ length: count }, (_, i) => tilesOf({ index: i + 1, count }, tiles));
    expect(shards.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: tiles }, (_, i) => i));
    const lengths = shards.map(({ length }) => length);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
  });
});

describe("shards of one copy", () => {
  it("that start at once claim the target once, and a last copy finds all of it sealed", async () => {
    const reports = await Promise.all(([1, 2] as const).map((index) => shardOf([index, 2])));
    expect(reports.map(({ outcome }) => outcome)).toEqual(["part-copied", "part-copied"]);
    expect(reports.map(({ entries }) => entries)).toEqual([2 * SEAL, SEAL]);
    expect(sealsOf(target)).toHaveLength(3);
    expect(existsSync(join(target, ".state/treeState"))).toBe(false);
    const last = await migrateLog(log, server, target);
    expect(last).toMatchObject({ outcome: "handed-over", sealedEntries: 3 * SEAL, entries: 700 });
    expect(differences(target, log)).toEqual([]);
    expect(namesIn(".state").filter((name) => name.includes("parts"))).toEqual([]);
  });

  it("write nothing but their own tiles and what is below them", async () => {
    await shardOf([2, 3]);
    expect(sealsOf(target)).toEqual(["001"]);
    expect(
      namesIn("tile/entries")
        .filter((name) => /^\d{3}$/.test(name))
        .map(Number),
    ).toEqual(Array.from({ length: 256 }, (_, i) => 256 + i));
    expect(namesIn("tile/2")).toEqual([]);
    // Again: all is sealed, and nothing is asked for.
    expect(await shardOf([2, 3])).toMatchObject({ entries: 0, sealedEntries: SEAL });
  });

  it("copy the tree of the claim, however the source has grown since", async () => {
    const before = log.atSize(SEAL + 300);
    server.objects = before.objects;
    await shardOf([1, 2], {}, before);
    server.objects = log.objects;
    expect(await shardOf([2, 2])).toMatchObject({ size: SEAL + 300, entries: 0 });
    rmSync(join(target, "tile/1/000"));
    expect(await shardOf([1, 2])).toMatchObject({ size: SEAL + 300, resumedEntries: SEAL });
    expect(sealsOf(target)).toEqual(["000"]);
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over", size: log.size });
    expect(differences(target, log)).toEqual([]);
  });

  it("refuse a source that has grown into another tree", async () => {
    const before = log.atSize(SEAL + 300);
    server.objects = before.objects;
    await shardOf([1, 2], {}, before);
    const fork = testLog({ size: 3 * SEAL, entrySize: 9 });
    server.objects = fork.objects;
    await expectFailure(shardOf([2, 2], {}, fork), VerificationError, /the log forked/);
  });

  it("go on where one was broken off", async () => {
    const undo = server.intercept("tile/entries/300", notFound);
    await failureOf(shardOf([2, 2]));
    undo();
    await shardOf([1, 2]);
    expect(await shardOf([2, 2])).toMatchObject({ outcome: "part-copied" });
    expect(sealsOf(target)).toHaveLength(3);
  });

  it("exclude a copy that works alone, and it excludes them", async () => {
    const { reached, letGo } = server.hold("tile/entries/300");
    const part = shardOf([2, 2]);
    await reached;
    await expectFailure(migrateLog(log, server, target), TargetRefusedError, /another copy .* is at work/);
    letGo();
    await part;
    const held = server.hold("tile/entries/000");
    const alone = migrateLog(log, server, target);
    await held.reached;
    await expectFailure(shardOf([1, 2]), TargetRefusedError, /another copy .* is at work/);
    held.letGo();
    expect((await alone).outcome).toBe("handed-over");
  });

  it("have nothing to do in a log that is handed over", async () => {
    await migrateLog(log, server, target);
    expect(await shardOf([1, 2])).toMatchObject({ outcome: "already-handed-over", entries: 0 });
  });

  it("refuse a claim of another log, another copy's options, and seals that nobody vouches for", async () => {
    await shardOf([1, 3]);
    const other = testLog({ size: 300, seed: "other" });
    server.objects = other.objects;
    await expectFailure(shardOf([2, 3], {}, other), TargetRefusedError, /contains another log/);
    server.objects = log.objects;
    await expectFailure(
      shardOf([2, 3], { minIndex: SEAL }),
      TargetRefusedError,
      /with other options.*expected --min-index 65536, found none/s,
    );
    const version = join(target, ".state/version");
    writeFileSync(
      version,
      readFileSync(version, "utf8").replace('"distrustSeals":false', '"distrustSeals":true'),
    );
    await expectFailure(shardOf([2, 3]), TargetRefusedError, /must not be trusted.*without --shard/s);
    expect(sealsOf(target)).toEqual(["000"]);
  });

  it.each([
    [0, 2],
    [3, 2],
    [1, 0],
    [1, 100_001],
    [1.5, 2],
  ])("are not the %dth of %d", async (index, count) => {
    await expectFailure(shardOf([index, count]), UsageError, /shard\.(index|count): is not a whole number/);
    expect(namesIn(".")).toEqual([]);
  });
});

describe("shards of a Static CT log", () => {
  const ct = testLog({ size: 2 * SEAL + 10, format: "static-ct" });
  const issuers = [...ct.objects.keys()].filter((path) => path.startsWith("issuer/"));

  beforeEach(() => {
    server.objects = ct.objects;
  });

  it("list their issuers each on its own, and the last copy merges the lists", async () => {
    await Promise.all([shardOf([1, 2], {}, ct), shardOf([2, 2], {}, ct)]);
    expect(namesIn(".state/tlog-migrate-issuers")).toHaveLength(2);
    rmSync(join(target, issuers[0] as string));
    const report = await migrateLog(ct, server, target);
    expect(report).toMatchObject({ outcome: "handed-over", sealedEntries: 2 * SEAL, entries: 10 });
    expect(report.extraData).toMatchObject({ issuers: issuers.length, missingIssuers: 0 });
    expect(namesIn(".state/tlog-migrate-issuers")).toEqual([]);
    expect(differences(target, ct)).toEqual([]);
  });

  it("trust no seal whose issuers are on no list", async () => {
    await shardOf([1, 2], {}, ct);
    rmSync(join(target, ".state/tlog-migrate-issuers"), { recursive: true });
    await expectFailure(shardOf([2, 2], {}, ct), TargetRefusedError, /must not be trusted/);
    expect(await migrateLog(ct, server, target)).toMatchObject({ outcome: "handed-over", sealedEntries: 0 });
  });

  it("that would write laxer seals than the claim allows are refused", async () => {
    await shardOf([1, 2], { deep: true }, ct);
    await expectFailure(shardOf([2, 2], {}, ct), TargetRefusedError, /expected none .*, found --deep/s);
    await shardOf([2, 2], { deep: true }, ct);
    expect(await migrateLog(ct, server, target, { deep: true })).toMatchObject({ sealedEntries: 2 * SEAL });
  });
});
