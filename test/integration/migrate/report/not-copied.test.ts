/** A copy reports what else the source has, where that can be listed. */

import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ZIP_SPAN } from "../../../../storage/archive/layout.ts";
import { PosixSource } from "../../../../storage/posix/source.ts";
import { startLogServer } from "../../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { migrateLog } from "../../../support/migration.ts";
import { writeArchive } from "../../../support/places/archive.ts";
import { logDirectory, memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

const log = testLog({ size: 700, entrySize: 20 });
const older = testLog({ size: 300, entrySize: 20 });

/** Partials of an earlier tree, and files of other software. */
const OTHERS = new Map<string, Buffer>([
  ...[...older.objects].filter(([path]) => path.includes(".p/")),
  ["tile/names/000", Buffer.alloc(100)],
  ["log.v3.json", Buffer.alloc(20)],
  ["_roots.pem", Buffer.alloc(3)],
]);

describe("of a directory", () => {
  test("obsolete partials, objects that nothing commits to, and their bytes", async () => {
    const source = logDirectory(log);
    writeFiles(source, OTHERS);
    symlinkSync("/", join(source, "everything"));
    const { notCopied } = await migrateLog(log, { url: source }, memoryDirectory());
    const partials = [...OTHERS.keys()].filter((path) => path.includes(".p/"));
    expect(partials.length).toBeGreaterThan(1);
    expect(notCopied).toMatchObject({
      obsoletePartials: partials.length,
      otherObjects: 3,
      bytes: [...OTHERS.values()].reduce((sum, { length }) => sum + length, 0),
      isIncomplete: false,
    });
    expect([...(notCopied?.examples ?? [])].sort()).toEqual(["_roots.pem", "log.v3.json", "tile/names/000"]);
  });

  test("nothing where it has nothing else", async () => {
    const { notCopied } = await migrateLog(log, { url: logDirectory(log) }, memoryDirectory());
    expect(notCopied).toEqual({
      obsoletePartials: 0,
      otherObjects: 0,
      bytes: 0,
      examples: [],
      isIncomplete: false,
    });
  });

  test("issuers that no entry names, and no others", async () => {
    const certificates = testLog({ size: 300, format: "static-ct" });
    const source = logDirectory(certificates);
    writeFiles(source, new Map([[`issuer/${"0".repeat(64)}`, Buffer.alloc(7)]]));
    const { notCopied } = await migrateLog(certificates, { url: source }, memoryDirectory());
    expect(notCopied).toMatchObject({ otherObjects: 1, bytes: 7 });
  });
});

test("of an archive, what its zips have besides the log, each once", async () => {
  const certificates = testLog({ size: 300, format: "static-ct" });
  const objects = new Map([...certificates.objects, ["log.v3.json", Buffer.alloc(20)]]);
  const directory = memoryDirectory();
  writeArchive(directory, { ...certificates, objects }, ZIP_SPAN);
  const source = { url: `archive+${pathToFileURL(directory).href}` };
  const { notCopied } = await migrateLog(certificates, source, memoryDirectory());
  expect(notCopied).toMatchObject({
    obsoletePartials: 0,
    otherObjects: 1,
    bytes: 20,
    examples: ["log.v3.json"],
  });
});

test("what cannot be listed is reported, and the copy is done all the same", async () => {
  const source = logDirectory(log);
  const listing = vi.spyOn(PosixSource.prototype, "listOthers");
  onTestFinished(() => listing.mockRestore());
  listing.mockImplementation(async function* () {
    yield { path: "more", bytes: 1 };
    throw new Error("it is gone");
  });
  const notices: string[] = [];
  const notice = (line: string) => void notices.push(line);
  const report = await migrateLog(log, { url: source }, memoryDirectory(), { notice });
  expect(report.outcome).toBe("handed-over");
  expect(report).not.toHaveProperty("notCopied");
  expect(notices).toContain(`The objects in ${source} that were not copied could not be counted: it is gone`);
});

test("a source on the network is not listed", async () => {
  const report = await migrateLog(log, await startLogServer(log.objects), memoryDirectory());
  expect(report).not.toHaveProperty("notCopied");
});
