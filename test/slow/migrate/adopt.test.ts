/** A place that another tool half filled is taken over only when asked, and then no seal in it is trusted. */

import { execFileSync } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { expectRefused, flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrateLog, newCopy } from "../../support/migration.ts";
import { killAt, killedAfter, runMigration, startMigration } from "../../support/migration-process.ts";
import {
  differences,
  directoryContents,
  filesBelow,
  logDirectory,
  memoryDirectory,
  versionOf,
  writeFiles,
} from "../../support/places/directory.ts";
import { sealsIn } from "../../support/places/seals.ts";

/** Two seals and a right edge. */
const log = testLog({ size: 2 * 65_536 + 300, entrySize: 8 });
const SEALS = ["tile/1/000", "tile/1/001"];

type Files = [string, Uint8Array][];

const whole: Files = [...log.objects].filter(([path]) => path.startsWith("tile/"));
const hashTiles = whole.filter(([path]) => !path.startsWith("tile/entries/"));

/** All of the log, but for some objects that are others. */
function withSpoiled(spoiled: Record<string, Uint8Array>): Files {
  return [...whole.filter(([path]) => spoiled[path] === undefined), ...Object.entries(spoiled)];
}

const WRONG_BUNDLES = {
  "tile/entries/000": flippedBit(log.object("tile/entries/000"), 7),
  "tile/entries/300": log.object("tile/entries/301"),
  "tile/entries/512": Buffer.alloc(0),
};

const WRONG_TILES = {
  "tile/0/005": flippedBit(log.object("tile/0/005"), 7),
  "tile/1/001": flippedBit(log.object("tile/1/001"), 7),
  "tile/2/000.p/2": Buffer.alloc(64),
  "tile/0/513.p/44": Buffer.alloc(10),
};

const seeds: Record<string, Files> = {
  "level-1 tiles without their bundles": whole.filter(([path]) => path.startsWith("tile/1/")),
  "all hash tiles without a bundle": hashTiles,
  "wrong bundles under right tiles": withSpoiled(WRONG_BUNDLES),
  "right bundles under wrong tiles": withSpoiled(WRONG_TILES),
  "a whole copy without its checkpoint": whole,
  "a bundle alone": [["tile/entries/007", log.object("tile/entries/007")]],
};

test.each(Object.entries(seeds))("%s: refused without --adopt, whole and right with it", async (_, files) => {
  const { server, target } = await newCopy(log);
  writeFiles(target, files);
  const before = directoryContents(target);
  await expectRefused(migrateLog(log, server, target), /tiles that tlog-migrate did not write.*--adopt/);
  expect(directoryContents(target)).toEqual(before);
  const report = await migrateLog(log, server, target, { adopt: true });
  expect(report.outcome).toBe("handed-over");
  expect(differences(target, log)).toEqual([]);
});

test("what an adoption finds right is not fetched again, what it finds wrong is counted", async () => {
  const { server, target } = await newCopy(log);
  writeFiles(target, withSpoiled(WRONG_BUNDLES));
  const report = await migrateLog(log, server, target, { adopt: true });
  expect(report).toMatchObject({ replacedObjects: 3, entries: 3 * 256, resumedEntries: log.size - 3 * 256 });
});

test("an adoption that is killed at any step trusts no foreign seal afterwards, with --adopt or without", async () => {
  const server = await startLogServer(log.objects);
  const moments = [
    killAt("after", "link", ".state/version"),
    killAt("before", "rm", SEALS[0] as string),
    killAt("after", "rm", SEALS[0] as string),
    killAt("after", "rm", SEALS[1] as string),
    killAt("before", "rename", ".state/version"),
    killAt("after", "rename", ".state/version"),
  ];
  for (const [i, moment] of moments.entries()) {
    const target = memoryDirectory();
    writeFiles(target, withSpoiled(WRONG_BUNDLES));
    const killed = await runMigration(log, server, target, { ...moment, overrides: { adopt: true } });
    expect(killed.kind).toBe("killed");
    expect(JSON.parse(versionOf(target)?.slice("migration-in-progress ".length) ?? "").distrustSeals).toBe(
      i < 5,
    );
    const report = await migrateLog(log, server, target, i % 2 === 0 ? {} : { adopt: true });
    expect(report.replacedObjects, `moment ${i}`).toBe(3);
    expect(differences(target, log)).toEqual([]);
  }
});

