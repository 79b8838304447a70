/** Workers of a real queue: whatever is killed, suspended, lost or started twice, the copy is the log, and Tessera takes it over. */

import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { HAND_OVER, type RunningCli, spawnCli } from "../../support/cli.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { serveDirectory } from "../../support/go/growing-source.ts";
import { filesLost } from "../../support/go/log-files.ts";
import { expectTakenOver, newTarget, ownFiles, tesseraLog } from "../../support/go/tessera-takeover.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { filesBelow } from "../../support/places/directory.ts";
import { describeWithQueue, type QueueServer, startQueueServer } from "../../support/queue-servers.ts";

/** Twelve seals: at the rate below, half a minute. */
const SIZE = 12 * 65_536 + 300;
const RATE = ["--rate", "120"];
const PATIENT = { timeoutMs: 240_000 };

interface Fleet {
  readonly queue: QueueServer;
  readonly log: Awaited<ReturnType<typeof tesseraLog>>;
  readonly target: string;
  readonly places: readonly string[];
  worker(extra?: readonly string[]): RunningCli;
  coordinator(extra?: readonly string[]): RunningCli;
}

async function newFleet(
  kind: "redis" | "postgres",
  size: number,
  limits: readonly string[] = [],
): Promise<Fleet> {
  const queue = await startQueueServer(kind);
  onTestFinished(() => queue[Symbol.asyncDispose]());
  const log = await tesseraLog(size);
  const server = await serveDirectory(log.dir);
  const target = newTarget();
  const places = [server.url, target, "--queue", queue.url, ...limits];
  const trust = ["--vkey", log.vkey];
  return {
    queue,
    log,
    target,
    places,
    worker: (extra = trust) => spawnCli(["worker", ...places, "--workers", "1", ...extra], PATIENT),
    coordinator: (extra = []) =>
      spawnCli(["copy", ...places, ...trust, ...HAND_OVER, "--workers", "0", ...extra], PATIENT),
  };
}

/** Resolves once the target has so many full level-1 tiles. */
async function sealed(target: string, seals: number, running: RunningCli): Promise<void> {
  const isFull = (path: string) => /^tile\/1\/\d{3}$/.test(path);
  for (;;) {
    if (filesBelow(target).filter(isFull).length >= seals) return;
    if (running.child.exitCode !== null)
      throw new Error(`it has ended: ${JSON.stringify(await running.result)}`);
    await sleep(100);
  }
}

async function expectMoved(coordinator: RunningCli, { log, target }: Fleet): Promise<void> {
  const { code, stdout, stderr } = await coordinator.result;
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^The log is handed over/);
  expect(filesLost(target, ownFiles(log))).toEqual([]);
  await expectTakenOver(target, log);
}

describeWithQueue("redis", () => {
  describeWithGo("for a log of Tessera's", () => {
    it("divides it among processes that are killed, suspended and started again", async () => {
      const fleet = await newFleet("redis", SIZE, RATE);
      const { target, queue } = fleet;
      const workers = [fleet.worker(), fleet.worker(), fleet.worker()];
      let coordinator = fleet.coordinator();
      await sealed(target, 1, coordinator);
      // Longer than the lock of its job, which others take over; then it goes on with it all the same.
      const [suspended] = workers as [RunningCli, ...RunningCli[]];
      suspended.child.kill("SIGSTOP");
      const resumed = sleep(16_000).then(() => suspended.child.kill("SIGCONT"));
      await sealed(target, 3, coordinator);
      workers.pop()?.child.kill("SIGKILL");
      workers.push(fleet.worker());
      await sealed(target, 4, coordinator);
      await queue.restartEmpty();
      await sealed(target, 5, coordinator);
      coordinator.child.kill("SIGKILL");
      await coordinator.result;
      workers.pop()?.child.kill("SIGKILL");
      coordinator = fleet.coordinator();
      workers.push(fleet.worker());
      await sealed(target, 6, coordinator);
      const second = await fleet.coordinator().result;
      expect(second.code, second.stderr).toBe(4);
      expect(second.stderr).toMatch(/another copy into this target is at work/);
      await resumed;
      await expectMoved(coordinator, fleet);
      for (const { result } of workers) {
        const { code, stdout, stderr } = await result;
        expect(code, stderr).toBe(0);
        expect(stdout).toMatch(/^The copy is over/);
      }
    });

    it("is of no use to a worker with another key, of another target, or that is interrupted", async () => {
      const fleet = await newFleet("redis", 3 * 65_536, RATE);
      const coordinator = fleet.coordinator();
      const wrong = await fleet.worker(["--vkey", testLog({ size: 1 }).vkey]).result;
      expect(wrong.code, wrong.stderr).toBe(3);
      const elsewhere = newTarget();
      const [source = "", , ...others] = fleet.places;
      const lost = spawnCli(["worker", source, elsewhere, ...others, "--vkey", fleet.log.vkey], PATIENT);
      const interrupted = fleet.worker();
      await expect.poll(() => filesBelow(fleet.target).length, { timeout: 60_000 }).toBeGreaterThan(20);
      interrupted.child.kill("SIGINT");
      expect((await interrupted.result).code).toBe(130);
      const worker = fleet.worker();
      await expectMoved(coordinator, fleet);
      expect((await worker.result).code).toBe(0);
      lost.child.kill("SIGINT");
      expect((await lost.result).stderr).toMatch(/is not claimed by a copy yet/);
      expect(filesBelow(elsewhere)).toEqual([]);
    });
  });
});

describeWithQueue("postgres", () => {
  describeWithGo("for a log of Tessera's", () => {
    it("divides it among processes, one of which is killed", async () => {
      const fleet = await newFleet("postgres", 5 * 65_536 + 300, RATE);
      const workers = [fleet.worker(), fleet.worker()];
      const coordinator = fleet.coordinator();
      await sealed(fleet.target, 1, coordinator);
      workers.pop()?.child.kill("SIGKILL");
      await expectMoved(coordinator, fleet);
      for (const { result } of workers) expect((await result).code).toBe(0);
    });
  });
});
