import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { migrate, runWorker } from "../../../../lib/index.ts";
import { parseQueueUrl } from "../../../../storage/bullmq/address.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { migrationOptions } from "../../../support/migration.ts";
import { logDirectory, memoryDirectory } from "../../../support/places/directory.ts";

test.each([
  ["redis://127.0.0.1:6379", "redis", "redis://127.0.0.1:6379"],
  ["rediss://user@queue.example/3", "redis", "rediss://queue.example/3"],
  ["redis://[::1]:6390/", "redis", "redis://[::1]:6390"],
  ["postgres://queue@db.example/jobs", "postgres", "postgres://db.example/jobs"],
  ["postgresql://queue@db.example:5433/jobs?sslmode=x", "postgres", "postgresql://db.example:5433/jobs"],
])("%s names a queue of %s, shown as %s", (text, kind, shown) => {
  expect(parseQueueUrl(text)).toMatchObject({ kind, shown });
});

test.each(["", "redis", "127.0.0.1:6379", "http://queue.example", "redis:///1", "mysql://a/b"])(
  "%j names none",
  (text) => {
    expect(() => parseQueueUrl(text)).toThrow(UsageError);
    expect(() => parseQueueUrl(text)).toThrow(/does not name a queue/);
  },
);

test("a password is refused, and not shown", () => {
  for (const text of ["redis://:hunter2@queue.example", "postgres://me:hunter2@db.example/jobs"]) {
    expect(() => parseQueueUrl(text)).toThrow(/has a password.*TLOG_MIGRATE_QUEUE_PASSWORD/);
    expect(() => parseQueueUrl(text)).not.toThrow(/hunter2/);
  }
});

test("what names no queue is refused before the target is claimed", async () => {
  const log = testLog({ size: 1 });
  const target = join(memoryDirectory(), "target");
  const options = { ...migrationOptions(log, logDirectory(log), target), queue: "http://queue.example" };
  await expect(migrate(options)).rejects.toThrow(/does not name a queue/);
  await expect(runWorker(options)).rejects.toThrow(/does not name a queue/);
  expect(existsSync(target)).toBe(false);
});
