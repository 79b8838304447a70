/** `verify` with `repairFrom`: what is wrong or missing in the tree becomes right, and nothing else is touched. */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { TargetRefusedError, UsageError } from "../../../lib/errors.ts";
import { Progress } from "../../../lib/migrate/report/progress.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { PosixRepairs } from "../../../storage/posix/repairs.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, flippedBit } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { failureOf, migrateLog } from "../../support/migration.ts";
import {
  differences,
  directoryContents,
  filesBelow,
  logDirectory,
  memoryDirectory,
  writeFiles,
} from "../../support/places/directory.ts";
import { damage, pathsOf, repair, verify } from "../../support/verification.ts";

function writeTreeState(directory: string, { size, rootHash }: TestLog): void {
  writeFiles(directory, [[".state/treeState", JSON.stringify({ size, root: formatHash(rootHash) })]]);
}

describe("a repair", () => {
  const grown = testLog({ size: 1500, entrySize: 4 });
  const log = grown.atSize(900);
  const [BUNDLE, TILE] = ["tile/entries/001", "tile/0/002"];
  const EDGE = ["tile/0/003.p/132", "tile/entries/003.p/132"] as const;

  it("writes nothing that does not authenticate, says so once for each object, and goes on with the others", async () => {
    const directory = logDirectory(log);
    // The tile of that bundle, which could only be recomputed from it.
    const above = "tile/0/001";
    damage(directory, log, BUNDLE, above, TILE, EDGE[1]);
    const before = directoryContents(directory);
    const server = await startLogServer(log.objects);
    for (const path of [BUNDLE, above, TILE]) {
      server.intercept(path, answerWith(flippedBit(log.object(path), 9)));
    }
    server.intercept(EDGE[1], answerWith(Buffer.from("<!doctype html>")));
    const report = await repair(log, directory, server.url);
    // What the copy has wrong too, and the log itself has below.
    expect(report.repair).toMatchObject({ repaired: 1, objects: [TILE] });
    const wrong = [above, BUNDLE, EDGE[1]];
    expect(report.repair?.notRepaired.map(({ path }) => path)).toEqual(wrong);
    for (const [i, path] of wrong.entries()) {
      expect(report.repair?.notRepaired[i]?.problem).toContain(`${server.url}/${path}`);
    }
    expect(pathsOf(report)).toEqual(wrong);
    before[TILE] = log.object(TILE).toString("base64");
    expect(directoryContents(directory)).toEqual(before);
  });

  it.each([[[BUNDLE, "tile/entries/002"]], [[...EDGE, "tile/1/000.p/3", BUNDLE]]])(
    "takes nothing from another log for %s",
    async (paths) => {
      const directory = logDirectory(log);
      damage(directory, log, ...paths);
      const before = directoryContents(directory);
      const other = testLog({ size: 900, entrySize: 5 });
      const { url } = await startLogServer(other.objects);
      const { repair: done } = await repair(log, directory, url);
      expect(done?.repaired).toBe(0);
      expect(done?.notRepaired.length).toBeGreaterThan(1);
      for (const { problem } of done?.notRepaired ?? []) expect(problem).toContain(url);
      expect(directoryContents(directory)).toEqual(before);
    },
  );

  it("waits once for log software that may be at work, however often the log is verified", async () => {
    const directory = logDirectory(log);
    writeTreeState(directory, log);
    writeFiles(directory, [["tile/entries/999", "stray"]]);
    damage(directory, log, BUNDLE);
    const phases: string[] = [];
    const progress = new Progress();
    Object.defineProperty(progress, "phase", { set: (phase: string) => void phases.push(phase) });
    const { url } = await startLogServer(log.objects);
    const report = await repair(log, directory, url, { progress });
    expect(report.repair?.objects).toEqual([BUNDLE]);
    expect(pathsOf(report)).toEqual(["tile/entries/999"]);
    expect(phases.filter((phase) => phase === "listing the log")).toHaveLength(2);
    expect(phases.filter((phase) => phase.startsWith("waiting for log software"))).toHaveLength(1);
  });

  it("takes from a smaller log what it has, as the source of a log that has grown since it was moved", async () => {
    const directory = logDirectory(log);
    damage(directory, log, BUNDLE, "tile/entries/002");
    const { url } = await startLogServer(grown.atSize(500).objects);
    const report = await repair(log, directory, url);
    // 500 entries have 244 of bundle 1, and nothing of bundle 2.
    expect(report.repair).toMatchObject({ repaired: 0 });
    const { url: larger } = await startLogServer(grown.atSize(600).objects);
    const { repair: done } = await repair(log, directory, larger);
    expect(done).toMatchObject({ objects: [BUNDLE], notRepaired: [{ path: "tile/entries/002" }] });
    expect(done?.notRepaired[0]?.problem).toBe(`tile/entries/002 (${larger}/tile/entries/002) is missing`);
  });

  it.each([
    [
      "of its own size, without a checkpoint and without a tile",
      () => new Map(log.objects),
      ["checkpoint", TILE],
    ],
    ["that has grown, and has other partials", () => new Map(grown.objects), [TILE]],
  ])("reads a copy %s", async (_what, objectsOf, lost) => {
    const directory = logDirectory(log);
    damage(directory, log, BUNDLE, TILE, "tile/1/000.p/3", ...EDGE);
    const objects = objectsOf();
    for (const path of lost) objects.delete(path);
    const { url } = await startLogServer(objects);
    const report = await repair(log, directory, url);
    expect(report).toMatchObject({ faults: 0, repair: { repaired: 5, notRepaired: [] } });
    expect(differences(directory, log)).toEqual([]);
  });

  it("leaves alone what is beyond the tree, obsolete, not of the log, or private", async () => {
    const directory = logDirectory(log);
    writeTreeState(directory, log);
    writeFiles(directory, [
      ["tile/entries/004", "beyond"],
      ["tile/0/003.p/140", "beyond"],
      ["tile/1/000.p/2", "obsolete, and wrong"],
      ["tile/data/000", "of the other format"],
      ["tile/0/readme", "a note"],
      [".state/gcState", "damaged"],
    ]);
    const before = directoryContents(directory);
    damage(directory, log, BUNDLE);
    const report = await repair(log, directory, (await startLogServer(grown.objects)).url);
    expect(report.repair).toMatchObject({ repaired: 1, objects: [BUNDLE], notRepaired: [] });
    expect(report).toMatchObject({ faults: 5, repairable: 0 });
    expect(directoryContents(directory)).toEqual(before);
  });

  it("touches nothing of a sound log, and does not ask for the copy", async () => {
    const directory = logDirectory(log);
    const before = directoryContents(directory);
    const server = await startLogServer(log.objects);
    expect(await repair(log, directory, server.url)).toMatchObject({ faults: 0, repair: { repaired: 0 } });
    expect(server.requests).toEqual([]);
    expect(directoryContents(directory)).toEqual(before);
  });

  it("puts files in the place of links, and leaves what these lead to", async () => {
    const directory = logDirectory(log);
    const elsewhere = memoryDirectory();
    writeFiles(elsewhere, [
      ["soft", "of another log"],
      ["hard", "of a snapshot"],
    ]);
    const [soft, hard, dangling] = [BUNDLE, TILE, EDGE[1]].map((path) => join(directory, path));
    for (const file of [soft, hard, dangling]) fs.rmSync(file ?? "");
    fs.symlinkSync(join(elsewhere, "soft"), soft ?? "");
    fs.linkSync(join(elsewhere, "hard"), hard ?? "");
    fs.symlinkSync("../nowhere", dangling ?? "");
    const report = await repair(log, directory, logDirectory(log));
    expect(report).toMatchObject({ faults: 0, repair: { repaired: 3 } });
    expect(differences(directory, log)).toEqual([]);
    for (const file of [soft, dangling]) expect(fs.lstatSync(file ?? "").isFile()).toBe(true);
    expect(fs.readFileSync(join(elsewhere, "soft"), "utf8")).toBe("of another log");
    expect(fs.readFileSync(join(elsewhere, "hard"), "utf8")).toBe("of a snapshot");
  });

  it("follows no linked directory, removes no directory in the way of a file, and goes on with the others", async () => {
    const directory = logDirectory(log);
    const elsewhere = logDirectory(log);
    damage(elsewhere, log, "tile/0/000");
    const before = directoryContents(elsewhere);
    fs.rmSync(join(directory, "tile/0"), { recursive: true });
    fs.symlinkSync(join(elsewhere, "tile/0"), join(directory, "tile/0"));
    fs.rmSync(join(directory, BUNDLE));
    writeFiles(directory, [[`${BUNDLE}/kept`, "somebody's"]]);
    damage(directory, log, EDGE[1]);
    const { repair: done } = await repair(log, directory, logDirectory(log));
    expect(done).toMatchObject({ repaired: 1, objects: [EDGE[1]] });
    const problems = done?.notRepaired.map(({ path, problem }) => `${path}: ${problem}`) ?? [];
    expect(problems.find((text) => text.startsWith("tile/0/000"))).toMatch(/symbolic link/);
    expect(problems.find((text) => text.startsWith(BUNDLE))).toMatch(/is a directory where a file should be/);
    expect(directoryContents(elsewhere)).toEqual(before);
    expect(fs.existsSync(join(directory, BUNDLE, "kept"))).toBe(true);
  });

  it("that was killed is finished by the next, and leaves nothing behind", async () => {
    const directory = logDirectory(log);
    damage(directory, log, BUNDLE, TILE);
    const { replace } = PosixRepairs.prototype;
    const staged: string[] = [];
    vi.spyOn(PosixRepairs.prototype, "replace").mockImplementation(async function (
      this: PosixRepairs,
      path,
      bytes,
    ) {
      if (path === TILE) await replace.call(this, path, bytes);
      else throw new Error("killed");
    });
    vi.spyOn(PosixRepairs.prototype, "close").mockImplementation(async () => {
      staged.push(...fs.readdirSync(join(directory, ".tlog-migrate.tmp")));
    });
    const server = await startLogServer(log.objects);
    await expect(repair(log, directory, server.url)).rejects.toThrow("killed");
    expect(fs.readFileSync(join(directory, TILE))).toEqual(log.object(TILE));
    vi.restoreAllMocks();
    // As a process of another number would have left it, which does not run any more.
    const [own = ""] = staged;
    const gone = own.replace(/^\d+-\d*/, "999999-1");
    fs.renameSync(join(directory, ".tlog-migrate.tmp", own), join(directory, ".tlog-migrate.tmp", gone));
    writeFiles(directory, [[`.tlog-migrate.tmp/${gone}/half`, "half an object"]]);
    expect(await repair(log, directory, server.url)).toMatchObject({ faults: 0, repair: { repaired: 1 } });
    expect(filesBelow(directory)).toEqual([...log.objects.keys()].sort());
    expect(fs.existsSync(join(directory, ".tlog-migrate.tmp"))).toBe(false);
  });

  it("goes on in a live log that grows meanwhile, and puts no partial in the place that a full object has taken", async () => {
    const directory = logDirectory(log);
    writeTreeState(directory, log);
    damage(directory, log, BUNDLE, ...EDGE);
    const { replace } = PosixRepairs.prototype;
    const { read } = PosixRepairs.prototype;
    vi.spyOn(PosixRepairs.prototype, "read").mockImplementationOnce(async function (
      this: PosixRepairs,
      ...object
    ) {
      writeFiles(
        directory,
        [...grown.objects].filter(([path]) => path !== "checkpoint"),
      );
      damage(directory, log, BUNDLE);
      writeTreeState(directory, grown);
      for (const partial of EDGE) fs.rmSync(dirname(join(directory, partial)), { recursive: true });
      return await read.apply(this, object);
    });
    const replaced = vi.spyOn(PosixRepairs.prototype, "replace").mockImplementation(replace);
    const report = await repair(log, directory, (await startLogServer(log.objects)).url);
    expect(report).toMatchObject({ faults: 0, size: 900, repair: { repaired: 1, objects: [BUNDLE] } });
    expect(replaced.mock.calls.map(([path]) => path)).toEqual([BUNDLE]);
    for (const partial of EDGE) expect(fs.existsSync(dirname(join(directory, partial)))).toBe(false);
  });

  it("does not repair the same object over and over", async () => {
    const directory = logDirectory(log);
    damage(directory, log, BUNDLE);
    const { replace } = PosixRepairs.prototype;
    const replaced = vi.spyOn(PosixRepairs.prototype, "replace").mockImplementation(async function (
      this: PosixRepairs,
      path,
      bytes,
    ) {
      await replace.call(this, path, bytes);
      damage(directory, log, path);
    });
    const report = await repair(log, directory, logDirectory(log));
    expect(report).toMatchObject({ faults: 1, repair: { repaired: 1 } });
    expect(report.repair?.notRepaired[0]?.problem).toMatch(/was repaired, and is wrong again/);
    expect(replaced).toHaveBeenCalledTimes(1);
  });

  it("checks against its tree state a log that has no checkpoint yet", async () => {
    const target = join(memoryDirectory(), "target");
    const server = await startLogServer(log.objects);
    await migrateLog(log, server, target);
    const state = directoryContents(join(target, ".state"));
    damage(target, log, BUNDLE, EDGE[0]);
    const options = { policy: undefined };
    const damaged = await verify(log, target, options);
    expect(damaged).toMatchObject({ faults: 2, repairable: 2, copiedFrom: `${server.url}/` });
    const report = await repair(log, target, server.url, options);
    expect(report).toMatchObject({ authority: "treeState", faults: 0, repair: { repaired: 2 } });
    expect(differences(target, log)).toEqual([]);
    expect(directoryContents(join(target, ".state"))).toEqual(state);
  });

  it("reports a copy that cannot be reached as the failure that it is, with what was found", async () => {
    const directory = logDirectory(log);
    damage(directory, log, BUNDLE);
    const server = await startLogServer(log.objects);
    server.intercept(BUNDLE, (_request, response) => void response.writeHead(500).end());
    const report = await repair(log, directory, server.url);
    expect(report).toMatchObject({ faults: 1, repair: { repaired: 0, notRepaired: [] } });
    expect(report.repair?.failure).toMatchObject({ object: `${server.url}/${BUNDLE}` });
  });

  it("has no meaning where the log cannot be written, or where it comes from, and nothing is read", async () => {
    const server = await startLogServer(log.objects);
    const directory = logDirectory(log);
    for (const [place, from, words] of [
      [server.url, directory, /can only be read/],
      [`gzip+file://${directory}`, directory, /can only be read/],
      [directory, `file://${directory}`, /names the log itself/],
      [directory, "nowhere://log", /nowhere/],
    ] as const) {
      const failure = await failureOf(repair(log, place, from));
      expect(failure, `${place} from ${from}`).toBeInstanceOf(UsageError);
      expect(failure.message).toMatch(words);
    }
    expect(server.requests).toEqual([]);
    fs.symlinkSync(directory, join(memoryDirectory(), "link"));
    const link = join(memoryDirectory(), "link");
    fs.symlinkSync(directory, link);
    await expect(repair(log, directory, link)).rejects.toBeInstanceOf(TargetRefusedError);
  });

  it("is not for an unfinished copy, which `copy` repairs", async () => {
    const target = join(memoryDirectory(), "target");
    const server = await startLogServer(log.objects);
    await migrateLog(log, server, target, { handOver: false });
    const failure = await failureOf(repair(log, target, server.url));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(/unfinished migration.*`copy --recheck` repairs/);
  });
});
