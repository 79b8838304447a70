/** Workers of a real queue that are of no use, or that are lost, and the queue on Postgres. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Queue } from "bullmq";
import { expect, it, onTestFinished } from "vitest";
import { JOB_VERSION } from "../../../lib/migrate/queue/jobs.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { generateSource } from "../../support/go/generated-source.ts";
import { printed } from "../../support/go/live-move.ts";
import { Fleet } from "../../support/go/queue-fleet.ts";
import { newTarget } from "../../support/go/tessera-takeover.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { filesBelow, memoryDirectory } from "../../support/places/directory.ts";
import { describeWithQueue } from "../../support/queue-servers.ts";

/** Of all workers together. */
const RATE = ["--rate", "300"];

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
