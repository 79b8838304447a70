/** A fleet: a queue, a log that is served, a place for its copy, and the processes that make it. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import type { LogFormat } from "../../../lib/tlog/layout.ts";
import { HAND_OVER, type RunningCli, spawnCli } from "../cli.ts";
import type { LogServer } from "../http/misbehaving-log-server.ts";
import { type QueueServer, startQueueServer } from "../queue-servers.ts";
import type { GeneratedSource } from "./generated-source.ts";
import { serveDirectory } from "./growing-source.ts";
import { expectAppends } from "./home-takeover.ts";
import { type Home, stateFlags, urlOf } from "./homes.ts";
import { requiredPaths } from "./log-files.ts";

const PATIENT = { timeoutMs: 240_000 };
const READS = 16;

/** A log in a directory; of tlog-tiles unless told. */
export type FleetLog = GeneratedSource & { readonly format?: LogFormat };

export interface FleetPlace {
  readonly home: Home;
  /** The bytes of an object of the copy, which must be there. */
  read(path: string): Promise<Buffer> | Buffer;
}

export class Fleet {
  readonly log: FleetLog;
  readonly server: LogServer;
  readonly queue: QueueServer;
  readonly workers: RunningCli[] = [];
  readonly #place: FleetPlace;
  readonly #limits: readonly string[];

  private constructor(
    log: FleetLog,
    server: LogServer,
    queue: QueueServer,
    place: FleetPlace,
    limits: readonly string[],
  ) {
    this.log = log;
    this.server = server;
    this.queue = queue;
    this.#place = place;
    this.#limits = limits;
  }

  /** @param limits options of all of its processes. */
  static async start(
    kind: "redis" | "postgres",
    log: FleetLog,
    place: FleetPlace,
    limits: readonly string[],
  ): Promise<Fleet> {
    const queue = await startQueueServer(kind);
    onTestFinished(() => queue[Symbol.asyncDispose]());
    return new Fleet(log, await serveDirectory(log.dir), queue, place, limits);
  }

  worker({ vkey = this.log.vkey, home = this.#place.home, limits = this.#limits } = {}): RunningCli {
    return this.#spawn("worker", home, ["--vkey", vkey, "--workers", "1", ...limits]);
  }

  coordinator(): RunningCli {
    return this.#spawn("copy", this.#place.home, [...this.#asLeader(), ...HAND_OVER]);
  }

  follow(): RunningCli {
    return this.#spawn("follow", this.#place.home, [
      ...this.#asLeader(),
      "--settle",
      "1",
      "--interval",
      "0.2",
    ]);
  }

  #asLeader(): string[] {
    return ["--vkey", this.log.vkey, "--workers", "0", ...this.#limits];
  }

  #spawn(command: string, home: Home, options: readonly string[]): RunningCli {
    const { format = "tiles" } = this.log;
    const places = [this.server.url, urlOf(home), ...stateFlags(home), "--format", format];
    return spawnCli([command, ...places, "--queue", this.queue.url, ...options], PATIENT);
  }

  /** One more of those that are to be there at the end. */
  addWorker(): RunningCli {
    const worker = this.worker();
    this.workers.push(worker);
    return worker;
  }

  /** The last one that was added is killed, and another one comes. */
  async replaceWorker(): Promise<void> {
    await kill(this.workers.pop());
    this.addWorker();
  }

  /** Resolves once so many bundles were asked for. @param running must not end before. */
  async asked(bundles: number, running: RunningCli): Promise<void> {
    while (this.server.requests.length < bundles) {
      if (running.child.exitCode !== null || running.child.signalCode !== null)
        throw new Error(`it has ended: ${JSON.stringify(await running.result)}`);
      await sleep(50);
    }
  }

  /** All have ended well, the copy has the source's bytes, and Tessera appends to it. */
  async expectMoved(coordinator: RunningCli): Promise<void> {
    const { code, stdout, stderr } = await coordinator.result;
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^The log is handed over/);
    await this.endOfWorkers();
    expect(await this.differences()).toEqual([]);
    await expectAppends(this.#place.home, this.log, this.log);
  }

  /** All workers have ended well. Gives the number of entries that each has copied. */
  async endOfWorkers(): Promise<number[]> {
    const counts: number[] = [];
    for (const { result } of this.workers) {
      const { code, stdout, stderr } = await result;
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/^The copy is over/);
      counts.push(Number(/([\d,]+) entries/.exec(stdout)?.[1]?.replaceAll(",", "")));
    }
    return counts;
  }

  /** What the copy has otherwise than the source. */
  async differences(): Promise<string[]> {
    const { dir, size, format = "tiles" } = this.log;
    const different: string[] = [];
    const paths = requiredPaths(format, size);
    const compare = async (): Promise<void> => {
      for (const path of paths) {
        if (!readFileSync(join(dir, path)).equals(await this.#place.read(path))) different.push(path);
      }
    };
    await Promise.all(Array.from({ length: READS }, compare));
    return different;
  }
}

export async function kill(running: RunningCli | undefined): Promise<void> {
  running?.child.kill("SIGKILL");
  await running?.result;
}
