/**
 * Copies into a second S3, which does two things as S3 does and versitygw does not: it refuses an empty DeleteObjects,
 * where Tessera's removal of obsolete partials stops, and its 412 ends the connection with the object unread.
 */

import { expect, it } from "vitest";
import { type MigrationReport, migrate } from "../../../lib/index.ts";
import { bundlePath } from "../../../lib/tlog/layout.ts";
import { startLive, takeOver } from "../../support/go/tessera.ts";
import { expectTakenOver, newTarget, tesseraLog } from "../../support/go/tessera-takeover.ts";
import { type AwsHome, describeWithMariaDb, useMariaDb } from "../../support/go/use-aws.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { describeWithMoto, useMoto } from "../../support/go/use-moto.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrationOptions } from "../../support/migration.ts";
import { logDirectory } from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

describeWithMoto("a copy into moto", () => {
  const moto = useMoto();

  it("that goes on replaces leftovers which differ, and is sound", async () => {
    // Bundles larger than what sockets hold, so that the answer comes before the end of one.
    const log = testLog({ size: 20 * 256 + 7, entrySize: 2_000 });
    const from = logDirectory(log);
    const bucket = await moto().newBucket();
    const to = `s3://${bucket}/log`;
    const mirror = { targetOptions: { treeState: false }, saveCheckpoint: true, workers: 2 };
    const first = await migrate(migrationOptions(log, from, to, { ...mirror, handOver: false }));
    expect(first.outcome).toBe("ready-for-handover");
    const leftovers = Array.from({ length: 20 }, (_, n) => bundlePath("tiles", { index: n, width: 256 }));
    for (const path of leftovers) await moto().putObject(bucket, `log/${path}`, Buffer.from("half of it"));
    const again = await migrate(migrationOptions(log, from, to, mirror));
    expect(again).toMatchObject({ outcome: "handed-over", size: log.size });
    expect(moto().answers(/"PUT \/bucket-\d+\/log\/tile\/entries\/.* 412 /)).toBeGreaterThanOrEqual(20);
    expect(await verify(log, to)).toMatchObject({ faults: 0, entries: log.size });
  });

  it("is copied out to a directory, where Tessera's Appender appends", async () => {
    const log = await tesseraLog(700);
    const to = `s3://${await moto().newBucket()}/log`;
    const mirror = { targetOptions: { treeState: false }, saveCheckpoint: true };
    await migrate(migrationOptions(log, log.dir, to, mirror));
    const target = newTarget();
    expect(await migrate(migrationOptions(log, to, target))).toMatchObject({ outcome: "handed-over" });
    await expectTakenOver(target, log);
  });
});

describeWithMoto("with moto as S3, a log of Tessera's", () => {
  describeWithMariaDb("and a MySQL", () => {
    useGoPrograms("awskit", "tesserakit");
    const moto = useMoto();
    const sql = useMariaDb();

    /** A copy of a log of 700 entries, handed over. */
    async function copied() {
      const log = await tesseraLog(700);
      const env = moto().env as Record<string, string>;
      const home: AwsHome = { bucket: await moto().newBucket(), env, sql: await sql().newDatabase() };
      const targetOptions = { mysql: home.sql.address, mysqlTls: false };
      const options = { targetOptions, workers: 2 };
      const copy = (): Promise<MigrationReport> =>
        migrate(migrationOptions(log, log.dir, `s3://${home.bucket}/`, options));
      expect(await copy()).toMatchObject({ outcome: "handed-over" });
      expect(await copy()).toMatchObject({ outcome: "already-handed-over" });
      return { log, home };
    }

    const collectedUpTo = async ({ sql: { name } }: AwsHome) =>
      Number((await sql().query(name, "SELECT fromSize FROM GCCoord"))[0]?.fromSize);

    const refusedDeletions = ({ bucket }: AwsHome) =>
      moto().answers(new RegExp(`"POST /${bucket}\\?delete[^"]*" 400 `));

    it("is taken over, and the removal of obsolete partials goes on behind what was copied", async () => {
      const { log, home } = await copied();
      const identity = { ...home, origin: log.origin, key: log.key };
      await using live = await startLive({ ...identity, entriesPerSecond: 200, garbageCollectionMs: 1000 });
      expect(live.sizeBefore).toBe(700);
      const partial = "tile/entries/002.p/188";
      expect(await moto().hasObject(home.bucket, partial)).toBe(true);
      await expect.poll(() => collectedUpTo(home), { timeout: 60_000 }).toBeGreaterThanOrEqual(1024);
      expect(await moto().hasObject(home.bucket, partial)).toBe(false);
      expect(await moto().hasObject(home.bucket, "tile/entries/002")).toBe(true);
      const { size } = await live.stop();
      expect(size).toBeGreaterThan(1024);
    });

    it("never removes any from the first bundle without partials on: why a handover sets where to begin", async () => {
      const { log, home } = await copied();
      await sql().query(home.sql.name, "UPDATE GCCoord SET fromSize = 0");
      const identity = { ...home, origin: log.origin, key: log.key };
      await using live = await startLive({ ...identity, entriesPerSecond: 200, garbageCollectionMs: 1000 });
      await expect.poll(() => refusedDeletions(home), { timeout: 60_000 }).toBeGreaterThan(3);
      expect(await collectedUpTo(home)).toBe(0);
      await live.stop();
      expect(await takeOver({ ...identity, add: 10 })).toMatchObject({ contiguous: true });
    });
  });
});
