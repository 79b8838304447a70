/**
 * Promise 2 in the face of a power failure: the system calls of a copy, recorded by strace, show that everything
 * was on the disk before what vouches for it appeared.
 */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PROGRAM } from "../../support/cli.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { flippedBit } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { expectKilled, killedAfter, runMigration, startMigration } from "../../support/migration-process.ts";
import { differences, diskDirectory, writeFiles } from "../../support/places/directory.ts";
import { DurabilityModel, holdAgainst, parseTrace } from "../../support/places/fsync-trace.ts";
import { sealsIn } from "../../support/places/seals.ts";
import {
  straceOptions,
  type TraceResult,
  traceMigration,
  whyNotTraced,
} from "../../support/places/traced-migration.ts";
import { damage } from "../../support/verification.ts";

/** Two seals, and a right edge on every level. */
const log = testLog({ size: 2 * 65_536 + 2 * 256 + 9, entrySize: 8 });

const obstacle = whyNotTraced();
const isRequired = process.env.TLOG_MIGRATE_REQUIRE_STRACE === "1";
const traced = test.runIf(obstacle === undefined || isRequired);
if (obstacle !== undefined && !isRequired) {
  test.skip(`no fsync can be seen here: ${obstacle}; TLOG_MIGRATE_REQUIRE_STRACE=1 makes this a failure`);
}

async function newPlace(of: TestLog, path: string) {
  const base = diskDirectory();
  if (base === undefined) throw new Error("there is no disk here: fsync has nothing to do in memory");
  return { server: await startLogServer(of.objects), base, target: join(base, path) };
}

/** Expects that every rule was kept, and was applied as often as told where that is told. */
function expectKept({ rules, lossAtEnd }: TraceResult, applied: Record<string, number>): void {
  const violations = [...rules].flatMap(([name, result]) =>
    result.violations.slice(0, 5).map((violation) => `${name}: ${violation}`),
  );
  expect(violations).toEqual([]);
  expect(lossAtEnd).toBeUndefined();
  const counts = Object.fromEntries([...rules].map(([name, result]) => [name, result.applied]));
  expect(counts).toMatchObject(applied);
}

const HAND_OVER = {
  "every object before the tree state": 1,
  "every object and the tree state before the record": 1,
  "the record before the guard is lifted": 1,
};

traced("a copy into a place whose parent does not exist syncs all in the promised order", async () => {
  expect(obstacle, "TLOG_MIGRATE_REQUIRE_STRACE=1 asks for strace").toBeUndefined();
  const { server, base, target } = await newPlace(log, "new/place");
  const result = await traceMigration({ log, server, base, target, overrides: { workers: 2 } });
  expect(differences(target, log)).toEqual([]);
  expectKept(result, { ...HAND_OVER, "all below a seal before the seal": 2 });
  expect(result.rules.get("the claim before the first object")?.applied).toBeGreaterThanOrEqual(1_000);
});

traced("a copy that was killed syncs what it finds in place, seals too, before it relies on it", async () => {
  const { server, base, target } = await newPlace(log, "new/place");
  await killedAfter(400, server, () => startMigration(log, server, target, { overrides: { workers: 1 } }));
  const seals = sealsIn(target);
  expect(seals.size).toBe(1);
  const result = await traceMigration({ log, server, base, target, overrides: { workers: 2 } });
  expect(differences(target, log)).toEqual([]);
  expectKept(result, { ...HAND_OVER, "all below a seal before the seal": 1 });
});

traced("all that is found in place without its seals is synced before they appear", async () => {
  const { server, base, target } = await newPlace(log, "place");
  await runMigration(log, server, target, { overrides: { handOver: false } });
  for (const seal of ["tile/1/000", "tile/1/001"]) rmSync(join(target, seal));
  writeFiles(target, [["tile/entries/300", flippedBit(log.object("tile/entries/300"), 3)]]);
  const result = await traceMigration({ log, server, base, target });
  expect(differences(target, log)).toEqual([]);
  expectKept(result, { ...HAND_OVER, "all below a seal before the seal": 2 });
});

