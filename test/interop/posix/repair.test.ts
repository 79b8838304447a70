/** `verify` with `repairFrom`, of a log in a directory in which Tessera's Appender is at work. */

import fs from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { readLog } from "../../support/go/log-files.ts";
import { fsck, startLive, takeOver } from "../../support/go/tessera.ts";
import { newTarget, ownFiles, tesseraLog } from "../../support/go/tessera-takeover.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { flippedBit } from "../../support/http/tampering.ts";
import { migrateLog } from "../../support/migration.ts";
import { filesBelow, writeFiles } from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

const SIZE = 66_000;
const DAMAGED = ["tile/entries/000", "tile/entries/200", "tile/0/100", "tile/1/000"];
const LOST = ["tile/0/003", "tile/entries/255"];

describeWithGo("a log that Tessera's Appender goes on with while it is repaired", () => {
  it("is sound afterwards by Tessera's fsck, and is appended to as before", async () => {
    const log = await tesseraLog(SIZE);
    const { origin, key, vkey } = log;
    const source = await startLogServer(log.files);
    const target = newTarget();
    await migrateLog(log, source, target);
    await takeOver({ dir: target, origin, key, add: 300 });

    for (const path of DAMAGED) writeFiles(target, [[path, flippedBit(log.files.get(path) as Buffer, 40)]]);
    for (const path of LOST) fs.rmSync(join(target, path));
    await expect(fsck({ dir: target, vkey })).rejects.toThrow();
    await using live = await startLive({
      dir: target,
      origin,
      key,
      entriesPerSecond: 2000,
      garbageCollectionMs: 50,
    });
    const reports = [];
    const sizeOf = () => Number(fs.readFileSync(join(target, "checkpoint"), "utf8").split("\n")[1]);
    // The source is smaller by now than what it repairs.
    reports.push(await verify(log, target, { repairFrom: source.url, settleMs: undefined }));
    await expect.poll(sizeOf, { timeout: 30_000 }).toBeGreaterThan(SIZE + 1000);
    reports.push(await verify(log, target, { repairFrom: source.url, settleMs: undefined }));
    const final = await live.stop();

    const [first, second] = reports;
    expect(first).toMatchObject({ faults: 0, repair: { repaired: DAMAGED.length + LOST.length } });
    expect(first?.size).toBeGreaterThan(SIZE);
    expect(second).toMatchObject({ faults: 0, repair: { repaired: 0 } });
    expect(await fsck({ dir: target, vkey })).toMatchObject({ size: final.size, rootHash: final.rootHash });
    const taken = await takeOver({ dir: target, origin, key, add: 300 });
    expect(taken).toMatchObject({ sizeBefore: final.size, contiguous: true, size: final.size + 300 });
    expect(await fsck({ dir: target, vkey })).toMatchObject({ size: final.size + 300 });

    const full = [...ownFiles(log)].filter(([path]) => !path.includes(".p/"));
    const now = readLog(target);
    for (const [path, bytes] of full) expect(now.get(path)?.equals(bytes), path).toBe(true);
    expect(filesBelow(target).filter((path) => path.includes("tlog-migrate.tmp"))).toEqual([]);
  });
});
