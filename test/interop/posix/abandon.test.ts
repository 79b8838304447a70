/** A handover is taken back as long as Tessera has not started on it, and never after. */

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TargetRefusedError } from "../../../lib/errors.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { TesseraError, takeOver } from "../../support/go/tessera.ts";
import {
  expectTakenOver,
  newTarget,
  type TesseraLog,
  tesseraLog,
} from "../../support/go/tessera-takeover.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { abandonTarget, migrateLog } from "../../support/migration.ts";
import { directoryContents, versionOf } from "../../support/places/directory.ts";

const SIZE = 1000;

const asAppender = (dir: string, { origin, key }: TesseraLog, add = 0) => takeOver({ dir, origin, key, add });

describeWithGo("a handover", () => {
  it("is taken back where Tessera was refused, once its lock is removed, and is refused again, and taken over in the end", async () => {
    const log = await tesseraLog(SIZE);
    const server = await startLogServer(log.files);
    const target = newTarget();
    await migrateLog(log, server, target, { handOver: false });
    await expect(asAppender(target, log)).rejects.toBeInstanceOf(TesseraError);
    expect(existsSync(join(target, ".state/treeState.lock"))).toBe(true);
    await migrateLog(log, server, target);
    // An Appender between two checkpoints leaves nothing else.
    const lock = join(target, ".state/treeState.lock");
    await expect(abandonTarget(target)).rejects.toThrow(`remove ${lock}, and run this command again`);
    rmSync(lock);
    expect(await abandonTarget(target)).toMatchObject({ outcome: "handover-taken-back", size: SIZE });
    await expect(asAppender(target, log)).rejects.toBeInstanceOf(TesseraError);
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over", size: SIZE });
    await expectTakenOver(target, log);
  });

  it.each([0, 300])("stays where an Appender has started, and added %i entries", async (add) => {
    const log = await tesseraLog(SIZE);
    const target = newTarget();
    await migrateLog(log, await startLogServer(log.files), target);
    await asAppender(target, log, add);
    const before = directoryContents(target);
    await expect(abandonTarget(target)).rejects.toBeInstanceOf(TargetRefusedError);
    expect(directoryContents(target)).toEqual(before);
  });
});