traced("a tree state that a killed run left is synced before the record vouches for it", async () => {
  const { server, base, target } = await newPlace(log, "place");
  await expectKilled(log, server, target, "after", "link", ".state/treeState");
  const result = await traceMigration({ log, server, base, target });
  expectKept(result, { ...HAND_OVER, "every object before the tree state": 0 });
});

traced("an adopted copy loses foreign seals for good before it trusts any, and is synced whole", async () => {
  const { server, base, target } = await newPlace(log, "place");
  writeFiles(
    target,
    [...log.objects].filter(([path]) => path.startsWith("tile/")),
  );
  const result = await traceMigration({ log, server, base, target, overrides: { adopt: true } });
  expect(differences(target, log)).toEqual([]);
  expectKept(result, {
    ...HAND_OVER,
    "all below a seal before the seal": 2,
    "the removal of foreign seals before the marker that trusts seals": 1,
  });
});

traced("issuers of a Static CT log are synced before the seal above the entries that name them", async () => {
  const ct = testLog({ size: 65_536 + 300, format: "static-ct" });
  const { server, base, target } = await newPlace(ct, "new/place");
  const result = await traceMigration({ log: ct, server, base, target, overrides: { workers: 2 } });
  expect(differences(target, ct)).toEqual([]);
  expectKept(result, { ...HAND_OVER, "all below a seal before the seal": 1 });
});

traced("issuers that are found in place are synced before the handover", async () => {
  const ct = testLog({ size: 300, format: "static-ct" });
  const { server, base, target } = await newPlace(ct, "place");
  await runMigration(ct, server, target, { overrides: { handOver: false } });
  const asked = server.requests.length;
  const result = await traceMigration({ log: ct, server, base, target });
  expect(server.requests.slice(asked).filter(({ path }) => path.startsWith("issuer/"))).toEqual([]);
  expectKept(result, HAND_OVER);
});

traced("a repair syncs each object before it gets its name, and its name before the run ends", async () => {
  const base = diskDirectory() ?? "";
  const [target, source, trace] = ["log", "copy", "trace"].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ];
  const small = testLog({ size: 900 });
  for (const place of [target, source]) writeFiles(place, small.objects);
  damage(target, small, "tile/entries/001", "tile/0/002");
  rmSync(join(target, "tile/1"), { recursive: true });
  const found = readdirSync(target, { withFileTypes: true, recursive: true });
  const model = new DurabilityModel(
    target,
    found.map((entry) => join(entry.parentPath, entry.name)),
  );
  const verifyIt = ["verify", target, "--repair-from", source, "--vkey", small.vkey, "--workers", "1"];
  const { status, stderr } = spawnSync("strace", [
    ...straceOptions(trace),
    process.execPath,
    PROGRAM,
    ...verifyIt,
  ]);
  expect(status, `${stderr}`).toBe(0);
  const calls = parseTrace(readFileSync(trace, "utf8")).filter(({ paths }) =>
    paths.some((path) => path.startsWith(`${target}/`) || path === target),
  );
  const renames = calls.filter(({ name, failed }) => name.startsWith("rename") && !failed);
  expect(renames.map(({ paths }) => paths[1]).toSorted()).toEqual(
    ["tile/0/002", "tile/1/000.p/3", "tile/entries/001"].map((path) => join(target, path)),
  );
  for (const { paths, start } of renames) {
    const ofBytes = calls.filter((call) => call.paths[0] === paths[0] && call.end <= start);
    const written = ofBytes.findLast(({ name }) => /^p?write/.test(name));
    const synced = ofBytes.findLast(({ name, failed }) => name === "fsync" && !failed);
    expect(synced?.start, paths[1]).toBeGreaterThan(written?.end ?? Number.POSITIVE_INFINITY);
  }
  holdAgainst(calls, model, []);
  expect(renames.flatMap(({ paths }) => model.lossOf(paths[1] ?? "") ?? [])).toEqual([]);
});
