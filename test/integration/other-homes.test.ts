/** Logs that live in files of another form become the very directory that they came from. */

import { describe, expect, it } from "vitest";
import { VerificationFailure } from "../../lib/tlog/errors.ts";
import { writeSunlightDirectory } from "../support/archive.ts";
import { differences, directoryContents, memoryDirectory, writeFiles } from "../support/directory.ts";
import { testLog } from "../support/log.ts";
import { failureOf, migrateLog } from "../support/migration.ts";
import { verify } from "../support/verification.ts";

/** A full level-1 tile, partial ones on three levels, a partial data tile. */
const SIZE = 65_536 + 256 + 17;

describe("a Static CT log", () => {
  const log = testLog({ format: "static-ct", size: SIZE });

  it.each([["gzip+file", (directory: string) => writeSunlightDirectory(directory, log.objects)]])(
    "is copied from %s and verified there",
    async (scheme, write) => {
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
    },
  );
});

describe("where an object is not what it should be", () => {
  const log = testLog({ format: "static-ct", size: 600 });

  it("a copy of a plain directory that is said to be compressed says what to write instead", async () => {
    const directory = memoryDirectory();
    writeFiles(directory, log.objects);
    const failure = await failureOf(migrateLog(log, { url: `gzip+file://${directory}` }, memoryDirectory()));
    expect(failure).toBeInstanceOf(VerificationFailure);
    expect(failure.message).toContain(`where they are plain, name the log as file://${directory}`);
  });
});
