/** What every executor does, whoever works on its units. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { OperationError, VerificationError } from "../../../lib/errors.ts";
import { startThreads } from "../../../lib/migrate/execute/threads.ts";
import type { Executor, UnitResult, WorkUnit } from "../../../lib/migrate/ports/executor.ts";
import { openReadContext } from "../../../lib/migrate/read/context.ts";
import { Counters } from "../../../lib/migrate/report/counters.ts";
import { readSpecOf, targetSpecOf } from "../../../lib/migrate/session.ts";
import { planUnits } from "../../../lib/migrate/tree/units.ts";
import { openUnitRunner, type UnitSpec } from "../../../lib/migrate/unit/run-unit.ts";
import { backendModules } from "../../../storage/backends.ts";
import { PosixTarget } from "../../../storage/posix/target.ts";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, flippedBit } from "../../support/http/tampering.ts";
import { InProcessExecutor } from "../../support/in-process-executor.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { memoryTree } from "../../support/logs/in-memory-log.ts";
import { FAST_RETRY } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const log = testLog({ size: 9 * 256 + 7, format: "static-ct" });
const OBJECTS = [...log.objects].filter(([path]) => /^(tile\/(0|data)|issuer)\//.test(path));
const ISSUERS = OBJECTS.filter(([path]) => path.startsWith("issuer/")).length;
const PARALLELISM = { workers: 2, concurrency: 8, budgetBytes: 1 << 24 };
const COPY: Task = { copy: { tiles: "derive", resume: false }, deep: false, allowMissingIssuers: true };
const VERIFY: Task = { deep: false, allowMissingIssuers: true };

type Task = Omit<UnitSpec, "concurrency" | "budgetBytes">;

/** An executor that works on the log of a server. */
type Open = (server: LogServer, task: Task, target?: string) => Executor;

const options = { format: "static-ct", access: { userAgentVersion: "test" }, retry: FAST_RETRY } as const;

const EXECUTORS: Record<string, Open> = {
  threads(server, task, location) {
    const target = location && targetSpecOf(location, options, backendModules());
    const spec = { ...readSpecOf(server.url, options, backendModules()), ...task, ...(target && { target }) };
    return startThreads(spec, log.size, PARALLELISM, []);
  },
  "this thread"(server, task, location) {
    return new InProcessExecutor(async (signal) => {
      const context = await openReadContext(
        { ...readSpecOf(server.url, options, backendModules()), concurrency: 4 },
        new Counters(),
        signal,
      );
      const writer = location && new PosixTarget(location).openWriter();
      const close = () => context.source.close();
      return openUnitRunner({ ...PARALLELISM, ...task }, { context, ...(writer && { writer }), close });
    });
  },
};

/** The units of the log, as JSON brought them. */
async function* unitsOfLog(bundlesAUnit = 2): AsyncGenerator<WorkUnit> {
  const tree = await memoryTree(log);
  for await (const unit of planUnits(tree, bundlesAUnit)) yield JSON.parse(JSON.stringify(unit));
}

async function claimed(): Promise<string> {
  const directory = memoryDirectory();
  await new PosixTarget(directory).claim("{}");
  return directory;
}

const NEVER = new AbortController().signal;

