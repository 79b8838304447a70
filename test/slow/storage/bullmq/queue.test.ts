/** What the engine asks of a queue, on each kind of server. */

import { describe, expect, it, onTestFinished } from "vitest";
import { RefusedJobError, type WorkQueue } from "../../../../lib/migrate/ports/work-queue.ts";
import { openBullQueue } from "../../../../storage/bullmq/queue.ts";
import { describeWithQueue, startQueueServer } from "../../../support/queue-servers.ts";

const JOBS = [0, 1, 2].map((first) => ({ version: 1, first, end: first + 1 }));

describe.each(["redis", "postgres"] as const)("%s", (kind) => {
  describeWithQueue(kind, () => {
    /** Clients of one queue, as processes have them. */
    async function openBoth(): Promise<[WorkQueue, WorkQueue]> {
      const server = await startQueueServer(kind);
      onTestFinished(() => server[Symbol.asyncDispose]());
      const open = async () => {
        const queue = await openBullQueue(server.url, "tlog-migrate-test", () => {});
        onTestFinished(() => queue.close());
        return queue;
      };
      return [await open(), await open()];
    }

    it("has a job once, until it is done, and none once it is removed", async () => {
      const [queue, other] = await openBoth();
      await queue.add(JOBS);
      await other.add(JOBS.slice(1));
      expect(await queue.counts()).toEqual({ waiting: 3, active: 0 });
      await other.clear();
      expect(await queue.counts()).toEqual({ waiting: 0, active: 0 });
      await queue.add(JOBS);
      expect(await queue.counts()).toEqual({ waiting: 3, active: 0 });
      await queue.remove();
      expect(await other.counts()).toEqual({ waiting: 0, active: 0 });
      await other.add(JOBS);
      expect(await queue.counts()).toEqual({ waiting: 3, active: 0 });
    });

    it("gives out a job that has failed again, and one that was refused no more", async () => {
      const [queue, worker] = await openBoth();
      expect(await queue.workers()).toBe(0);
      const taken: unknown[] = [];
      const stop = new AbortController();
      const taking = worker.take(async (job) => {
        taken.push(job);
        const { first } = job as { first: number };
        if (first === 1) throw new RefusedJobError("is of no use");
        if (first === 2 && taken.filter((each) => Object(each).first === 2).length === 1)
          throw new Error("x");
      }, stop.signal);
      await expect.poll(() => queue.workers(), { timeout: 20_000 }).toBe(1);
      await queue.add(JOBS);
      await expect.poll(() => taken.length, { timeout: 20_000 }).toBe(4);
      await expect.poll(() => queue.counts(), { timeout: 20_000 }).toEqual({ waiting: 0, active: 0 });
      stop.abort();
      await taking;
      expect(taken.toSorted((a, b) => Object(a).first - Object(b).first)).toEqual([...JOBS, JOBS[2]]);
    });

    it("waits for the end of what has begun, and gives out no more, once it is to stop", async () => {
      const [queue, worker] = await openBoth();
      await queue.add(JOBS);
      const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
      const stop = new AbortController();
      let begun = 0;
      const taking = worker.take(async () => {
        begun++;
        await finished;
      }, stop.signal);
      await expect.poll(() => begun, { timeout: 20_000 }).toBe(2);
      stop.abort();
      finish();
      await taking;
      expect(begun).toBe(2);
      expect(await queue.counts()).toEqual({ waiting: 1, active: 0 });
    });

    it("knows for how long the source is to be left alone: for the longest time that was asked for", async () => {
      const [queue, other] = await openBoth();
      expect(await queue.heldBackFor()).toBe(0);
      await queue.holdBack(600_000.5);
      await other.holdBack(1_000);
      const left = await other.heldBackFor();
      expect(left).toBeGreaterThan(500_000);
      expect(left).toBeLessThanOrEqual(600_001);
      // That is not the queue's: jobs are given out, and each worker waits by itself.
      const stop = new AbortController();
      let begun = 0;
      const taking = other.take(async () => void begun++, stop.signal);
      await queue.add(JOBS);
      await expect.poll(() => begun, { timeout: 20_000 }).toBe(3);
      stop.abort();
      await taking;
    });
  });
});
