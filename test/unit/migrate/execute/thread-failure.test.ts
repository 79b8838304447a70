/** A thread that ends says why in a line that a person can act on. */

import { expect, test } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { threadFailure } from "../../../../lib/migrate/execute/thread-failure.ts";

test.each([
  [
    "ENOENT: process.cwd failed with error no such file or directory, uv_cwd",
    /^the working directory: was removed, .*Change to one that exists/,
  ],
  ["EMFILE: too many open files, open '/x'", /^a worker thread: cannot start: too many open files\. Raise /],
  [
    "Cannot read package config /x/package.json: too many open files.",
    /^a worker thread: cannot start: too many open files\. Raise .* to \d+ /,
  ],
  [
    "Worker terminated due to reaching memory limit",
    /^a worker thread: failed: Worker .*lower --concurrency$/,
  ],
])("%s", (text, line) => {
  const cause = new Error(text);
  const failure = threadFailure(cause);
  expect(failure).toBeInstanceOf(OperationError);
  expect(failure.message).toMatch(line);
  expect(failure.cause).toBe(cause);
});