describe.each(Object.entries(EXECUTORS))("an executor: %s", (_, open) => {
  let executor: Executor;
  afterEach(() => executor.close());

  async function resultsOf(
    units = unitsOfLog(),
    signal = NEVER,
  ): Promise<(readonly [WorkUnit, UnitResult])[]> {
    const results: (readonly [WorkUnit, UnitResult])[] = [];
    for await (const result of executor.run(units, signal)) results.push(result);
    return results;
  }

  it("works on every unit, and what it copied is durable when it says so", async () => {
    const server = await startLogServer(log.objects);
    const target = await claimed();
    executor = open(server, COPY, target);
    const left = new Set<string>();
    for await (const unit of unitsOfLog()) left.add(JSON.stringify(unit));
    for await (const [unit, result] of executor.run(unitsOfLog(), NEVER)) {
      left.delete(JSON.stringify(unit));
      const width = unit.kind === "edge" ? `.p/${unit.bundle.width}` : "";
      const index = unit.kind === "edge" ? unit.bundle.index : unit.firstBundle;
      const path = `tile/data/${String(index).padStart(3, "0")}${width}`;
      expect(readFileSync(join(target, path))).toEqual(log.object(path));
      for (const { fingerprint } of result.issuers) {
        expect(existsSync(join(target, "issuer", fingerprint))).toBe(true);
      }
    }
    expect(left.size).toBe(0);
    for (const [path, bytes] of OBJECTS) expect(readFileSync(join(target, path))).toEqual(bytes);
  });

  it("reports of a unit what is in it, whatever was seen before, in data that JSON does not change", async () => {
    const missing = OBJECTS.find(([path]) => path.startsWith("issuer/"))?.[0] ?? "";
    const server = await startLogServer(new Map([...log.objects].filter(([path]) => path !== missing)));
    executor = open(server, { ...COPY, deep: true }, await claimed());
    const results = await resultsOf();
    expect(JSON.parse(JSON.stringify(results))).toEqual(results);
    for (const [unit, { issuers, findings }] of results) {
      const [from, bundles] =
        unit.kind === "edge" ? [unit.bundle.index, 1] : [unit.firstBundle, unit.hashes.length];
      for (const { entry } of issuers) {
        expect(entry).toBeGreaterThanOrEqual(from * 256);
        expect(entry).toBeLessThan((from + bundles) * 256);
      }
      if (unit.kind === "run") expect(issuers).toHaveLength(ISSUERS);
      expect(findings).toEqual([]);
    }
    const named = new Set(
      results
        .flatMap(([, { issuers }]) => issuers.filter((issuer) => "problem" in issuer))
        .map(({ fingerprint }) => fingerprint),
    );
    expect([...named]).toEqual([missing.slice("issuer/".length)]);
  });

  it("reports the faults that a verification finds, and goes on", async () => {
    const bad = "tile/data/003";
    const server = await startLogServer(log.objects);
    server.intercept(bad, answerWith(flippedBit(log.object(bad), 20)));
    executor = open(server, VERIFY);
    const results = await resultsOf();
    expect(results.flatMap(([, { findings }]) => findings.map(({ path }) => path))).toEqual([bad]);
    expect(results).toHaveLength(6);
  });

  it("works on the units of one run after the other, but of none whose signal is aborted", async () => {
    const server = await startLogServer(log.objects);
    executor = open(server, VERIFY);
    expect(await resultsOf(unitsOfLog(5))).toHaveLength(3);
    expect(await resultsOf(unitsOfLog(3))).toHaveLength(4);
    const asked = server.requests.length;
    const aborted = AbortSignal.abort(new Error("interrupted before"));
    await expect(resultsOf(unitsOfLog(), aborted)).rejects.toThrow("interrupted before");
    expect(server.requests.length).toBe(asked);
  });

  it("fails with the first failure of a unit", async () => {
    const bad = "tile/data/001";
    const server = await startLogServer(log.objects);
    server.intercept(bad, answerWith(flippedBit(log.object(bad), 20)));
    executor = open(server, COPY, await claimed());
    const failure = await resultsOf().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(VerificationError);
    expect(String(failure)).toContain(bad);
  });

  it("fails as its units fail", async () => {
    executor = open(await startLogServer(log.objects), VERIFY);
    const units = async function* () {
      yield* unitsOfLog(5);
      throw new Error("no more tiles");
    };
    await expect(resultsOf(units())).rejects.toThrow("no more tiles");
  });

  it("stops with the signal's reason, also while a unit gets no answer, and leaves nothing half written", async () => {
    const server = await startLogServer(log.objects);
    const stop = new AbortController();
    server.intercept("tile/data/004", () => stop.abort(new Error("interrupted")));
    const target = await claimed();
    executor = open(server, COPY, target);
    await expect(resultsOf(unitsOfLog(), stop.signal)).rejects.toThrow("interrupted");
    await executor.close();
    expect(existsSync(join(target, "tile/data/004"))).toBe(false);
  });

  it("hands out no more units once nobody asks for results any more", async () => {
    executor = open(await startLogServer(log.objects), VERIFY);
    let planned = 0;
    const units = async function* () {
      for (;;) {
        for await (const unit of unitsOfLog(1)) {
          planned++;
          yield unit;
          await sleep(5);
        }
      }
    };
    for await (const _ of executor.run(units(), NEVER)) break;
    const plannedThen = planned;
    await sleep(100);
    expect(planned).toBeLessThanOrEqual(plannedThen + 1);
  });
});

it.each([
  [
    "of an error that nobody handles",
    'setImmediate(() => { throw new Error("out of memory"); })',
    /out of memory/,
  ],
  ["without a word", "process.exit(0)", /ended while it had work/],
])("a thread that dies %s fails the run, and is given no unit any more", async (_, death, message) => {
  const module = `data:text/javascript,export default { openObjects() { ${death}; return new Promise(() => {}); } }`;
  const spec = readSpecOf("dying://log/", options, { dying: module });
  const executor = startThreads({ ...spec, ...VERIFY }, log.size, { ...PARALLELISM, workers: 1 }, []);
  const run = () => executor.run(unitsOfLog(), NEVER)[Symbol.asyncIterator]().next();
  for (const when of ["with its units", "before them"]) {
    const failure = await run().catch((error: unknown) => error);
    expect(failure, when).toBeInstanceOf(OperationError);
    expect(String(failure)).toMatch(message);
  }
  await executor.close();
});

it("threads share the connections and the bytes in flight, rather than having so many each", async () => {
  // Two bundles fit into the budget of all, one into the share of each.
  const openObjects = `openObjects(_, { connections }) {
    if (connections !== 4) throw new Error("opened " + connections + " connections");
    let held = 0;
    return { location: "", locate: (path) => path, close: async () => {}, async read(path, { reservation }) {
      await reservation?.atLeast(400);
      if (reservation && ++held > 1) throw new Error("holds two bundles");
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (reservation) held--;
    } };
  }`;
  const spec = readSpecOf("counting://log/", options, {
    counting: `data:text/javascript,export default { ${openObjects} }`,
  });
  const retry = { ...FAST_RETRY, contentAttempts: 0 };
  const parallelism = { ...PARALLELISM, budgetBytes: 1_000 };
  const executor = startThreads({ ...spec, ...VERIFY, retry }, log.size, parallelism, []);
  const problems = new Set<string>();
  for await (const [, { findings }] of executor.run(unitsOfLog(), NEVER)) {
    for (const { problem } of findings) problems.add(problem);
  }
  expect([...problems]).toEqual(["is missing"]);
  await executor.close();
});
