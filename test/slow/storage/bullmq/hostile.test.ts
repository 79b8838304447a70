/** What somebody can do who writes to a queue's server at will, or who stops it: time is lost, and nothing else. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { migrate } from "../../../../lib/migrate/migrate.ts";
import { runWorker } from "../../../../lib/migrate/queue/worker.ts";
import type { MigrationReport } from "../../../../lib/migrate/report/report.ts";
import { backendModules } from "../../../../storage/backends.ts";
import { openBullQueue } from "../../../../storage/bullmq/queue.ts";
import { type LogServer, startLogServer } from "../../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { migrationOptions } from "../../../support/migration.ts";
import { differences, memoryDirectory } from "../../../support/places/directory.ts";
import { describeWithQueue, type QueueServer, startQueueServer } from "../../../support/queue-servers.ts";

const SEAL = 65_536;
const log = testLog({ size: 3 * SEAL + 300, entrySize: 8 });

let source: LogServer;
let server: QueueServer;
let target: string;
let notices: string[];

const options = () =>
  migrationOptions(log, source.url, target, { queue: server.url, notice: (line) => notices.push(line) });

function coordinate(): Promise<MigrationReport> {
  return migrate({ ...options(), workers: 0 }, backendModules(), openBullQueue);
}

function work(): Promise<MigrationReport> {
  const { handOver: _, ...others } = options();
  return runWorker({ ...others, queue: server.url }, backendModules(), openBullQueue);
}

/** Resolves once a copy names its queue: the prefix of its keys. */
async function keysOfQueue(): Promise<string> {
  const file = join(target, ".state/tlog-migrate-queue.json");
  await expect.poll(() => existsSync(file), { timeout: 30_000 }).toBe(true);
  const [id] = Object.values(JSON.parse(readFileSync(file, "utf8")));
  return `tlog-migrate:tlog-migrate-${id}:`;
}

