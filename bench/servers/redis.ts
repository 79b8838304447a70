/** Redis, which keeps nothing, as the server of a queue. */

import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePort, startQuietly } from "../../test/support/go/guarded.ts";
import { SkipError } from "../run/places.ts";
import type { OwnProcess } from "./own-process.ts";

export interface RunningRedis extends OwnProcess {
  /** As `--queue` takes it. */
  readonly url: string;
  /** What it says of itself: https://redis.io/docs/latest/commands/info/. */
  info(): Promise<ReadonlyMap<string, number>>;
}

const START_MS = 10_000;

/** Its name and version. @throws SkipError if it is not installed. */
export function redisVersion(): string {
  const { stdout, error } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  if (error !== undefined) throw new SkipError("redis-server is not installed");
  return `Redis ${/v=([\d.]+)/.exec(stdout)?.[1] ?? "unknown"}`;
}

/** Starts it on a free port of the loopback. @throws Error if it does not start. */
export async function startRedis(): Promise<RunningRedis> {
  const port = await freePort();
  const options = ["--bind", "127.0.0.1", "--port", `${port}`, "--save", "", "--appendonly", "no"];
  const server = await startQuietly(["redis-server", ...options]);
  for (const deadline = Date.now() + START_MS; !(await isListening(port)); await sleep(20)) {
    if (server.isOver || Date.now() > deadline) throw new Error("redis-server did not start");
  }
  return {
    pid: server.pid,
    url: `redis://127.0.0.1:${port}`,
    async info() {
      const client = new Redis(port, "127.0.0.1");
      const text = await client.info().finally(() => client.disconnect());
      const facts = text.matchAll(/^([a-z_0-9]+):([\d.]+)\r?$/gm);
      return new Map([...facts].map(([, name = "", value]) => [name, Number(value)]));
    },
    close: server.close,
  };
}

async function isListening(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", answer(true)).once("error", answer(false));
  });
}
