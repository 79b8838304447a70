/** Places that a copy must not write, though they look empty or ours: links, nests, strangers' files. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { OperationError, TargetRefusedError } from "../../../../lib/errors.ts";
import { PosixTarget } from "../../../../storage/posix/target.ts";
import { startLogServer } from "../../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { abandonTarget, expectFailure, failureOf, migrateLog, newCopy } from "../../../support/migration.ts";
import { expectKilled, runMigration } from "../../../support/migration-process.ts";
import {
  directoryContents,
  filesBelow,
  logDirectory,
  memoryDirectory,
  versionOf,
  writeFiles,
} from "../../../support/places/directory.ts";

const log = testLog({ size: 70_000, entrySize: 4 });

async function expectRefused(source: string, target: string, adopt = true): Promise<void> {
  const failure = await failureOf(migrateLog(log, { url: source }, target, { adopt }));
  expect(failure).toBeInstanceOf(TargetRefusedError);
  expect(versionOf(target), "a place that is refused is not claimed").toBeUndefined();
}

test("files and directories are 0644 and 0755, whatever the umask of the program that uses the library", async () => {
  const target = join(memoryDirectory(), "target");
  const wrapper = ["sh", "-c", 'umask 077 && exec "$0" "$@"'];
  expect(await runMigration(log, { url: logDirectory(log) }, target, { wrapper })).toMatchObject({
    kind: "done",
  });
  const paths = readdirSync(target, { recursive: true, encoding: "utf8" });
  expect(paths).toEqual(expect.arrayContaining(["tile/1/000", ".state/treeState"]));
  const odd = ["", ...paths].filter((path) => {
    const stat = statSync(join(target, path));
    return (stat.mode & 0o777) !== (stat.isDirectory() ? 0o755 : 0o644);
  });
  expect(odd).toEqual([]);
});

test("a target whose tiles are a link to the source leaves the source as it is", async () => {
  const source = logDirectory(log);
  const before = directoryContents(source);
  const linked = memoryDirectory();
  symlinkSync(join(source, "tile"), join(linked, "tile"));
  await expectRefused(source, linked);

  const linkedDeeper = memoryDirectory();
  mkdirSync(join(linkedDeeper, "tile"));
  symlinkSync(join(source, "tile/1"), join(linkedDeeper, "tile/1"));
  await expectRefused(source, linkedDeeper);

  const linkedFiles = memoryDirectory();
  mkdirSync(join(linkedFiles, "tile/entries"), { recursive: true });
  symlinkSync(join(source, "tile/entries/000"), join(linkedFiles, "tile/entries/000"));
  await expectRefused(source, linkedFiles);

  const linkedBehindOthers = memoryDirectory();
  writeFiles(linkedBehindOthers, [["tile/0/000", log.object("tile/0/000")]]);
  symlinkSync(join(source, "tile/0"), join(linkedBehindOthers, "tile/0/x001"));
  await expectRefused(source, linkedBehindOthers);
  expect(directoryContents(source)).toEqual(before);
});

test("a target whose issuers are a link to another log leaves that log as it is: new, resumed and adopted", async () => {
  const ct = testLog({ size: 300, format: "static-ct" });
  const server = await startLogServer(ct.objects);
  const other = logDirectory(testLog({ size: 10, format: "static-ct", seed: "other" }));
  const resumed = memoryDirectory();
  await migrateLog(ct, server, resumed, { handOver: false });
  rmSync(join(resumed, "issuer"), { recursive: true });
  const adopted = memoryDirectory();
  writeFiles(adopted, [["tile/data/000", ct.object("tile/data/000")]]);
  const before = directoryContents(other);
  for (const [target, adopt] of [
    [memoryDirectory(), false],
    [resumed, false],
    [adopted, true],
  ] as const) {
    for (const place of ["issuer", "nowhere"]) {
      symlinkSync(join(other, place), join(target, "issuer"));
      const found = filesBelow(target);
      await expectFailure(
        migrateLog(ct, server, target, { adopt }),
        TargetRefusedError,
        `${join(target, "issuer")}: is a symbolic link`,
      );
      expect(filesBelow(target)).toEqual(found);
      rmSync(join(target, "issuer"));
    }
  }
  expect(directoryContents(other)).toEqual(before);
});

test("a target inside the source, or inside any other log, is refused and untouched", async () => {
  const source = logDirectory(log);
  const before = directoryContents(source);
  for (const nested of ["tile", "tile/entries", "new", "new/deeper"]) {
    await expectRefused(source, join(source, nested));
  }
  const link = join(memoryDirectory(), "link");
  symlinkSync(source, link);
  await expectRefused(source, join(link, "new"));
  expect(directoryContents(source)).toEqual(before);
});

test("a target whose state is a link into the source leaves the source as it is", async () => {
  const source = logDirectory(log);
  writeFiles(source, [[".state/other", "the source's"]]);
  const before = directoryContents(source);
  for (const linked of [".state", "tile", ".state/tlog-migrate.tmp", ".state/version"]) {
    const target = memoryDirectory();
    mkdirSync(join(target, ".state"));
    rmSync(join(target, linked), { recursive: true, force: true });
    symlinkSync(join(source, linked), join(target, linked));
    await expectFailure(
      migrateLog(log, { url: source }, target),
      TargetRefusedError,
      `${join(target, linked)}: is a symbolic link`,
    );
  }
  expect(directoryContents(source)).toEqual(before);
});

test("a target that is the source, or around it, is refused by whatever URL and link they are named", async () => {
  const options = { adopt: true, targetOptions: { intoExisting: true } };
  for (const form of ["", "file://", "gzip+file://"]) {
    const base = memoryDirectory();
    const source = join(base, "log");
    writeFiles(source, testLog({ size: 600, entrySize: 4, gzip: form.startsWith("gzip") }).objects);
    const link = join(memoryDirectory(), "link");
    symlinkSync(base, link);
    const before = directoryContents(base);
    for (const path of [source, join(link, "log")]) {
      for (const target of [base, link, source, join(link, "log"), join(source, "new")]) {
        await expectFailure(
          migrateLog(log, { url: form + path }, target, options),
          TargetRefusedError,
          /: (?:is|is inside|contains) the source's (?:own )?directory/,
        );
      }
    }
    expect(directoryContents(base)).toEqual(before);
  }
});

const canMount = spawnSync("unshare", ["-rm", "true"]).status === 0;

test.runIf(canMount)("a target that shares files with the source through a mount is refused", async () => {
  const source = logDirectory(log);
  mkdirSync(join(source, "empty"));
  const before = directoryContents(source);
  const base = memoryDirectory();
  const mounted = (from: string, to: string) => {
    mkdirSync(join(base, to), { recursive: true });
    const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
    return ["unshare", "-rm", "sh", "-c", script, "sh", from, join(base, to)];
  };
  for (const [from, to, target] of [
    [source, "same", "same"],
    [join(source, "empty"), "inside", "inside"],
    [join(source, "empty"), "around", "around/deeper"],
    [join(source, "tile"), "part/tile", "part"],
    [join(source, "empty"), "state/.state", "state"],
    [join(source, "empty"), "seals/tile/1", "seals"],
  ] as const) {
    const wrapper = mounted(from, to);
    const overrides = { adopt: true };
    const result = await runMigration(log, { url: source }, join(base, target), { wrapper, overrides });
    expect(result, target).toMatchObject({ kind: "failed", name: "TargetRefusedError" });
    expect(JSON.stringify(result), target).toMatch(/source's (?:own )?directory/);
  }
  expect(directoryContents(source)).toEqual(before);
});

test("--adopt is offered where a part of a log stands, and only there", async () => {
  const { server, target } = await newCopy(log);
  mkdirSync(join(target, "tile/0"), { recursive: true });
  writeFileSync(join(target, "tile/0/README"), "not a tile");
  await expectFailure(
    migrateLog(log, server, target),
    TargetRefusedError,
    /not part of a log, for example tile\/0\/README\. Choose an empty target$/,
  );
  writeFileSync(join(target, "tile/0/zzz"), "not a tile either");
  writeFileSync(join(target, "tile/0/000"), log.object("tile/0/000"));
  const half = await failureOf(migrateLog(log, server, target));
  expect(half.message).toMatch(/tiles that tlog-migrate did not write, for example tile\/0\/000\..*--adopt/);
});

test("a checkpoint that appears while the copy is unfinished is not handed over", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  writeFileSync(join(target, "checkpoint"), "garbage");
  const asked = server.requests.length;
  await expectFailure(migrateLog(log, server, target), TargetRefusedError, "checkpoint appeared");
  const paths = server.requests.slice(asked).map(({ path }) => path);
  expect(paths, "it is told before anything is copied").toEqual(["checkpoint"]);
  expect(versionOf(target)).toMatch(/^migration-in-progress /);
  rmSync(join(target, "checkpoint"));
  expect((await migrateLog(log, server, target)).outcome).toBe("handed-over");
});

test("a directory where log software will write an object is found before the handover", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  mkdirSync(join(target, "tile/entries/300"));
  const failure = await failureOf(migrateLog(log, server, target));
  expect(failure.message).toContain("tile/entries/300: is beyond size 70,000");
});

test("a handover that was broken off, and taken back, goes on to the size that the source has grown to", async () => {
  const { server, target } = await newCopy(log);
  await expectKilled(log, server, target, "after", "link", ".state/treeState");
  server.objects = log.atSize(70_300).objects;
  await expectFailure(migrateLog(log, server, target), TargetRefusedError, "without --handover");
  await abandonTarget(target);
  expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over", size: 70_300 });
});

test("what a seal hides is mended as the failure says: without the seal, by the same command", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  rmSync(join(target, "tile/entries/005"));
  const seal = join(target, "tile/1/000");
  expect((await failureOf(migrateLog(log, server, target))).message).toContain(`remove its seal ${seal}`);
  rmSync(seal);
  expect((await migrateLog(log, server, target)).outcome).toBe("handed-over");
});

test("a place without room for the log is told so before anything is copied", async () => {
  const { server, target } = await newCopy(log);
  const room = vi.spyOn(PosixTarget.prototype, "requireFreeSpace");
  room.mockRejectedValue(new OperationError({ object: target, problem: "too little free space" }));
  await expectFailure(migrateLog(log, server, target), OperationError, "too little free space");
  expect(room).toHaveBeenCalledWith({ bytes: 273 * (256 * 6 + 8_192), objects: 2 * 273 });
  expect(filesBelow(target).filter((path) => path.startsWith("tile/"))).toEqual([]);
});

test("a copy that is complete but for the handover needs no room, and of the source its first bundle", async () => {
  const { server, target } = await newCopy(log);
  cpSync(logDirectory(log), target, { recursive: true });
  rmSync(join(target, "checkpoint"));
  const before = server.requests.length;
  expect((await migrateLog(log, server, target, { adopt: true })).outcome).toBe("handed-over");
  const bundles = server.requests.slice(before).filter(({ path }) => path.startsWith("tile/entries/"));
  expect(bundles.map(({ path }) => path)).toEqual(["tile/entries/000"]);
});

test("a size that no source can hold is refused in order, not by running out of memory", async () => {
  const objects = new Map([
    [
      "checkpoint",
      Buffer.from(`log.example/huge\n${2 ** 53 - 1}\n${"A".repeat(43)}=\n\n— x ${"A".repeat(96)}\n`),
    ],
  ]);
  const server = await startLogServer(objects);
  const options = { policy: { insecureNoSignature: true } } as const;
  const failure = await failureOf(migrateLog(log, server, memoryDirectory(), options));
  expect(failure.message).toMatch(/^tile\/\d\/.*is missing/);
});
