/** Workers of a real queue: whatever is killed, suspended, lost or started twice, the copy is the log, and Tessera takes it over. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "bullmq";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { migrate } from "../../../lib/migrate/migrate.ts";
import { JOB_VERSION } from "../../../lib/migrate/queue/jobs.ts";
import { runWorker } from "../../../lib/migrate/queue/worker.ts";
import { backendModules } from "../../../storage/backends.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { type GeneratedSource, generateSource } from "../../support/go/generated-source.ts";
import { copyTo } from "../../support/go/home-takeover.ts";
import { stateOf, urlOf } from "../../support/go/homes.ts";
import { printed } from "../../support/go/live-move.ts";
import { Fleet, type FleetPlace, kill } from "../../support/go/queue-fleet.ts";
import { newTarget } from "../../support/go/tessera-takeover.ts";
import { type AwsHome, describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { MemoryQueue } from "../../support/memory-queue.ts";
import { migrationOptions } from "../../support/migration.ts";
import { filesBelow, logDirectory, MEMORY, memoryDirectory } from "../../support/places/directory.ts";
import { describeWithQueue } from "../../support/queue-servers.ts";

const SIZE = 3_000_000;
const BUNDLES = SIZE / 256;

/** Of all workers together: two thirds of a minute. */
const RATE = ["--rate", "300"];

/** Longer than the lock of a job, which others take over then. */
const SUSPENDED_MS = 16_000;

const QUEUE_ID = ".state/tlog-migrate-queue.json";

/** A client of the queue that a copy into a directory names, as anybody may have one who reaches its server. */
async function openQueue({ queue }: Fleet, dir: string): Promise<Queue> {
  const [id] = Object.values(JSON.parse(readFileSync(join(dir, QUEUE_ID), "utf8")));
  const { hostname: host, port } = new URL(queue.url);
  const connection = { host, port: Number(port) };
  const client = new Queue(`tlog-migrate-${id}`, { prefix: "tlog-migrate", connection });
  onTestFinished(() => client.close());
  return client;
}

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

/** Of logs that are copied into a directory. */
async function newFleet(kind: "redis" | "postgres", size: number, limits: readonly string[] = RATE) {
  const log = generateSource(join(memoryDirectory(), "source"), size);
  const dir = newTarget();
  const place = { home: { dir }, read: (path: string) => readFileSync(join(dir, path)) };
  return { dir, fleet: await Fleet.start(kind, log, place, limits) };
}

describeWithQueue("redis", () => {
  describeWithGo("for a log of Tessera's", () => {
    useGoPrograms("tesserakit");

    it("is of no use to a worker with another key, of another target or version, or that is interrupted", async () => {
      const { dir, fleet } = await newFleet("redis", 3 * 65_536);
      const coordinator = fleet.coordinator();
      await expect.poll(() => filesBelow(dir), { timeout: 60_000 }).toContain(QUEUE_ID);
      const wrong = fleet.worker({ vkey: testLog({ size: 1 }).vkey });
      const elsewhere = newTarget();
      const lost = fleet.worker({ home: { dir: elsewhere } });
      expect((await wrong.result).code).toBe(3);
      const other = await openQueue(fleet, dir);
      await other.add("tiles", { version: JOB_VERSION + 1, first: 0, end: 1 }, { lifo: true });
      const interrupted = fleet.worker();
      await printed(
        interrupted,
        /is of version 2, and this program does those of version 1: use one version/,
      );
      await expect.poll(() => filesBelow(dir).length, { timeout: 60_000 }).toBeGreaterThan(20);
      interrupted.child.kill("SIGINT");
      expect((await interrupted.result).code).toBe(130);
      // What it had is another's at once.
      fleet.addWorker();
      await fleet.expectMoved(coordinator);
      lost.child.kill("SIGINT");
      expect((await lost.result).stderr).toMatch(/is not claimed by a copy yet/);
      expect(filesBelow(elsewhere)).toEqual([]);
    });
  });
});

describeWithQueue("postgres", () => {
  describeWithGo("for a log of Tessera's", () => {
    useGoPrograms("tesserakit");

    it("divides it among processes, one of which is killed", async () => {
      const { fleet } = await newFleet("postgres", 5 * 65_536 + 300);
      fleet.addWorker();
      fleet.addWorker();
      const coordinator = fleet.coordinator();
      await fleet.asked(300, coordinator);
      await fleet.replaceWorker();
      await fleet.expectMoved(coordinator);
    });
  });
});
