/** Logs that live in files of another form, compressed or in zips, become the very directory that they came from. */

import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UsageError, VerificationError } from "../../../lib/errors.ts";
import { ZIP_SPAN } from "../../../storage/archive/layout.ts";
import { expectNotVerified, flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, failureOf, migrateLog } from "../../support/migration.ts";
import { writeArchive, writeSunlightDirectory } from "../../support/places/archive.ts";
import {
  differences,
  directoryContents,
  filesBelow,
  memoryDirectory,
  writeFiles,
} from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

/** A full level-1 tile, partial ones on three levels, a partial data tile. */
const SIZE = 65_536 + 256 + 17;

describe("a Static CT log", () => {
  const log = testLog({ format: "static-ct", size: SIZE });

  it.each([
    ["gzip+file", (directory: string) => writeSunlightDirectory(directory, log.objects)],
    ["archive+file", (directory: string) => writeArchive(directory, log, ZIP_SPAN)],
  ])("is copied from %s and verified there", async (scheme, write) => {
    const directory = memoryDirectory();
    write(directory);
    const before = directoryContents(directory);
    const url = `${scheme}://${directory}`;

    const target = memoryDirectory();
    const report = await migrateLog(log, { url }, target, { workers: 2 });
    expect(report).toMatchObject({ source: url, size: SIZE, retries: 0 });
    expect(differences(target, log)).toEqual([]);

    expect(await verify(log, url)).toMatchObject({ log: url, entries: SIZE, faults: 0 });
    expect(directoryContents(directory)).toEqual(before);
  });
});

describe("where an object is not what it should be", () => {
  const log = testLog({ format: "static-ct", size: 600 });

  it("a copy from an archive names the zip, and verify does not read it again", async () => {
    const directory = memoryDirectory();
    writeArchive(directory, log, ZIP_SPAN);
    const zip = join(directory, "000.zip");
    const bytes = fs.readFileSync(zip);
    const at = bytes.indexOf("tile/data/001");
    fs.writeFileSync(zip, flippedBit(bytes, at + 100));

    const url = `archive+file://${directory}`;
    const failure = await failureOf(migrateLog(log, { url }, memoryDirectory()));
    expect(failure).toBeInstanceOf(VerificationError);
    expect(failure.message).toContain(`tile/data/001 (${zip}: tile/data/001): `);
    expect(failure.message).toMatch(/000\.zip says/);
    const { findings, retries } = await verify(log, url);
    expect(findings.map(({ path }) => path)).toEqual(["tile/data/001"]);
    expect(retries).toBe(0);
  });

  it("a copy from an archive without one of its zips says which", async () => {
    const directory = memoryDirectory();
    writeArchive(directory, log, ZIP_SPAN);
    fs.renameSync(join(directory, "000.zip"), join(directory, "001.zip"));
    const failure = await failureOf(
      migrateLog(log, { url: `archive+file://${directory}` }, memoryDirectory()),
    );
    expect(failure.message).toContain("001.zip has a member that belongs in 000.zip");
  });

  it("a copy of a plain directory that is said to be compressed says what to write instead", async () => {
    const directory = memoryDirectory();
    writeFiles(directory, log.objects);
    const target = memoryDirectory();
    const copying = migrateLog(log, { url: `gzip+file://${directory}` }, target);
    await expectFailure(copying, UsageError, `Name it as file://${directory}`);
    expect(filesBelow(target)).toEqual([]);
  });

  it("a copy or a verification of a compressed directory that is named as a plain one says what to write instead", async () => {
    const directory = memoryDirectory();
    writeSunlightDirectory(directory, log.objects);
    await expectNotVerified(
      migrateLog(log, { url: directory }, memoryDirectory()),
      `name the log as gzip+file://${directory}`,
    );
    const report = await verify(log, directory);
    expect(pathsOf(report)).toEqual(["tile/data/000", "tile/data/001", "tile/data/002.p/88"]);
    for (const { problem } of report.findings) expect(problem).toContain(`gzip+file://${directory}`);
  });
});
