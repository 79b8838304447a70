/** Logs in the old serverless layout become logs of tlog-tiles, and are verified in place. */

import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UsageError, VerificationError } from "../../../lib/errors.ts";
import { entryPath, tilePathOf } from "../../../storage/serverless/layout.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, flippedBit, notFound } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { inOldLayout } from "../../support/logs/serverless-log.ts";
import { expectFailure, FAST_RETRY, failureOf, migrateLog } from "../../support/migration.ts";
import { killedAfter, startMigration } from "../../support/migration-process.ts";
import {
  differences,
  directoryContents,
  filesBelow,
  logDirectory,
  memoryDirectory,
} from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

const log = testLog({ size: 700, entrySize: 30 });
const BUSY = entryPath(300);

function directoryOf(one: TestLog): { root: string; url: string } {
  const root = logDirectory({ objects: inOldLayout(one) });
  return { root, url: `serverless+file://${root}` };
}

async function serverOf(one: TestLog) {
  const server = await startLogServer(inOldLayout(one));
  return { server, url: `serverless+${server.url}` };
}

test.each([0, 1, 2, 255, 256, 257, 700])(
  "a log of %i entries is copied from a directory, and verified there",
  async (size) => {
    const one = log.atSize(size);
    const { root, url } = directoryOf(one);
    const before = directoryContents(root);
    const target = memoryDirectory();
    const report = await migrateLog(one, { url }, target);
    expect(report).toMatchObject({ outcome: "handed-over", source: url, size, entries: size, requests: 0 });
    expect(differences(target, one)).toEqual([]);
    expect(await verify(one, url)).toMatchObject({ log: url, entries: size, faults: 0 });
    expect(directoryContents(root)).toEqual(before);
  },
);

test("a log is copied over HTTP, each entry by a request of its own, which counts in the limit", async () => {
  const { server, url } = await serverOf(log);
  let [atOnce, most] = [0, 0];
  server.intercept(
    () => true,
    async (_request, response, next) => {
      most = Math.max(most, ++atOnce);
      response.on("close", () => atOnce--);
      await next();
    },
  );
  const target = memoryDirectory();
  const report = await migrateLog(log, { url }, target, { concurrency: 3, tiles: "fetch" });
  expect(differences(target, log)).toEqual([]);
  // The first bundle is read before anything is claimed, and one entry is looked for beyond the tree.
  expect(report.requests).toBe(server.requests.length);
  expect(server.requests.filter(({ path }) => path.startsWith("seq/")).length).toBe(700 + 256 + 1);
  expect(most).toBeLessThanOrEqual(3);
  expect(await verify(log, url)).toMatchObject({ entries: 700, faults: 0 });
});

test("where one request in twenty fails, no entry is read again that has come", async () => {
  const { server, url } = await serverOf(log);
  const answered: string[] = [];
  let requests = 0;
  server.intercept(
    (path) => path.startsWith("seq/"),
    async ({ path }, response, next) => {
      if (requests++ % 20 === 19) return void response.writeHead(503, { "content-length": "0" }).end();
      answered.push(path);
      await next();
    },
  );
  const target = memoryDirectory();
  await migrateLog(log, { url }, target, { retry: { ...FAST_RETRY, attempts: 5 } });
  expect(differences(target, log)).toEqual([]);
  // The first bundle is also read before anything is claimed.
  // And the entry behind the last is looked for.
  const afterFirst = Array.from({ length: 701 - 256 }, (_, i) => entryPath(256 + i));
  expect(answered.filter((path) => path >= entryPath(256)).sort()).toEqual(afterFirst);
});

test("a copy that is killed goes on where it stopped", async () => {
  const { server, url } = await serverOf(log);
  const target = memoryDirectory();
  // After the first bundle, which is read twice, and in the second.
  const killed = await killedAfter(256 * 2 + 150, server, () => startMigration(log, { url }, target));
  expect(killed).toEqual({ kind: "killed" });
  const report = await migrateLog(log, { url }, target);
  expect(report.outcome).toBe("handed-over");
  expect(differences(target, log)).toEqual([]);
});

test("a full tile of level 1 and a partial one of level 2 give the tree", async () => {
  const large = testLog({ size: 65_536 + 256 + 1, entrySize: 4 });
  const tiles = [...large.objects].filter(([path]) => !path.startsWith("tile/entries/"));
  const objects = inOldLayout({ objects: new Map(tiles) });
  const report = await verify(large, `serverless+file://${logDirectory({ objects })}`, { workers: 1 });
  // All entries are missing, and nothing else.
  expect(report.faults).toBe(258);
  expect(new Set(pathsOf(report).map((path) => path.slice(0, 13)))).toEqual(new Set(["tile/entries/"]));
});

