/** Two copies into one target whose lock does not hold: what one has handed over, the other never touches. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TargetRefusedError } from "../../../lib/errors.ts";
import { verifyLog } from "../../../lib/index.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { failureOf, migrateLog } from "../../support/migration.ts";
import { directoryContents, memoryDirectory, versionOf } from "../../support/places/directory.ts";

const log = testLog({ size: 1000, entrySize: 20 });

function losesItsLock(target: string): void {
  rmSync(join(target, ".state/tlog-migrate.lock"));
}

test("a copy that slept through another's handover writes nothing more, and removes nothing", async () => {
  const [slow, quick] = [await startLogServer(log.objects), await startLogServer(log.objects)];
  const target = memoryDirectory();
  // A bundle in the middle: others of its unit are written by then, and still have no names.
  const sleep = slow.hold("tile/entries/001", 1);
  const sleeping = failureOf(migrateLog(log, slow, target));
  await sleep.reached;
  losesItsLock(target);
  await migrateLog(log, quick, target);
  const handedOver = directoryContents(target);
  sleep.letGo();
  expect(await sleeping).toBeInstanceOf(Error);
  const { ".state/tlog-migrate.lock": _, ...after } = directoryContents(target);
  expect(after).toEqual(handedOver);
  const { faults } = await verifyLog({ log: target, format: "tiles", access: { userAgentVersion: "test" } });
  expect(faults).toBe(0);
});

test("a copy whose aim another has raised does not hand over its own", async () => {
  const [slow, grown] = [await startLogServer(log.objects), await startLogServer(log.atSize(1300).objects)];
  const target = memoryDirectory();
  // The second read of the checkpoint is the last thing before the handover.
  const sleep = slow.hold("checkpoint", 1);
  const sleeping = failureOf(migrateLog(log, slow, target, { snapshot: true }));
  await sleep.reached;
  losesItsLock(target);
  await migrateLog(log, grown, target, { handOver: false });
  sleep.letGo();
  const failure = await sleeping;
  expect(failure).toBeInstanceOf(TargetRefusedError);
  expect(failure.message).toContain("is not this copy's claim any more");
  expect(versionOf(target)).toMatch(/^migration-in-progress /);
  expect(await migrateLog(log, grown, target)).toMatchObject({ outcome: "handed-over", size: 1300 });
});