test("an adoption that is killed later keeps the seals that it has written itself", async () => {
  const { server, target } = await newCopy(log);
  writeFiles(target, hashTiles);
  const options = { overrides: { adopt: true } };
  await killedAfter(400, server, () => startMigration(log, server, target, options));
  expect(sealsIn(target)).toEqual(new Set([0]));
  const report = await migrateLog(log, server, target, { adopt: true });
  expect(report.resumedEntries).toBeGreaterThanOrEqual(65_536);
  expect(differences(target, log)).toEqual([]);
});

test("foreign objects beyond the log, and foreign partials that are not its beginning, stop the handover", async () => {
  const { server, target } = await newCopy(log);
  for (const [path, bytes, problem] of [
    ["tile/entries/600", Buffer.from("beyond"), /tile\/entries\/600: is beyond size 131,372/],
    ["tile/entries/100.p/3", Buffer.alloc(6), /tile\/entries\/100\.p\/3: is an obsolete partial object/],
    ["tile/0/100.p/3", Buffer.alloc(96), /tile\/0\/100\.p\/3: is an obsolete partial object/],
  ] as const) {
    writeFiles(target, [[path, bytes]]);
    await expect(migrateLog(log, server, target, { adopt: true })).rejects.toThrow(problem);
    rmSync(join(target, path));
  }
  writeFiles(target, [["tile/0/100.p/3", log.object("tile/0/100").subarray(0, 96)]]);
  expect((await migrateLog(log, server, target)).outcome).toBe("handed-over");
});

describe("an adopted tree of hard links to the source", () => {
  /** The files of a directory with all that a change through another name could change. */
  function facts(directory: string): Record<string, unknown> {
    const of = (path: string) => {
      const { ino, mode, uid, size, mtimeNs } = statSync(join(directory, path), { bigint: true });
      return [ino, mode, uid, size, mtimeNs].join(" ");
    };
    return Object.fromEntries(filesBelow(directory).map((path) => [path, of(path)]));
  }

  test.each([
    { format: "tiles", size: 65_536 + 600, entrySize: 4 },
    { format: "static-ct", size: 600 },
  ] as const)("of a $format log shares nothing with it afterwards", async (shape) => {
    const linked = testLog(shape);
    const source = logDirectory(linked);
    const [tile, obsolete] = ["tile/0/001", "tile/0/001.p/3"];
    writeFiles(source, [
      [obsolete, linked.object(tile).subarray(0, 96)],
      [".state/treeState.lock", ""],
      [".state/gcState", '{"fromSize":0}'],
    ]);
    const target = join(memoryDirectory(), "copy");
    execFileSync("cp", ["-al", source, target]);
    rmSync(join(target, "checkpoint"));
    const [before, contents] = [facts(source), directoryContents(source)];
    const notices: string[] = [];
    const options = { adopt: true, notice: (text: string) => void notices.push(text) };
    const report = await migrateLog(linked, { url: source }, target, options);
    expect(report).toMatchObject({ outcome: "handed-over", resumedEntries: linked.size });
    expect(notices.filter((text) => text.includes("other hard links"))).toEqual([]);
    for (const path of filesBelow(target)) expect(statSync(join(target, path)).nlink, path).toBe(1);
    execFileSync("sh", ["-c", 'chmod -R 700 "$0" && find "$0" -type f -exec truncate -s 0 {} +', target]);
    expect(facts(source)).toEqual(before);
    expect(directoryContents(source)).toEqual(contents);
  });

  test("is found where an earlier run has sealed it, and separated by --recheck, as is advised", async () => {
    const { server, target } = await newCopy(log);
    await migrateLog(log, server, target, { handOver: false });
    const other = join(memoryDirectory(), "other");
    execFileSync("cp", ["-al", target, other]);
    const notices: string[] = [];
    const options = { handOver: false, notice: (text: string) => void notices.push(text) };
    await migrateLog(log, server, target, options);
    expect(notices.join("\n")).toMatch(/\d+ files of the target have other hard links, .*With --recheck/);
    notices.length = 0;
    await migrateLog(log, server, target, { ...options, recheck: true });
    expect(notices.join("\n")).not.toContain("other hard links");
    for (const path of filesBelow(join(target, "tile"))) {
      expect(statSync(join(target, "tile", path)).nlink, path).toBe(1);
    }
  });
});