describe("what is wrong at the source is found before it is stored", () => {
  async function failureWith(
    path: string,
    bytes: Buffer | undefined,
  ): Promise<{ failure: Error; target: string }> {
    const { server, url } = await serverOf(log);
    server.intercept(path, bytes === undefined ? notFound : answerWith(bytes));
    const target = memoryDirectory();
    return { failure: await failureOf(migrateLog(log, { url }, target)), target };
  }

  test("a wrong entry is named, by the help of the source's own tile", async () => {
    const { failure, target } = await failureWith(BUSY, flippedBit(log.leaf(300), 3));
    expect(failure).toBeInstanceOf(VerificationError);
    expect(failure.message).toMatch(
      /^tile\/entries\/001 \(.*\/seq\/00\/00\/00\/01\/00 and up to .*: has a wrong entry, 300 \(seq\/00\/00\/00\/01\/2c\)/,
    );
    expect(filesBelow(join(target, "tile/entries"))).not.toContain("001");
  });

  test("a missing entry is named", async () => {
    const { failure } = await failureWith(BUSY, undefined);
    expect(failure).toBeInstanceOf(VerificationError);
    expect(failure.message).toMatch(/^seq\/00\/00\/00\/01\/2c \(http:.*: is missing/);
  });

  test("an entry that is too large is named", async () => {
    const { failure } = await failureWith(BUSY, Buffer.alloc(65_536));
    expect(failure.message).toMatch(
      /^seq\/00\/00\/00\/01\/2c .*: is entry 300, which is larger .*at most 65,535/,
    );
  });

  test("an entry that is too large is named in a directory before anything is claimed, and verify reports it", async () => {
    const { root, url } = directoryOf(log);
    fs.writeFileSync(join(root, BUSY), Buffer.alloc(70_000));
    const target = memoryDirectory();
    const message = `${join(root, BUSY)}: is entry 300, which is larger than tlog-tiles allows`;
    await expectFailure(migrateLog(log, { url }, target), UsageError, message);
    expect(filesBelow(target)).toEqual([]);
    const { findings } = await verify(log, url);
    expect(findings).toEqual([
      { path: "tile/entries/001", problem: expect.stringContaining("is entry 300, which is larger") },
    ]);
  });

  test.each([tilePathOf({ level: 0, index: 2, width: 188 }), tilePathOf({ level: 1, index: 0, width: 2 })])(
    "a wrong tile of the right edge, %s",
    async (path) => {
      const bytes = inOldLayout(log).get(path) as Buffer;
      const wrong = Buffer.from(bytes.toString().replace(/\n[A-Za-z]/g, "\n+"));
      const { failure, target } = await failureWith(path, wrong);
      expect(failure).toBeInstanceOf(VerificationError);
      expect(failure.message).toContain("do not give the checkpoint's root");
      expect(filesBelow(target)).toEqual([]);
    },
  );

  test("verify reports every entry and tile that is wrong, by its bundle", async () => {
    const { root, url } = directoryOf(log);
    fs.writeFileSync(join(root, entryPath(1)), "wrong");
    fs.rmSync(join(root, entryPath(257)));
    const tile = join(root, tilePathOf({ level: 0, index: 1, width: 256 }));
    fs.writeFileSync(tile, fs.readFileSync(tile, "utf8").replace("\n256\n", "\n255\n"));
    const report = await verify(log, url);
    expect(report.findings).toEqual([
      { path: "tile/0/001", problem: expect.stringContaining("is not a tile of the serverless layout") },
      { path: "tile/entries/000", problem: expect.stringContaining("wrong entry, 1 (seq/00/00/00/00/01)") },
      { path: "tile/entries/001", problem: expect.stringContaining("seq/00/00/00/01/01 ") },
    ]);
  });
});

test("where a log may be pruned, a bundle that lacks an entry is one that is absent", async () => {
  const { root, url } = directoryOf(log);
  fs.rmSync(join(root, entryPath(7)));
  const target = memoryDirectory();
  await migrateLog(log, { url }, target, { minIndex: 256, handOver: false });
  expect(differences(target, log).filter((fault) => fault.startsWith("tile/entries"))).toEqual([
    "tile/entries/000 is missing",
  ]);
});

test("entries beyond the checkpoint are reported, and not copied", async () => {
  const objects = inOldLayout(log.atSize(710));
  objects.set("checkpoint", log.object("checkpoint"));
  for (const [path, bytes] of inOldLayout(log)) if (path.startsWith("tile/")) objects.set(path, bytes);
  const url = `serverless+file://${logDirectory({ objects })}`;
  const target = memoryDirectory();
  const words = expect.stringContaining("Entries 700 to 709 are in seq/, but not in the tree yet");
  expect((await migrateLog(log, { url }, target)).warnings).toContainEqual(words);
  expect(differences(target, log)).toEqual([]);
  expect((await verify(log, url)).notChecked).toContainEqual(words);
});

describe("a log in the other layout than was named", () => {
  test("is named as it is to be named, in a directory and over HTTP, to copy and to verify", async () => {
    const { root, url } = directoryOf(log);
    const served = await serverOf(log);
    for (const [place, advice] of [
      [root, url],
      [`file://${root}`, url],
      [served.server.url, `${served.url}/`],
    ] as const) {
      await expectFailure(
        migrateLog(log, { url: place }, memoryDirectory()),
        UsageError,
        `Name it as ${advice}`,
      );
      for (const format of ["tiles", undefined] as const) {
        expect((await failureOf(verify(log, place, { format, retry: FAST_RETRY }))).message).toContain(
          `Name it as ${advice}`,
        );
      }
    }
  });

  test("is named too where it is tlog-tiles", async () => {
    const root = logDirectory(log);
    const { url } = await startLogServer(log.objects);
    for (const place of [`file://${root}`, url]) {
      const failure = await failureOf(migrateLog(log, { url: `serverless+${place}` }, memoryDirectory()));
      expect(failure).toBeInstanceOf(UsageError);
      expect(failure.message).toContain(`Name it as ${place}`);
    }
  });

  test("is not looked for where a tile of the log is only wrong, or nothing is there", async () => {
    const { root, url } = directoryOf(log);
    fs.rmSync(join(root, "tile"), { recursive: true });
    await expectFailure(migrateLog(log, { url }, memoryDirectory()), VerificationError, "is missing");
  });
});

test("Static CT was never stored in the old layout", async () => {
  const { url } = directoryOf(log);
  const copy = migrateLog({ ...log, format: "static-ct" }, { url }, memoryDirectory());
  await expectFailure(copy, UsageError, "which has no Static CT entries");
});
