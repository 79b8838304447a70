/** Workers of a real queue: whatever is killed, suspended, lost or started twice, the copy is the log, and Tessera takes it over. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { migrate } from "../../../lib/migrate/migrate.ts";
import { runWorker } from "../../../lib/migrate/queue/worker.ts";
import { backendModules } from "../../../storage/backends.ts";
import { type GeneratedSource, generateSource } from "../../support/go/generated-source.ts";
import { copyTo } from "../../support/go/home-takeover.ts";
import { stateOf, urlOf } from "../../support/go/homes.ts";
import { Fleet, type FleetPlace, kill } from "../../support/go/queue-fleet.ts";
import { newTarget } from "../../support/go/tessera-takeover.ts";
import { type AwsHome, describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { MemoryQueue } from "../../support/memory-queue.ts";
import { migrationOptions } from "../../support/migration.ts";
import { logDirectory, MEMORY } from "../../support/places/directory.ts";
import { describeWithQueue } from "../../support/queue-servers.ts";

const SIZE = 3_000_000;
const BUNDLES = SIZE / 256;

/** Of all workers together: two thirds of a minute. */
const RATE = ["--rate", "300"];

/** Longer than the lock of a job, which others take over then. */
const SUSPENDED_MS = 16_000;

describeWithQueue("redis", () => {
  describeWithMariaDb("for a large log", () => {
    useGoPrograms("tesserakit", "gcpkit", "awskit");
    const emulators = useGcpEmulators();
    const aws = useAws();
    let log: GeneratedSource;
    beforeAll(() => {
      log = generateSource(mkdtempSync(join(MEMORY, "tlog-migrate-source-")), SIZE);
    });
    afterAll(() => rmSync(log.dir, { recursive: true, force: true }));

    async function expectMovedThroughAll(place: FleetPlace): Promise<void> {
      const fleet = await Fleet.start("redis", log, place, RATE);
      const suspended = fleet.addWorker();
      fleet.addWorker();
      fleet.addWorker();
      let coordinator = fleet.coordinator();
      await fleet.asked(0.1 * BUNDLES, coordinator);
      // Then it goes on with its job all the same.
      suspended.child.kill("SIGSTOP");
      const resumed = sleep(SUSPENDED_MS).then(() => suspended.child.kill("SIGCONT"));
      for (const share of [0.2, 0.3]) {
        await fleet.asked(share * BUNDLES, coordinator);
        await fleet.replaceWorker();
      }
      await fleet.asked(0.4 * BUNDLES, coordinator);
      await fleet.queue.restartEmpty();
      await fleet.asked(0.5 * BUNDLES, coordinator);
      await kill(coordinator);
      await fleet.replaceWorker();
      coordinator = fleet.coordinator();
      await fleet.asked(0.6 * BUNDLES, coordinator);
      const second = await fleet.coordinator().result;
      expect(second.code, second.stderr).toBe(4);
      expect(second.stderr).toMatch(/another copy/);
      for (const share of [0.7, 0.8]) {
        await fleet.asked(share * BUNDLES, coordinator);
        await fleet.replaceWorker();
      }
      await resumed;
      await fleet.expectMoved(coordinator);
    }

    it("moves it into a directory, into Google's cloud, and into S3 with MySQL", async () => {
      const dir = newTarget();
      const gcp = await emulators().newHome("log");
      const s3 = await aws().newHome("log");
      const files = join(aws().s3.directoryOf(s3.bucket), "log");
      await Promise.all([
        expectMovedThroughAll({ home: { dir }, read: (path) => readFileSync(join(dir, path)) }),
        expectMovedThroughAll({ home: gcp, read: (path) => emulators().read(gcp.bucket, `log/${path}`) }),
        expectMovedThroughAll({ home: s3, read: (path) => readFileSync(join(files, path)) }),
      ]);
    }, 600_000);

    it("asks S3 for hardly more than a copy without a queue does", async () => {
      const small = testLog({ size: 2 * 65_536, entrySize: 8 });
      const source = logDirectory(small);
      const requestsOf = async (work: (home: AwsHome) => Promise<unknown>): Promise<number> => {
        const home = await aws().newHome("log");
        await work(home);
        const ofBundles = new RegExp(`^[A-Z]+ /${home.bucket}/log/tile/(0|entries)/[x\\d/]+$`);
        return aws().s3.requests.filter((line) => ofBundles.test(line)).length;
      };
      const plain = await requestsOf((home) => copyTo(home, source, small, { handOver: false }));
      const divided = await requestsOf(async (home) => {
        const queue = new MemoryQueue();
        const options = { targetOptions: stateOf(home), queue: "memory:" };
        const { handOver, ...others } = migrationOptions(small, source, urlOf(home), options);
        const worker = runWorker({ ...others, queue: "memory:" }, backendModules(), queue.open);
        await migrate({ ...others, handOver, workers: 0 }, backendModules(), queue.open);
        await worker;
      });
      expect(plain).toBe(2 * 512);
      expect(divided).toBe(plain + 512 / 32);
    });
  });
});
