/** A log of the old serverless layout that has a seal: a request for each of its entries, and none a second time. */

import { expect, test } from "vitest";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { inOldLayout } from "../../support/logs/serverless-log.ts";
import { migrateLog } from "../../support/migration.ts";
import { killedAfter, startMigration } from "../../support/migration-process.ts";
import { differences, logDirectory, memoryDirectory } from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

const SIZE = 65_536 + 256 + 1;
const log = testLog({ size: SIZE, entrySize: 20 });
const objects = inOldLayout(log);
const isOfEntries = ({ path }: { readonly path: string }) => path.startsWith("seq/");

test("killed behind its seal, the copy reads nothing again that is sealed", async () => {
  const server = await startLogServer(objects);
  const source = { url: `serverless+${server.url}` };
  const target = memoryDirectory();
  const migration = () => startMigration(log, source, target, { overrides: { workers: 1 } });
  expect(await killedAfter(SIZE + 256, server, migration)).toEqual({ kind: "killed" });
  const before = server.requests.length;
  const report = await migrateLog(log, source, target);
  expect(report).toMatchObject({ outcome: "handed-over", sealedEntries: 65_536 });
  expect(differences(target, log)).toEqual([]);
  // The first bundle, before it goes on, the entries behind the seal, and what may be behind them.
  expect(server.requests.slice(before).filter(isOfEntries).length).toBeLessThanOrEqual(2 * 256 + 2);
});

test("is copied from a directory by several threads, and verified there", async () => {
  const url = `serverless+file://${logDirectory({ objects })}`;
  const target = memoryDirectory();
  const report = await migrateLog(log, { url }, target, { workers: 2 });
  expect(report).toMatchObject({ entries: SIZE, requests: 0 });
  expect(differences(target, log)).toEqual([]);
  expect(await verify(log, url, { workers: 2 })).toMatchObject({ entries: SIZE, faults: 0 });
});
