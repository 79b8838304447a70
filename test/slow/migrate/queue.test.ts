/** A copy that workers of a queue share: the queue is trusted with nothing, and may lose and forge all of it. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { OperationError, TargetRefusedError, VerificationError } from "../../../lib/errors.ts";
import { follow as followWith } from "../../../lib/migrate/follow.ts";
import { migrate } from "../../../lib/migrate/migrate.ts";
import type { FollowOptions, MigrationOptions, WorkerOptions } from "../../../lib/migrate/options/options.ts";
import { openTarget } from "../../../lib/migrate/options/places.ts";
import { runWorker } from "../../../lib/migrate/queue/worker.ts";
import { Progress } from "../../../lib/migrate/report/progress.ts";
import type { MigrationReport } from "../../../lib/migrate/report/report.ts";
import { targetSpecOf } from "../../../lib/migrate/session.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import { backendModules } from "../../../storage/backends.ts";
import { DirectoryTarget } from "../../../storage/posix/directory-target.ts";
import { cutOver, type Following, grow, reached, startFollow } from "../../support/follow.ts";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { notFound } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { MemoryQueue } from "../../support/memory-queue.ts";
import { expectFailure, migrationOptions } from "../../support/migration.ts";
import { differences, memoryDirectory } from "../../support/places/directory.ts";

/** Four seals and a right edge. */
const log = testLog({ size: 4 * 65_536 + 300, entrySize: 8 });
const SEAL = 65_536;
const QUEUE_ID = ".state/tlog-migrate-queue.json";

let server: LogServer;
let target: string;
let queue: MemoryQueue;
beforeEach(async () => {
  server = await startLogServer(log.objects);
  // Which does not exist yet.
  target = join(memoryDirectory(), "log");
  queue = new MemoryQueue();
});

const optionsOf = (overrides: Partial<MigrationOptions> = {}, of: TestLog = log) =>
  migrationOptions(of, server.url, target, { queue: "memory:", ...overrides });

function coordinate(overrides: Partial<MigrationOptions> = {}, of: TestLog = log): Promise<MigrationReport> {
  return migrate(optionsOf(overrides, of), backendModules(), queue.open);
}

function work(overrides: Partial<WorkerOptions> = {}, of: TestLog = log): Promise<MigrationReport> {
  const { handOver: _, ...options } = optionsOf(overrides, of);
  return runWorker({ ...options, queue: "memory:" }, backendModules(), queue.open);
}

function follow(overrides: Partial<FollowOptions> = {}, of: TestLog = log): Following {
  const options = { queue: "memory:", settleMs: 0, ...overrides };
  return startFollow(of, server.url, target, options, (all) => followWith(all, backendModules(), queue.open));
}

