/** Nothing is written before the source is known to be a log that can be copied: a claim refuses every other log. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { UsageError, VerificationError } from "../../../lib/errors.ts";
import type { LogFormat } from "../../../lib/tlog/layout.ts";
import { HAND_OVER, runCli } from "../../support/cli.ts";
import { type Interceptor, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, expectRefused, notFound } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { abandonTarget, FAST_RETRY, failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { killAt, startMigration } from "../../support/migration-process.ts";
import {
  directoryContents,
  filesBelow,
  logDirectory,
  memoryDirectory,
  writeFiles,
} from "../../support/places/directory.ts";

const page = answerWith(Buffer.from("<!doctype html>\n<title>Not found</title>\n"));
const reset: Interceptor = (_request, response) => void response.socket?.resetAndDestroy();
const other = (format: LogFormat): LogFormat => (format === "tiles" ? "static-ct" : "tiles");

describe.each<LogFormat>(["tiles", "static-ct"])(
  "a source of %s that is read in the other format",
  (format) => {
    test.each([5, 256, 600])(
      "claims nothing at size %i, and the format that it names is the right one",
      async (size) => {
        const log = testLog({ size, format });
        for (const url of [(await startLogServer(log.objects)).url, logDirectory(log)]) {
          const target = join(memoryDirectory(), "target");
          const failure = await failureOf(
            migrateLog(log, { url }, target, {
              format: other(format),
              // There is nothing to wait for.
              retry: { ...FAST_RETRY, minDelayMs: 60_000, maxDelayMs: 60_000 },
            }),
          );
          expect(failure, failure.stack).toBeInstanceOf(UsageError);
          const [, advised] =
            /: is a .* log, not a .* log\. Pass --format (\S+)$/.exec(failure.message) ?? [];
          expect(existsSync(target)).toBe(false);
          const report = await migrateLog(log, { url }, target, { format: advised as LogFormat });
          expect(report).toMatchObject({ outcome: "handed-over", size });
        }
      },
    );

    test("leaves tiles that it was to adopt as they are", async () => {
      const log = testLog({ size: 600, format });
      const { server, target } = await newCopy(log);
      writeFiles(
        target,
        [...log.objects].filter(([path]) => path.startsWith("tile/")),
      );
      const before = directoryContents(target);
      const adopt = { adopt: true, format: other(format) };
      expect(await failureOf(migrateLog(log, server, target, adopt))).toBeInstanceOf(UsageError);
      expect(directoryContents(target)).toEqual(before);
      expect(await migrateLog(log, server, target, { adopt: true })).toMatchObject({
        outcome: "handed-over",
      });
    });
  },
);

describe("nothing is claimed where", () => {
  const log = testLog({ size: 600, entrySize: 30 });
  const FIRST = "tile/entries/000";
  const EDGE = "tile/0/002.p/88";
  const cases: [what: string, path: string, answer: Interceptor][] = [
    ["the first bundle is missing", FIRST, notFound],
    ["the first bundle is a web page", FIRST, page],
    ["the first bundle is another one", FIRST, answerWith(log.object("tile/entries/001"))],
    ["the first bundle cannot be read", FIRST, reset],
    ["the right edge is missing", EDGE, notFound],
    ["the right edge is a web page", EDGE, page],
    ["the right edge cannot be read", EDGE, reset],
    ["the checkpoint is a web page", "checkpoint", page],
  ];
  test.each(cases)("%s", async (_what, path, answer) => {
    const { server } = await newCopy(log);
    const target = join(memoryDirectory(), "target");
    const undo = server.intercept(path, answer);
    expect((await failureOf(migrateLog(log, server, target))).message).toContain(path);
    expect(existsSync(target)).toBe(false);
    undo();
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over" });
  });

  test("a first bundle that is right at the second try is right", async () => {
    const { server, target } = await newCopy(log);
    let asked = 0;
    server.intercept(FIRST, (request, response, next) => {
      if (asked++ === 0) return page(request, response, next);
      return next();
    });
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over" });
  });
});

test("killed right after the claim, the same command goes on, or the claim is given up", async () => {
  const log = testLog({ size: 600, entrySize: 30 });
  const { server, target } = await newCopy(log);
  const claimed = await startMigration(log, server, target, killAt("after", "link", ".state/version")).result;
  expect(claimed).toEqual({ kind: "killed" });
  expect(filesBelow(target).filter((path) => path.startsWith("tile/"))).toEqual([]);
  await expectRefused(
    migrateLog(testLog({ size: 600, seed: "other" }), await startOther(), target),
    /another log/,
  );
  expect(await abandonTarget(target)).toMatchObject({ outcome: "claim-removed" });
  expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over" });
});

function startOther() {
  return startLogServer(testLog({ size: 600, seed: "other" }).objects);
}

test("a claim in another format names the one to pass", async () => {
  const log: TestLog = testLog({ size: 600, format: "static-ct" });
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  const args = ["copy", server.url, target, "--vkey", log.vkey, ...HAND_OVER, "--quiet"];
  const { code, stderr } = await runCli(args);
  expect(code).toBe(4);
  const [, ...advised] = /Pass (--format) (static-ct) if it is this log/.exec(stderr) ?? [];
  expect(await runCli([...args, ...advised])).toMatchObject({ code: 0, stderr: "" });
});

test("what contradicts the checkpoint is still a verification failure", async () => {
  const log = testLog({ size: 600, entrySize: 30 });
  const { server, target } = await newCopy(log);
  server.intercept("tile/entries/000", notFound);
  expect(await failureOf(migrateLog(log, server, target))).toBeInstanceOf(VerificationError);
});
