/** Whatever call of a target fails, and whatever is in place of the checkpoint, the failure is one line that is ours. */

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { LogError, OperationError } from "../../../lib/errors.ts";
import { PosixTarget } from "../../../storage/posix/target.ts";
import { answerWith } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { logDirectory, memoryDirectory, temporaryDirectory } from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

const log = testLog({ size: 300, entrySize: 30 });

type Code = keyof typeof constants.errno;

function failing(code: Code): () => never {
  return () => {
    const message = `${code}: it failed, open '/target/x'`;
    throw Object.assign(new Error(message), {
      code,
      errno: -constants.errno[code],
      syscall: "open",
      path: "/target/x",
    });
  };
}

const CALLS = [
  ...(["inspect", "claim", "integratedTree", "lock", "requireFreeSpace", "openWriter", "list"] as const),
  ...(["handOver", "warnings", "publishCheckpoint"] as const),
];

const [AGAIN, MEND_FIRST] = ["Run the same command again", "Fix that first"];
const WORDS: readonly [Code, string, string][] = [
  ["EROFS", "read-only file system", MEND_FIRST],
  ["EIO", "i/o error", AGAIN],
  ["EISDIR", "illegal operation on a directory", MEND_FIRST],
  ["ENXIO", "no such device or address", MEND_FIRST],
  ["ESTALE", "system error ESTALE", AGAIN],
];

describe.each(WORDS)("%s", (code, words, advice) => {
  test.each(CALLS)("in %s ends a copy in order", async (call) => {
    const { server, target } = await newCopy(log);
    await migrateLog(log, server, target, { handOver: false });
    const place = call === "claim" || call === "requireFreeSpace" ? memoryDirectory() : target;
    vi.spyOn(PosixTarget.prototype, call as "inspect").mockImplementation(failing(code));
    await expectFailure(
      migrateLog(log, server, place, { saveCheckpoint: true }),
      OperationError,
      new RegExp(`^/target/x: ${words}\\. ${advice}`),
    );
  });
});

/** What may be in place of a file. */
const ODD: readonly [what: string, make: (path: string) => unknown][] = [
  ["a directory", (path) => mkdirSync(path)],
  ["a FIFO", (path) => execFileSync("mkfifo", [path])],
  ["a link to itself", (path) => symlinkSync(path, path)],
  ["a link that leads nowhere", (path) => symlinkSync("/nowhere", path)],
  ["a link through a file", (path) => symlinkSync("/dev/null/x", path)],
  [
    "a socket",
    async (path) => {
      const server = createServer();
      await new Promise<void>((listening) => server.listen(path, listening));
      onTestFinished(() => void server.close());
    },
  ],
];

describe.each(ODD)("%s in place of the checkpoint", (_what, make) => {
  test("of a source is reported in one line, by a copy and by verify", async () => {
    const source = logDirectory(log);
    rmSync(join(source, "checkpoint"));
    await make(join(source, "checkpoint"));
    const copy = () => migrateLog(log, { url: source }, memoryDirectory());
    // One after the other: a rejection that waits for the other to be looked at would count as unhandled.
    for (const work of [copy, () => verify(log, source)]) {
      const failure = await failureOf(work() as ReturnType<typeof migrateLog>);
      expect(failure, failure.stack).toBeInstanceOf(LogError);
      expect(failure.message).toMatch(/^[^\n]{20,2000}$/);
    }
  });

  test("of a target is left alone, and reported in one line", async () => {
    const { server } = await newCopy(log);
    const target = temporaryDirectory();
    await migrateLog(log, server, target, { handOver: false });
    await make(join(target, "checkpoint"));
    const failure = await failureOf(migrateLog(log, server, target));
    expect(failure, failure.stack).toBeInstanceOf(LogError);
    expect(failure.message).toMatch(/^[^\n]*checkpoint[^\n]*$/);
  });
});

test.each<[what: string, headers: Record<string, string>]>([
  ["an encoding", { "content-encoding": "x".repeat(9_000) }],
  ["encodings", { "content-encoding": "gzip, ".repeat(1_500) }],
])("a message with %s of 9,000 bytes that a server has sent is cut", async (_what, headers) => {
  const { server, target } = await newCopy(log);
  server.intercept("checkpoint", answerWith(log.object("checkpoint"), headers));
  const failure = await failureOf(migrateLog(log, server, target));
  expect(failure).toBeInstanceOf(LogError);
  expect(failure.message.length).toBeLessThan(600);
});

test.each(["ftp://x/", "/", "https://", "http:/", "\u{1f600}"])(
  "a message with a redirect to 9,000 bytes behind %s is cut",
  async (start) => {
    const { server, target } = await newCopy(log);
    server.intercept("checkpoint", (_request, response) => {
      const location = `${encodeURI(start)}${"x".repeat(9_000)}`;
      response.writeHead(302, { location, "content-length": "0" }).end();
    });
    const failure = await failureOf(migrateLog(log, server, target));
    expect(failure, failure.stack).toBeInstanceOf(LogError);
    expect(failure.message.length).toBeLessThan(600);
  },
);
