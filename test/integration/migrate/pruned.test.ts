/** A pruned log is moved with what it has: nothing that it must have may be missing, and what is missing is reported. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OperationError, UsageError, VerificationError } from "../../../lib/errors.ts";
import { parseRecord } from "../../../lib/migrate/target/marker.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { prunedLog } from "../../support/logs/pruned-log.ts";
import { expectFailure, failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import {
  differences,
  logDirectory,
  memoryDirectory,
  versionOf,
  writeFiles,
} from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

const log = testLog({ size: 900, entrySize: 30 });

function recordOf(target: string) {
  return parseRecord(readFileSync(join(target, ".state/tlog-migrate.json"), "utf8"), "record");
}

describe("what a pruned log has is copied, and all that it must have", () => {
  test.each([
    [1, 1],
    [255, 255],
    [256, 256],
    [900, 0],
    [900, 256],
    [900, 700],
    [900, 768],
    [900, 900],
  ])("%i entries, of which those below %i may be gone", async (size, minIndex) => {
    const whole = log.atSize(size);
    const left = prunedLog(whole, minIndex);
    const target = memoryDirectory();
    const report = await migrateLog(whole, { url: logDirectory(left) }, target, { minIndex });
    const absentEntries = Math.floor(minIndex / 256) * 256;
    // Precisely what is missing, not what might have been.
    const pruned = absentEntries === 0 ? undefined : { minIndex: absentEntries, absentEntries };
    expect(report).toMatchObject({ outcome: "handed-over", entries: size - absentEntries });
    expect(report.pruned).toEqual(pruned);
    expect(differences(target, left)).toEqual([]);
    expect(recordOf(target)).toMatchObject(pruned ?? { minIndex: 0, absentEntries: 0 });
    const verified = await verify(whole, target, { policy: undefined });
    expect(verified).toMatchObject({ faults: 0, entries: size - absentEntries });
    expect(verified.pruned).toEqual(pruned);
    const strict = await verify(whole, target, { policy: undefined, minIndex: 0 });
    expect(strict.faults > 0).toBe(absentEntries > 0);
  });
});

test("a minimum index beyond the log is a usage error, and nothing is written", async () => {
  const { server, target } = await newCopy(log);
  await expectFailure(
    migrateLog(log, server, target, { minIndex: 901 }),
    UsageError,
    /--min-index.*at most 900/,
  );
  expect(versionOf(target)).toBeUndefined();
  await expect(verify(log, logDirectory(log), { minIndex: 901 })).rejects.toThrow(UsageError);
});

test("without the option nothing may be missing, and the way out is said", async () => {
  const { server, target } = await newCopy(prunedLog(log, 512));
  await expectFailure(
    migrateLog(log, server, target),
    VerificationError,
    /entries\/000.*is missing.*--min-index/,
  );
  expect(versionOf(target)).toBeUndefined();
  const below = migrateLog(log, server, target, { minIndex: 511 });
  await expectFailure(below, VerificationError, /entries\/001.*is missing.*--min-index/);
});

describe("what is below the minimum index and exists is copied", () => {
  test.each<[string, (path: string) => boolean]>([
    ["tiles whose bundles are gone", (path) => path.startsWith("tile/0/")],
    ["bundles whose tiles are gone", (path) => path.startsWith("tile/entries/")],
    ["all of it", () => true],
  ])("%s", async (_what, keeps) => {
    const { server, target } = await newCopy(prunedLog(log, 700, keeps));
    const report = await migrateLog(log, server, target, { minIndex: 700 });
    // A tile follows from its bundle.
    const expected = prunedLog(log, 700, (path) => keeps(path) || keeps(path.replace("/0/", "/entries/")));
    expect(differences(target, expected)).toEqual([]);
    expect(report.pruned).toEqual(
      keeps("tile/entries/000") ? undefined : { minIndex: 512, absentEntries: 512 },
    );
    expect(await verify(log, target, { policy: undefined })).toMatchObject({ faults: 0 });
  });

  test("also with tiles that are fetched", async () => {
    const { server, target } = await newCopy(prunedLog(log, 700, (path) => path.startsWith("tile/entries/")));
    await migrateLog(log, server, target, { minIndex: 700, tiles: "fetch" });
    expect(differences(target, log)).toEqual([]);
  });
});

describe("only a definite answer, given twice, says that an object is gone", () => {
  const left = prunedLog(log, 256);

  test.each([403, 404, 410])("status %i", async (status) => {
    const { server, target } = await newCopy(left);
    server.intercept(
      (path) => !left.objects.has(path),
      (_request, response) => {
        response.writeHead(status).end();
      },
    );
    const report = await migrateLog(log, server, target, { minIndex: 256 });
    expect(report.pruned).toEqual({ minIndex: 256, absentEntries: 256 });
    expect(differences(target, left)).toEqual([]);
  });

  test.each([401, 429, 500])("status %i says nothing of it", async (status) => {
    const { server, target } = await newCopy(log);
    server.intercept("tile/entries/000", (_request, response) => void response.writeHead(status).end());
    await expectFailure(migrateLog(log, server, target, { minIndex: 256 }), OperationError, /./);
    expect(differences(target, log)).not.toEqual([]);
  });

  test("a cache's old answer does not", async () => {
    const { server, target } = await newCopy(log);
    server.intercept(
      (path) => path.startsWith("tile/entries/"),
      async ({ headers }, response, next) => {
        if (headers["cache-control"] === "no-cache") return await next();
        response.writeHead(404).end();
      },
    );
    expect((await migrateLog(log, server, target, { minIndex: 700 })).pruned).toBeUndefined();
    expect(differences(target, log)).toEqual([]);
  });

  test("nor does it say so of bad bytes, nor above the minimum index", async () => {
    const { server, target } = await newCopy(log);
    server.objects = new Map([...log.objects, ["tile/entries/000", log.object("tile/entries/001")]]);
    await expectFailure(
      migrateLog(log, server, target, { minIndex: 700 }),
      VerificationError,
      /entries\/000/,
    );
    server.objects = prunedLog(log, 768).objects;
    await expectFailure(
      migrateLog(log, server, memoryDirectory(), { minIndex: 767 }),
      VerificationError,
      /entries\/002/,
    );
  });
});

test("gaps behind what exists are pointed out", async () => {
  const notices: string[] = [];
  const notice = (line: string) => notices.push(line);
  const holes = prunedLog(log, 700, (path) => path.endsWith("/000"));
  const { server, target } = await newCopy(holes);
  const report = await migrateLog(log, server, target, { minIndex: 700, handOver: false, notice });
  expect(report.pruned).toEqual({ minIndex: 512, absentEntries: 256 });
  expect(notices.join("\n")).toMatch(/missing after some that exist/);
  notices.length = 0;
  await migrateLog(log, { url: logDirectory(prunedLog(log, 700)) }, memoryDirectory(), {
    minIndex: 700,
    notice,
  });
  expect(notices).toEqual([]);
});

describe("a source's own file is believed where the operator says so, and reported", () => {
  const left = prunedLog(log, 512);
  const serving = (text: string) =>
    newCopy({ objects: new Map([...left.objects, ["min_index", Buffer.from(text)]]) });

  test.each(["512", "512\n", "700\n"])("%j", async (text) => {
    const { server, target } = await serving(text);
    const notices: string[] = [];
    const notice = (line: string) => notices.push(line);
    const report = await migrateLog(log, server, target, { minIndex: "source", notice });
    expect(report.pruned).toEqual({ minIndex: 512, absentEntries: 512 });
    expect(notices.join("\n")).toContain(`min_index says ${text.trim()}, which nothing authenticates`);
    expect(differences(target, left)).toEqual([]);
    const verified = await verify(log, server.url, { minIndex: "source" });
    expect(verified).toMatchObject({ faults: 0, pruned: { absentEntries: 512 } });
  });

  test("never without that", async () => {
    const { server, target } = await serving("512\n");
    await expectFailure(migrateLog(log, server, target), VerificationError, /is missing/);
    expect(server.requestCount("min_index")).toBe(0);
  });

  test.each([
    "-1\n",
    "901\n",
    "9007199254740992",
    "1e2\n",
    "0x10",
    "512 \n",
    "512\n512\n",
    "",
    "five",
    "<!doctype html><html><head><title>Not found</title></head></html>",
    "9".repeat(100_000),
  ])("and refused if it says %j", async (text) => {
    const { server, target } = await serving(text);
    const failure = await failureOf(migrateLog(log, server, target, { minIndex: "source" }));
    expect(failure.message).toMatch(/^(min_index \()?http.*min_index/);
    expect(failure.message.length).toBeLessThan(500);
    expect(failure).toBeInstanceOf(text === "901\n" ? UsageError : VerificationError);
    expect(versionOf(target)).toBeUndefined();
  });

  test("and asked for if there is none", async () => {
    const { server, target } = await newCopy(left);
    const failure = await failureOf(migrateLog(log, server, target, { minIndex: "source" }));
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(/min_index: does not exist.*Pass --min-index with/);
  });
});

test.each(["tile/entries/000", "tile/0/000"])(
  "wrong bytes at %s, which nothing can replace, are not kept silently",
  async (path) => {
    const source = { url: logDirectory(prunedLog(log, 256)) };
    const target = memoryDirectory();
    await migrateLog(log, source, target, { minIndex: 256, handOver: false });
    writeFiles(target, [[path, log.object(path.replace("000", "001"))]]);
    await expectFailure(migrateLog(log, source, target, { minIndex: 256 }), VerificationError, path);
    // One that has it repairs it.
    await migrateLog(log, { url: logDirectory(log) }, target);
    expect(differences(target, log)).toEqual([]);
  },
);
