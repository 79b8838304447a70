/**
 * A log that is served by several replicas, or through a cache: one that is behind is waited for, and is reported as
 * what it is; only a checkpoint that contradicts the known tree fails the verification.
 */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OperationError, UsageError, VerificationError } from "../../../lib/errors.ts";
import { Progress } from "../../../lib/migrate/report/progress.ts";
import type { Retry } from "../../../lib/migrate/throttle/backoff.ts";
import type { Interceptor, LogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, expectUnfinished, notFound } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { directoryContents, logDirectory, versionOf } from "../../support/places/directory.ts";

const log = testLog({ size: 900, entrySize: 30 });
const older = log.atSize(850);
const fork = testLog({ size: 850, entrySize: 31 });

/** Answers for the checkpoint one after the other; the last one stays. Returns how often it was asked for. */
function checkpoints(server: LogServer, ...answers: readonly (TestLog | Interceptor)[]): { asked: number } {
  const count = { asked: 0 };
  server.intercept("checkpoint", async (request, response, next) => {
    const answer = answers[Math.min(count.asked++, answers.length - 1)] as TestLog | Interceptor;
    const intercept = typeof answer === "function" ? answer : answerWith(answer.object("checkpoint"));
    await intercept(request, response, next);
  });
  return count;
}

/** A target in which a copy was made so far, and the server of its log. */
async function copiedTo(moment: "begun" | "copied" | "handed over") {
  const { server, target } = await newCopy(log);
  if (moment === "begun") {
    const undo = server.intercept("tile/entries/002", notFound);
    await failureOf(migrateLog(log, server, target));
    undo();
  } else await migrateLog(log, server, target, { handOver: moment === "handed over" });
  return { server, target };
}

describe.each(["begun", "copied", "handed over"] as const)("a copy that is %s", (moment) => {
  const done = moment === "handed over" ? "already-handed-over" : "handed-over";

  test("goes on where replicas that are behind answer now and then", async () => {
    const { server, target } = await copiedTo(moment);
    checkpoints(server, older, log, older, older, log);
    const notices: string[] = [];
    const report = await migrateLog(log, server, target, { notice: (line) => notices.push(line) });
    expect(report).toMatchObject({ outcome: done, size: 900 });
    expect(notices[0]).toMatch(/\/checkpoint: is of size 850, older than .* 900 .*; trying again$/);
  });

  test("stops where the checkpoint stays older, says so, and can go on later", async () => {
    const { server, target } = await copiedTo(moment);
    const before = directoryContents(target);
    // With the tiles of the larger tree or without: then only the target has them, or nobody.
    for (const objects of [server.objects, older.objects]) {
      server.objects = objects;
      const count = checkpoints(server, older);
      await expectFailure(
        migrateLog(log, server, target),
        OperationError,
        /checkpoint: is of size 850, older than the one of size 900 .*Wait until it has caught up/,
      );
      expect(count.asked).toBe(3);
      expect(directoryContents(target)).toEqual(before);
    }
    server.objects = log.objects;
    checkpoints(server, log);
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: done });
  });

  test("stops at once where an older checkpoint is not of the same log", async () => {
    const { server, target } = await copiedTo(moment);
    const before = directoryContents(target);
    const count = checkpoints(server, fork);
    await expectFailure(
      migrateLog(log, server, target),
      VerificationError,
      /forked: the tree of size 900 .* does not begin with this one of size 850/,
    );
    expect(count.asked).toBe(1);
    expect(directoryContents(target)).toEqual(before);
  });
});

test("where nobody has the tiles of the larger tree, an older checkpoint is not called a fork", async () => {
  const { server, target } = await copiedTo("copied");
  rmSync(join(target, "tile/0/003.p"), { recursive: true });
  server.objects = older.objects;
  await expectFailure(
    migrateLog(log, server, target),
    OperationError,
    /size 850, older than .* 900 .* tiles .* are unavailable/,
  );
});

test("a directory that is behind ends the copy at once: nobody caches it", async () => {
  const { target } = await copiedTo("copied");
  const progress = new Progress();
  const retries: Retry[] = [];
  progress.onRetry = (retry) => retries.push(retry);
  await expectFailure(
    migrateLog(log, { url: logDirectory(older) }, target, { progress }),
    OperationError,
    /checkpoint: is of size 850, older than the one of size 900 .*: this copy of the log is behind/,
  );
  expect(retries).toEqual([]);
});

describe("at the end of a copy", () => {
  const page = answerWith(Buffer.from("<html>502 Bad Gateway</html>\n"));
  const cut = answerWith(log.object("checkpoint").subarray(0, -20));
  const badGateway: Interceptor = (_request, response) =>
    void response.writeHead(502).end("<html>502 Bad Gateway</html>");

  test.each<[what: string, answer: TestLog | Interceptor]>([
    ["an older checkpoint", older],
    ["a web page", page],
    ["a checkpoint that is cut off", cut],
    ["502", badGateway],
    ["404", notFound],
  ])("%s is asked for again, past caches", async (_what, answer) => {
    const { server, target } = await newCopy(log);
    const count = checkpoints(server, log, answer, answer, log);
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over" });
    expect(count.asked).toBeGreaterThan(3);
    for (const { path, headers } of server.requests) {
      if (path === "checkpoint") expect(headers["cache-control"]).toBe("no-cache");
    }
  });

  test.each<[what: string, answer: TestLog | Interceptor, kind: typeof OperationError, words: RegExp]>([
    ["an older checkpoint", older, OperationError, /size 850, older than the one of size 900/],
    ["another root", fork, VerificationError, /the log forked/],
    ["404", notFound, OperationError, /checkpoint: is missing.*has served this log's checkpoint before/],
    [
      "a web page",
      page,
      OperationError,
      /checkpoint: is a web page.*has served this log's checkpoint before/,
    ],
    ["502", badGateway, OperationError, /answered 502 Bad Gateway.*Run the same command again/],
  ])("%s for good ends it, as far as it is", async (_what, answer, kind, words) => {
    const { server, target } = await newCopy(log);
    checkpoints(server, log, answer);
    await expectFailure(migrateLog(log, server, target), kind, words);
    expectUnfinished(target);
    expect(versionOf(target)).toContain("\\n900\\n");
    checkpoints(server, log);
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over" });
  });
});

test("on the first contact a bad answer for the checkpoint ends the copy at once", async () => {
  const { server, target } = await newCopy(log);
  const count = checkpoints(server, answerWith(Buffer.from("<html></html>")));
  await expectFailure(
    migrateLog(log, server, target),
    UsageError,
    /checkpoint: is a web page.*nothing was written/,
  );
  expect(count.asked).toBe(1);
});
