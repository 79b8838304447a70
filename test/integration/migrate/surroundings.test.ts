/** A machine that gives a copy too little says what is missing, and the same command goes on once it is there. */

import { join } from "node:path";
import { expect, test } from "vitest";
import { testLog } from "../../support/logs/generated-log.ts";
import { runMigration } from "../../support/migration-process.ts";
import { differences, logDirectory, memoryDirectory } from "../../support/places/directory.ts";

const log = testLog({ size: 70_000, entrySize: 4 });
const small = log.atSize(600);

test("too few open files", async () => {
  const [source, target] = [{ url: logDirectory(log) }, memoryDirectory()];
  const limited = (files: string) => ["sh", "-c", `ulimit -n ${files} && exec "$@"`, "sh"];
  const overrides = { workers: 2 };
  const failed = await runMigration(log, source, target, { wrapper: limited("64"), overrides });
  expect(failed).toMatchObject({ kind: "failed", name: "OperationError" });
  const { message } = failed as { message: string };
  const advice =
    /too many open files.* Raise the hard limit on open files from 64 to (\d+) .*: ulimit -n \1 /;
  expect(message).toMatch(advice);
  const [, wanted = ""] = advice.exec(message) ?? [];
  const done = await runMigration(log, source, target, { wrapper: limited(wanted), overrides });
  expect(done).toMatchObject({ kind: "done" });
  expect(differences(target, log)).toEqual([]);
});

test("a working directory that is gone", async () => {
  const [source, target] = [{ url: logDirectory(small) }, memoryDirectory()];
  const script = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"';
  const wrapper = ["sh", "-c", script, join(memoryDirectory(), "gone")];
  const message = expect.stringMatching(/^the working directory: was removed.*Change to one that exists/);
  const failed = await runMigration(small, source, target, { wrapper });
  expect(failed).toMatchObject({ kind: "failed", name: "OperationError", message });
  expect(await runMigration(small, source, target)).toMatchObject({ kind: "done" });
});