describeWithQueue("redis", () => {
  let redis: Redis;
  beforeEach(async () => {
    [source, server] = await Promise.all([startLogServer(log.objects), startQueueServer("redis")]);
    target = memoryDirectory();
    notices = [];
    redis = new Redis(server.url);
    redis.on("error", () => {});
    onTestFinished(async () => {
      redis.disconnect();
      await server[Symbol.asyncDispose]();
    });
  });

  it("keeps nothing of a copy that has ended", async () => {
    const worker = work();
    expect(await coordinate()).toMatchObject({ outcome: "handed-over" });
    await worker;
    expect(await redis.keys("*")).toEqual([]);
  });

  it("may have jobs that no program has written", async () => {
    const copying = coordinate();
    const queue = await keysOfQueue();
    await expect.poll(() => redis.llen(`${queue}wait`), { timeout: 30_000 }).toBeGreaterThan(2);
    const right = { version: 1, first: 0, end: 1 };
    const forged: readonly Record<string, string>[] = [
      {},
      { data: "not json" },
      { data: "null", opts: "{}" },
      { data: "[".repeat(200_000) + "]".repeat(200_000), opts: "{}" },
      { data: JSON.stringify({ ...right, version: "x".repeat(8_000_000) }), opts: "{}" },
      { data: JSON.stringify({ ...right, first: -1 }), opts: "{}" },
      { data: JSON.stringify({ ...right, end: 2 ** 53 }), opts: "{}" },
      { data: JSON.stringify({ ...right, __proto__: { version: 1 }, end: 1e300 }), opts: "{}" },
      { data: JSON.stringify(right), opts: "not json" },
      { data: JSON.stringify(right), opts: '{"attempts":1e99,"backoff":{"type":"none"},"delay":-1}' },
      { data: JSON.stringify({ ...right, version: 0 }), opts: '{"attempts":9,"backoff":{"type":"none"}}' },
      { data: JSON.stringify(right), opts: '{"repeat":{"every":1},"removeOnComplete":{"count":1e9}}' },
      { data: JSON.stringify(right), opts: "{}", parentKey: "x:y:z", parent: '{"id":"z","queueKey":"x:y"}' },
      { data: JSON.stringify(right), opts: "{}", atm: "-7", stc: "1e9", timestamp: "never", rjk: "::" },
    ];
    for (const [i, fields] of forged.entries()) {
      if (Object.keys(fields).length > 0)
        await redis.hset(`${queue}forged-${i}`, { name: "tiles", ...fields });
      // Workers take from the other end: these come first.
      await redis.rpush(`${queue}wait`, `forged-${i}`);
    }
    const worker = work();
    expect(await copying).toMatchObject({ outcome: "handed-over", size: log.size });
    expect(await worker).toMatchObject({ outcome: "already-handed-over" });
    expect(differences(target, log)).toEqual([]);
    const all = notices.join("\n");
    expect(all).toMatch(/is of version 0, and this program does those of version 1/);
    expect(all).toMatch(/is for the tiles -1 to 1, not for/);
    // Nobody's screen is filled.
    expect(Math.max(...notices.map(({ length }) => length))).toBeLessThan(1_000);
  });

  it("may have another's keys in the places of its own, and lose them again", async () => {
    const copying = coordinate();
    const queue = await keysOfQueue();
    await expect.poll(() => redis.llen(`${queue}wait`), { timeout: 30_000 }).toBeGreaterThan(2);
    await redis.set(`${queue}active`, "a text");
    await redis.set(`${queue}limiter`, "9".repeat(1_000), "PX", 86_400_000);
    await redis.hset(`${queue}meta`, { paused: 1, max: "x", version: "another program:1" });
    const worker = work();
    await expect.poll(() => notices.join("\n"), { timeout: 60_000 }).toMatch(/is unavailable|WRONGTYPE/);
    await redis.flushall();
    expect(await copying).toMatchObject({ outcome: "handed-over", size: log.size });
    await worker;
    expect(differences(target, log)).toEqual([]);
  });

  it("may hide by a forged job that one was lost", async () => {
    const copying = coordinate();
    const queue = await keysOfQueue();
    await expect.poll(() => redis.llen(`${queue}wait`), { timeout: 30_000 }).toBe(3);
    // As many are there as before.
    const [lost = ""] = await redis.lrange(`${queue}wait`, 0, 0);
    await redis.del(`${queue}${lost}`);
    // It can never be done: workers take it again and again.
    await redis.hset(`${queue}forged`, { name: "tiles", data: "not json" });
    await redis.lset(`${queue}wait`, 0, "forged");
    const worker = work();
    expect(await copying).toMatchObject({ outcome: "handed-over" });
    await worker;
    expect(differences(target, log)).toEqual([]);
  });

  it("may stop to answer for good: what its workers have begun is seen, and they end", async () => {
    source.intercept("tile/entries/700", async (_request, _response, next) => {
      // The last jobs are at work.
      server.signal("SIGSTOP");
      await next();
    });
    const worker = work();
    // It copies none of it: the worker is one that has joined.
    expect(await coordinate()).toMatchObject({ outcome: "handed-over" });
    expect(await worker).toMatchObject({ outcome: "already-handed-over" });
    server.signal("SIGCONT");
    expect(differences(target, log)).toEqual([]);
  });
});

describeWithQueue("postgres", () => {
  beforeEach(async () => {
    [source, server] = await Promise.all([startLogServer(log.objects), startQueueServer("postgres")]);
    target = memoryDirectory();
    notices = [];
    onTestFinished(() => server[Symbol.asyncDispose]());
  });

  it("may lose its tables: the copy creates them again, and goes on with the worker that it had", async () => {
    let lost: Promise<void> | undefined;
    source.intercept("tile/entries/300", async (_request, _response, next) => {
      lost ??= server.restartEmpty();
      await lost;
      await next();
    });
    const worker = work();
    const copying = coordinate();
    await expect.poll(() => lost !== undefined, { timeout: 60_000 }).toBe(true);
    await lost;
    expect(await copying).toMatchObject({ outcome: "handed-over", size: log.size });
    expect(await worker).toMatchObject({ outcome: "already-handed-over" });
    expect(differences(target, log)).toEqual([]);
  });

  it("may be used for things of another program", async () => {
    const client = new Client({ connectionString: server.url });
    client.on("error", () => {});
    await client.connect();
    onTestFinished(() => client.end());
    const copying = coordinate();
    await keysOfQueue();
    const waiting = async () => {
      const found = await client.query("SELECT count(*) FROM tlog_migrate.job").catch(() => undefined);
      return Number(found?.rows[0]?.count ?? 0);
    };
    await expect.poll(waiting, { timeout: 60_000 }).toBeGreaterThan(2);
    await client.query(
      `UPDATE tlog_migrate.job SET data = '"x"', opts = '{"attempts":"x","backoff":{"type":"none"}}'`,
    );
    const worker = work();
    expect(await copying).toMatchObject({ outcome: "handed-over" });
    await worker;
    expect(differences(target, log)).toEqual([]);
  });
});
