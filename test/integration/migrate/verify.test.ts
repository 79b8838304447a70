import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TargetRefusedError, UsageError } from "../../../lib/errors.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrateLog } from "../../support/migration.ts";
import { logDirectory, temporaryDirectory, writeFiles } from "../../support/places/directory.ts";
import { damage, pathsOf, verify } from "../../support/verification.ts";

/** A full level-1 tile, a partial one, a partial bundle: every kind of object. */
const SIZE = 65_536 + 67 * 256 + 7;

describe("verify", () => {
  const log = testLog({ size: SIZE, entrySize: 4 });

  it("finds nothing wrong with a good log, in a directory and over HTTP", async () => {
    const server = await startLogServer(log.objects);
    for (const place of [logDirectory(log), server.url]) {
      const report = await verify(log, place);
      expect(report).toMatchObject({
        faults: 0,
        findings: [],
        size: SIZE,
        entries: SIZE,
        authority: "checkpoint",
      });
      expect(report.origin).toBe(log.origin);
    }
  });

  it("names every object in which one bit differs, and only that one", async () => {
    const directory = logDirectory(log);
    // None of those that are damaged together lies above another.
    const damaged = [
      ["tile/entries/000", "tile/entries/311", "tile/0/323.p/7"],
      ["tile/0/000", "tile/0/322", "tile/entries/323.p/7"],
      ["tile/1/000", "tile/1/001.p/67"],
      ["tile/2/000.p/1"],
    ];
    for (const paths of damaged) {
      damage(directory, log, ...paths);
      const report = await verify(log, directory);
      expect(pathsOf(report).sort()).toEqual(paths.toSorted());
      expect(report.faults).toBe(paths.length);
      writeFiles(
        directory,
        paths.map((path) => [path, log.object(path)]),
      );
    }
    expect((await verify(log, directory)).faults).toBe(0);
  }, 120_000);

  it("names every object that is missing, and only that one", async () => {
    const directory = logDirectory(log);
    for (const paths of [
      ["tile/entries/300", "tile/0/301", "tile/1/001.p/67"],
      ["tile/1/000", "tile/entries/323.p/7"],
    ]) {
      for (const path of paths) rmSync(join(directory, path));
      expect(pathsOf(await verify(log, directory)).sort()).toEqual(paths.toSorted());
      writeFiles(
        directory,
        paths.map((path) => [path, log.object(path)]),
      );
    }
  }, 120_000);

  it("counts the faults of a log that has many, and goes on past all of them", async () => {
    const directory = logDirectory(log);
    for (let index = 0; index < 300; index++)
      rmSync(join(directory, `tile/entries/${String(index).padStart(3, "0")}`));
    writeFileSync(join(directory, "tile/1/001.p/67"), "");
    const { faults, findings, entries } = await verify(log, directory);
    expect(faults).toBe(301);
    expect(findings).toHaveLength(100);
    expect(entries).toBe(SIZE - 300 * 256);
  });

  it("tells what stands beyond the tree", async () => {
    const directory = logDirectory(log);
    const beyond = ["tile/0/324", "tile/0/323.p/8", "tile/1/002", "tile/2/000.p/2", "tile/entries/x001/000"];
    writeFiles(
      directory,
      beyond.map((path) => [path, "x"]),
    );
    expect(pathsOf(await verify(log, directory)).toSorted()).toEqual(beyond.toSorted());
  });

  it("accepts obsolete partial objects that begin the fuller one, and names others", async () => {
    const directory = logDirectory(log);
    const hashes = log.object("tile/0/000");
    writeFiles(directory, [
      ["tile/0/000.p/3", hashes.subarray(0, 3 * 32)],
      ["tile/entries/000.p/2", log.object("tile/entries/000").subarray(0, 2 * 6)],
    ]);
    expect((await verify(log, directory)).findings).toEqual([]);
    writeFiles(directory, [["tile/0/001.p/3", hashes.subarray(0, 3 * 32)]]);
    expect(pathsOf(await verify(log, directory))).toEqual(["tile/0/001.p/3"]);
  });

  it("accepts over HTTP a log whose partial objects have given way to full ones", async () => {
    const grown = log.atSize(SIZE + 65_536);
    const objects = new Map(grown.objects);
    // Level 2 is not full yet: a partial tile may go only when the full one exists.
    for (const path of ["checkpoint", "tile/2/000.p/1"]) objects.set(path, log.object(path));
    const server = await startLogServer(objects);
    expect(await verify(log, server.url)).toMatchObject({ faults: 0, entries: SIZE });
  });

  it("holds a migrated directory without a checkpoint against its tree state", async () => {
    const small = log.atSize(1000);
    const server = await startLogServer(small.objects);
    const target = join(temporaryDirectory(), "target");
    await migrateLog(small, server, target);
    const report = await verify(small, target, { policy: undefined });
    expect(report).toMatchObject({ authority: "treeState", size: 1000, faults: 0 });
    expect(report.notChecked.join()).toContain("tree state");
    const state = join(target, ".state/treeState");
    writeFileSync(state, readFileSync(state, "utf8").replace(/"root":"..../, '"root":"AAAA'));
    expect((await verify(small, target, { policy: undefined })).faults).toBeGreaterThan(0);
  });

  it("refuses an unfinished migration, a place without a log, and a checkpoint without a key", async () => {
    const small = log.atSize(1000);
    const server = await startLogServer(small.objects);
    const target = join(temporaryDirectory(), "target");
    await migrateLog(small, server, target, { handOver: false });
    await expect(verify(small, target)).rejects.toThrow(UsageError);
    await expect(verify(small, target)).rejects.toThrow(/unfinished migration/);
    const empty = temporaryDirectory();
    await expect(verify(small, empty, { policy: undefined })).rejects.toThrow(UsageError);
    await expect(verify(small, empty, { policy: undefined })).rejects.toThrow(
      /neither a checkpoint nor a tree state/,
    );
    await expect(verify(small, logDirectory(small), { policy: undefined })).rejects.toThrow(UsageError);
    await expect(verify(small, server.url, { policy: undefined })).rejects.not.toThrow(TargetRefusedError);
  });

  it("finds in Static CT what the leaf hash covers and what it does not, and says what it left out", async () => {
    const ct = testLog({ size: 300, format: "static-ct" });
    const directory = logDirectory(ct);
    expect(await verify(ct, directory)).toMatchObject({ faults: 0, entries: 300 });
    writeFileSync(join(directory, "tile/data/000"), flippedBit(ct.object("tile/data/000"), 20, 6));
    const report = await verify(ct, directory);
    expect(pathsOf(report)).toEqual(["tile/data/000"]);
    expect(report.notChecked.join()).not.toContain("precertificates");
    const shallow = await verify(ct, directory, { deep: false });
    expect(shallow.notChecked.join()).toContain("precertificates as submitted");
  });

  it("does not take a directory in place of an object for a log without faults", async () => {
    const small = log.atSize(1000);
    const directory = logDirectory(small);
    const path = join(directory, "tile/entries/001");
    renameSync(path, `${path}.away`);
    mkdirSync(path);
    expect(pathsOf(await verify(small, directory))).toContain("tile/entries/001");
  });

  it("verifies a log that is served from linked directories, and says what it did not list", async () => {
    const small = log.atSize(1000);
    const directory = logDirectory(small);
    rmSync(join(directory, "tile"), { recursive: true });
    symlinkSync(join(logDirectory(small), "tile"), join(directory, "tile"));
    const report = await verify(small, directory);
    expect(report).toMatchObject({ faults: 0, entries: 1000 });
    expect(report.notChecked.join()).toMatch(/tile is a symbolic link, which a listing does not follow/);
  });
});

it("says of a checkpoint that nobody has checked its signature", async () => {
  const small = testLog({ size: 300 });
  const unsigned = await verify(small, logDirectory(small), { policy: { insecureNoSignature: true } });
  expect(unsigned.notChecked).toContain("The checkpoint's signature");
  expect((await verify(small, logDirectory(small))).notChecked).not.toContain("The checkpoint's signature");
});