/** Resolves once the coordinator has added jobs. */
async function added(): Promise<void> {
  while (queue.added.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("a copy that is divided", () => {
  it("is done by its workers, who end when it is handed over", async () => {
    const workers = [work(), work()];
    const report = await coordinate({ workers: 0 });
    expect(report).toMatchObject({
      outcome: "handed-over",
      entries: 300,
      workerEntries: 4 * SEAL,
      sealedEntries: 4 * SEAL,
      resumedEntries: 0,
    });
    const reports = await Promise.all(workers);
    expect(reports.map(({ outcome }) => outcome)).toEqual(["already-handed-over", "already-handed-over"]);
    expect(reports.reduce((sum, { entries }) => sum + entries, 0)).toBe(4 * SEAL);
    expect(differences(target, log)).toEqual([]);
    expect(existsSync(join(target, QUEUE_ID))).toBe(false);
    expect(queue.names.size).toBe(1);
  });

  it("is done by the coordinator alone where no worker comes", async () => {
    expect(await coordinate()).toMatchObject({
      outcome: "handed-over",
      entries: log.size,
      resumedEntries: 0,
    });
    expect(differences(target, log)).toEqual([]);
  });

  it("goes on from what is sealed, and adds no job for that", async () => {
    await coordinate({ handOver: false });
    rmSync(join(target, "tile/1/002"));
    queue.added.length = 0;
    expect(await coordinate()).toMatchObject({ outcome: "handed-over" });
    expect(queue.added).toEqual([{ version: 1, first: 2, end: 3 }]);
    expect(differences(target, log)).toEqual([]);
  });

  it("and was killed in its handover is only handed over", async () => {
    await coordinate({ handOver: false });
    const claim = readFileSync(join(target, ".state/version"));
    await coordinate();
    rmSync(join(target, ".state/tlog-migrate.json"));
    writeFileSync(join(target, ".state/version"), claim);
    queue.added.length = 0;
    const worker = work();
    expect(await coordinate({ workers: 0 })).toMatchObject({ outcome: "handed-over", entries: 0 });
    expect(queue.added).toEqual([]);
    expect(existsSync(join(target, QUEUE_ID))).toBe(false);
    expect(await worker).toMatchObject({ outcome: "already-handed-over", entries: 0 });
  });

  it("of an empty log needs no job", async () => {
    const empty = log.atSize(0);
    server.objects = empty.objects;
    expect(await coordinate({ workers: 0 }, empty)).toMatchObject({ outcome: "handed-over", size: 0 });
    expect(queue.added).toEqual([]);
  });

  it("of a Static CT log has the issuers that workers have found", async () => {
    const ct = testLog({ size: 2 * SEAL + 10, format: "static-ct" });
    server.objects = ct.objects;
    const worker = work({}, ct);
    const report = await coordinate({ workers: 0 }, ct);
    const issuers = [...ct.objects.keys()].filter((path) => path.startsWith("issuer/"));
    expect(report.extraData).toMatchObject({ issuers: issuers.length, missingIssuers: 0 });
    await worker;
    expect(differences(target, ct)).toEqual([]);
  });
});

it("a copy that trusts no seal is refused while parts of another are at work, and not later", async () => {
  await coordinate({ handOver: false });
  const modules = backendModules();
  const place = await openTarget(targetSpecOf(target, optionsOf(), modules), { connections: 1 });
  const part = await place.lock("part");
  await expectFailure(
    coordinate({ recheck: true }),
    TargetRefusedError,
    /another copy into this target is at work/,
  );
  expect(await coordinate({ handOver: false })).toMatchObject({ sealedEntries: 4 * SEAL });
  await part.release();
  await place.close();
  // A worker that waits is none.
  const notices: string[] = [];
  const lock = vi.spyOn(DirectoryTarget.prototype, "lock");
  const worker = work({ notice: (sentence) => void notices.push(sentence) });
  await expect.poll(() => notices.join("\n"), { timeout: 20_000 }).toMatch(/has no work to give out/);
  expect(lock).not.toHaveBeenCalled();
  const { outcome, sealedEntries, workerEntries } = await coordinate({ recheck: true });
  // No seal counted but those that the worker has written since.
  expect([outcome, sealedEntries]).toEqual(["handed-over", workerEntries]);
  await worker;
  expect(differences(target, log)).toEqual([]);
});

describe("a copy that leaves all work to others", () => {
  it("says so where nobody comes, and goes on when somebody does", async () => {
    const notices: string[] = [];
    const copying = coordinate({ workers: 0, notice: (sentence) => void notices.push(sentence) });
    await expect
      .poll(() => notices.join("\n"), { timeout: 60_000 })
      .toMatch(/no worker takes jobs of memory:.*tlog-migrate worker/);
    const worker = work();
    expect(await copying).toMatchObject({ outcome: "handed-over" });
    await worker;
    expect(notices.filter((each) => each.includes("no worker"))).toHaveLength(1);
  });
});

describe("a log that grows", () => {
  it("is divided round after round, and workers follow", async () => {
    const before = log.atSize(SEAL + 5);
    server.objects = before.objects;
    const worker = work({}, before);
    server.intercept("tile/entries/256.p/5", async (_request, _response, next) => {
      // The first round is at work.
      server.objects = new Map([...log.objects, ...before.objects, ["checkpoint", log.object("checkpoint")]]);
      await next();
    });
    const report = await coordinate({ workers: 0 }, before);
    expect(report).toMatchObject({ outcome: "handed-over", size: log.size, entries: 305 });
    expect(queue.added.map(({ first }) => first)).toEqual([0, 1, 2, 3]);
    expect(await worker).toMatchObject({ outcome: "already-handed-over", entries: 4 * SEAL });
    expect(queue.names.size).toBe(1);
  });

  it("by little is copied without workers", async () => {
    const before = log.atSize(3 * SEAL + 5);
    server.objects = before.objects;
    const following = follow({}, before);
    const worker = work({}, before);
    await reached(following, before.size);
    queue.added.length = 0;
    expect(queue.opened).toBe(2);
    grow(server, log);
    await reached(following, log.size);
    // A worker has looked at the claim by then, and goes on with its aim.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(queue.opened).toBe(2);
    expect(queue.added).toEqual([]);
    await expectFailure(work({ mirror: true }), TargetRefusedError, /with other options.*--mirror/);
    const cutover = await cutOver(target, { wait: true });
    expect(cutover).toMatchObject({ outcome: "handed-over", size: log.size });
    expect(existsSync(join(target, QUEUE_ID))).toBe(false);
    await worker;
  });

  it("and is followed by a copy, is divided when it has grown by more", async () => {
    const [first, second] = [log.atSize(5), log.atSize(2 * SEAL + 5)];
    server.objects = first.objects;
    const following = follow({ workers: 0 }, first);
    await reached(following, first.size);
    expect(queue.added).toEqual([]);
    const worker = work({}, first);
    for (const next of [second, log]) {
      grow(server, next);
      await reached(following, next.size);
    }
    expect(queue.added.map(({ first }) => first)).toEqual([0, 1, 2, 3]);
    expect(await cutOver(target, { wait: true })).toMatchObject({ outcome: "handed-over", size: log.size });
    expect(await following.end).toMatchObject({ outcome: "handed-over" });
    expect(await worker).toMatchObject({ outcome: "already-handed-over", entries: 4 * SEAL });
    // It went on with its first aim until a job was of a larger one: each was given back once at most.
    expect(queue.refused).toEqual([]);
    expect(differences(target, log).filter((each) => !/\.p\/\d+ is not the log's/.test(each))).toEqual([]);
  });

  it("into a mirror is divided too, among workers that are told so", async () => {
    const first = log.atSize(5);
    server.objects = first.objects;
    const mirroring = follow({ workers: 0, mirror: true }, first);
    await reached(mirroring, first.size);
    await expectFailure(work({}, first), TargetRefusedError, /is a mirror/);
    const stop = new AbortController();
    const worker = work({ mirror: true, signal: stop.signal }, first);
    grow(server, log);
    await reached(mirroring, log.size);
    expect(queue.added.map(({ first }) => first)).toEqual([0, 1, 2, 3]);
    expect(readFileSync(join(target, "checkpoint"))).toEqual(log.object("checkpoint"));
    stop.abort(new OperationError({ object: "test", problem: "stopped" }));
    await expectFailure(worker, OperationError, "stopped");
  });

  it("has the issuers that workers have found in every round", async () => {
    const ct = testLog({ size: 2 * SEAL + 10, format: "static-ct" });
    const few = ct.atSize(1);
    expect([...few.objects.keys()].filter((path) => path.startsWith("issuer/"))).not.toEqual([]);
    server.objects = few.objects;
    const following = follow({ workers: 0, deep: true }, few);
    await reached(following, few.size);
    const worker = work({ deep: true }, few);
    grow(server, ct);
    await reached(following, ct.size);
    expect(await cutOver(target, { wait: true })).toMatchObject({ outcome: "handed-over" });
    const issuers = [...ct.objects.keys()].filter((path) => path.startsWith("issuer/"));
    const extraData = { issuers: issuers.length, missingIssuers: 0 };
    expect(await following.end).toMatchObject({ outcome: "handed-over", extraData });
    await worker;
    expect(differences(target, ct).filter((each) => !/\.p\/\d+ is not the log's/.test(each))).toEqual([]);
  });
});

describe("a queue that", () => {
  it("has jobs of a copy that was killed gives out those of the next alone", async () => {
    queue.waiting.set("0-4", { version: 1, first: 0, end: 4 });
    const copying = coordinate({ workers: 0 });
    await added();
    expect([...queue.waiting.keys()]).toEqual(["0-1", "1-2", "2-3", "3-4"]);
    const worker = work();
    expect(await copying).toMatchObject({ outcome: "handed-over" });
    expect(await worker).toMatchObject({ entries: 4 * SEAL });
  });

  it("loses what it was given is filled again", async () => {
    queue.loses = true;
    const copying = coordinate();
    await added();
    queue.loses = false;
    expect(await copying).toMatchObject({ outcome: "handed-over" });
    expect(differences(target, log)).toEqual([]);
  });

  it("lies about what was done changes nothing: the coordinator does it itself in the end", async () => {
    queue.lies = true;
    const notices: string[] = [];
    const report = await coordinate({ notice: (sentence) => void notices.push(sentence) });
    expect(report).toMatchObject({ outcome: "handed-over", entries: log.size });
    expect(notices.join("\n")).toMatch(
      /No worker has copied the entries from 0 to 65,536: this process will/,
    );
    expect(differences(target, log)).toEqual([]);
  });

  it("is down for a while is waited for, and what is done meanwhile is seen", async () => {
    queue.isDown = true;
    const copying = coordinate();
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    queue.isDown = false;
    expect(await copying).toMatchObject({ outcome: "handed-over" });
  });

  it("gives out seals that are wrong, as a worker may have stored them, has them copied again", async () => {
    await coordinate({ handOver: false });
    writeFileSync(join(target, "tile/1/001"), Buffer.alloc(8_192, 7));
    expect(await coordinate()).toMatchObject({ outcome: "handed-over", replacedObjects: 1 });
    expect(differences(target, log)).toEqual([]);
  });

  it("forges jobs wastes time, and nothing else", async () => {
    const forged: unknown[] = [
      { version: 1, first: 0, end: 5 },
      { version: 1, first: -1, end: 1 },
      { version: 1, first: 0, end: 2 ** 53 },
      { version: 1, first: 3, end: 3 },
      { version: 1, first: 3, end: 2 },
      { version: 1, first: 0.5, end: 1 },
      { version: 1, first: "0", end: "1" },
      { version: 1, first: 1e300, end: 1e301 },
      { version: 2, first: 0, end: 1 },
      { version: 0, first: 0, end: 1 },
      { version: "1", first: 0, end: 1 },
      { first: 0, end: 1 },
      { version: 1, first: 0, end: 1, source: "http://evil.example/", target: "/", vkey: "x" },
      {},
      [],
      null,
      7,
      "../../etc/passwd",
      { toString: null, version: { toString: null } },
    ];
    const notices: string[] = [];
    const worker = work({ notice: (sentence) => void notices.push(sentence) });
    const copying = coordinate({ workers: 0 });
    await added();
    for (const [i, job] of forged.entries()) queue.waiting.set(`forged-${i}`, job);
    // The same twice, and what is done already.
    for (const id of ["a", "b"]) queue.waiting.set(id, { version: 1, first: 0, end: 1 });
    expect(await copying).toMatchObject({ outcome: "handed-over" });
    await worker;
    expect(differences(target, log)).toEqual([]);
    // The thirteenth is a job, whatever else it says.
    expect(queue.refused).toHaveLength(forged.length - 1);
    expect(notices.join("\n")).toMatch(
      /is of version 2, and this program does those of version 1: use one version/,
    );
    expect(notices.join("\n")).toMatch(/is for the tiles -1 to 1, not for at most 256 of the log's 4 full/);
  });
});

describe("a worker", () => {
  it("that waits for a claim has its threads ready", async () => {
    const [notices, progress] = [[] as string[], new Progress()];
    const worker = work({ progress, notice: (sentence) => void notices.push(sentence) });
    await expect.poll(() => notices.join("\n"), { timeout: 20_000 }).toMatch(/is not claimed by a copy yet/);
    const { threads } = progress;
    const before = threads.length;
    expect(before).toBeGreaterThan(1);
    const { workerEntries } = await coordinate({ workers: 0 });
    expect([workerEntries, threads.length]).toEqual([4 * SEAL, before]);
    expect(await worker).toMatchObject({ outcome: "already-handed-over", entries: 4 * SEAL });
  });

  it("that waits opens a target anew that was replaced", async () => {
    mkdirSync(target);
    const notices: string[] = [];
    const worker = work({ notice: (sentence) => void notices.push(sentence) });
    await expect.poll(() => notices.join("\n"), { timeout: 20_000 }).toMatch(/is not claimed by a copy yet/);
    // It has looked at this one.
    await new Promise((resolve) => setTimeout(resolve, 300));
    rmSync(target, { recursive: true });
    mkdirSync(target);
    expect(await coordinate({ workers: 0 })).toMatchObject({
      outcome: "handed-over",
      workerEntries: 4 * SEAL,
    });
    expect(await worker).toMatchObject({ outcome: "already-handed-over" });
  });

  it("that has another key does nothing", async () => {
    const other = testLog({ size: 300, seed: "another-key" });
    const copying = coordinate({ workers: 0 });
    await added();
    const wrong = work({ policy: { verifiers: [parseVkey(other.vkey)] } });
    await expectFailure(wrong, VerificationError, /signature|key/);
    const worker = work();
    expect(await copying).toMatchObject({ outcome: "handed-over" });
    await worker;
  });

  it("of another target takes no job, and writes nothing there", async () => {
    const elsewhere = memoryDirectory();
    const stop = new AbortController();
    const notices: string[] = [];
    const waiting = work({
      target: elsewhere,
      signal: stop.signal,
      notice: (sentence) => void notices.push(sentence),
    });
    expect(await coordinate()).toMatchObject({ outcome: "handed-over" });
    stop.abort(new OperationError({ object: "test", problem: "stopped" }));
    await expectFailure(waiting, OperationError, "stopped");
    expect(readdirSync(elsewhere)).toEqual([]);
    expect(notices.join("\n")).toMatch(/Waiting: .* is not claimed by a copy yet.*--queue/);
    expect(queue.processes).toBe(0);
  });

  it("whose source lacks something ends, and its job is another's", async () => {
    const broken = await startLogServer(log.objects);
    broken.intercept("tile/entries/300", notFound);
    const copying = coordinate({ workers: 0 });
    await added();
    await expectFailure(work({ source: broken.url, workers: 2 }), VerificationError, /tile\/entries\/300/);
    const worker = work();
    expect(await copying).toMatchObject({ outcome: "handed-over" });
    await worker;
    expect(differences(target, log)).toEqual([]);
  });

  it("that is late with a job which another has done ends as the others do", async () => {
    const slow = await startLogServer(log.objects);
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    slow.intercept("tile/entries/000", async (_request, _response, next) => {
      ask();
      await held;
      await next();
    });
    const copying = coordinate({ workers: 0 });
    await added();
    const late = work({ source: slow.url });
    await asked;
    // Its lock has run out.
    queue.waiting.set("0-1", { version: 1, first: 0, end: 1 });
    const worker = work();
    expect(await copying).toMatchObject({ outcome: "handed-over" });
    letGo();
    expect(await late).toMatchObject({ outcome: "already-handed-over" });
    await worker;
    expect(differences(target, log)).toEqual([]);
  });

  it("follows a copy to its next aim", async () => {
    const before = log.atSize(2 * SEAL + 5);
    server.objects = before.objects;
    const worker = work({}, before);
    await coordinate({ handOver: false, workers: 0 }, before);
    server.objects = log.objects;
    expect(await coordinate({ workers: 0 })).toMatchObject({ outcome: "handed-over", size: log.size });
    expect(await worker).toMatchObject({ outcome: "already-handed-over" });
    // The first aim's right edge is of no use any more, and harms nobody.
    expect(differences(target, log).filter((each) => !/\.p\/\d+ is not the log's/.test(each))).toEqual([]);
  });
});
