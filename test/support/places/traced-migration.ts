/** Migrations under strace, and the rules that their system calls must keep. */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ENTRIES_PER_SEAL, FULL_WIDTH, tilePath } from "../../../lib/tlog/layout.ts";
import type { LogServer } from "../http/misbehaving-log-server.ts";
import type { TestLog } from "../logs/generated-log.ts";
import { type PlainOverrides, runMigration } from "../migration-process.ts";
import {
  DurabilityModel,
  type DurabilityRule,
  holdAgainst,
  parseTrace,
  type RuleResult,
  type SystemCall,
  TRACED_CALLS,
} from "./fsync-trace.ts";
import { isSealed, sealsIn } from "./seals.ts";

/** Why nothing can be traced here, undefined if it can. */
export function whyNotTraced(): string | undefined {
  const trial = "-f --seccomp-bpf -qq -e trace=fsync true";
  const { error, status, stderr } = spawnSync("strace", trial.split(" "));
  if (error !== undefined) return `strace cannot be run (${error.message})`;
  return status === 0 ? undefined : `strace may not trace here (${stderr.toString().trim()})`;
}

const VERSION = ".state/version";
const TREE_STATE = ".state/treeState";
const COLLECTION_STATE = ".state/gcState";
const RECORD = ".state/tlog-migrate.json";

export interface TracedMigration {
  readonly log: TestLog;
  readonly server: LogServer;
  /** A directory that is there already, on a disk; the trace is kept in it. */
  readonly base: string;
  /** The target, somewhere below it. */
  readonly target: string;
  readonly overrides?: PlainOverrides;
}

export interface TraceResult {
  readonly rules: ReadonlyMap<string, RuleResult>;
  /** What a power failure after the end could still have taken back of the version file. */
  readonly lossAtEnd: string | undefined;
}

/** Options by which strace writes what a DurabilityModel follows. @param trace the file to write. */
export function straceOptions(trace: string): string[] {
  const calls = TRACED_CALLS.map((call) => `?${call}`).join(",");
  const options = "-f --seccomp-bpf -y -qq -s 0 -e signal=none".split(" ");
  return [...options, "-o", trace, "-e", `trace=${calls}`];
}

/** Runs a migration to its end under strace, and holds what it did against promises 2 to 4. */
export async function traceMigration(migration: TracedMigration): Promise<TraceResult> {
  const { log, server, base, target, overrides = {} } = migration;
  const found = readdirSync(base, { withFileTypes: true, recursive: true });
  const model = new DurabilityModel(
    base,
    found.map((entry) => join(entry.parentPath, entry.name)),
  );
  const rules = promisedRules(log, target);
  const trace = join(base, "trace");
  const wrapper = ["strace", ...straceOptions(trace)];
  const result = await runMigration(log, server, target, { overrides, wrapper });
  if (result.kind !== "done") throw new Error(`the migration ended otherwise: ${JSON.stringify(result)}`);
  const calls = parseTrace(readFileSync(trace, "utf8")).filter(({ paths }) =>
    paths.some((path) => path.startsWith(`${base}/`) || path === base),
  );
  const results = holdAgainst(calls, model, rules);
  return { rules: results, lossAtEnd: model.lossOf(join(target, VERSION)) };
}

/** The order that the promises ask for, as the target stands before the run. */
function promisedRules(log: TestLog, target: string): DurabilityRule[] {
  const at = (path: string) => join(target, path);
  const objects = [...log.objects.keys()].filter(isObject);
  const foundSeals = sealsIn(target);
  const sealPaths = Array.from({ length: Math.floor(log.size / ENTRIES_PER_SEAL) }, (_, index) =>
    tilePath({ level: 1, index, width: FULL_WIDTH }),
  );
  const belowSeal = new Map(
    sealPaths.map((path, index) => [
      at(path),
      objects.filter((object) => isVouchedFor(object, index) && object !== path).map(at),
    ]),
  );
  // What is below a seal that was found was durable before the seal was there: an earlier run's rule.
  const beforeHandOver = objects
    .filter((path) => sealPaths.includes(path) || !isSealed(path, foundSeals))
    .map(at);
  const [version, record, treeState] = [at(VERSION), at(RECORD), at(TREE_STATE)];
  return [
    {
      name: "the claim before the first object",
      applies: (call) => isObject(relative(target, namedBy(call) ?? "")),
      losses: (model) => [model.lossOf(version)],
    },
    {
      name: "all below a seal before the seal",
      applies: (call) => belowSeal.has(namedBy(call) ?? ""),
      losses: (model, { paths }) => (belowSeal.get(paths[1] ?? "") ?? []).map((path) => model.lossOf(path)),
    },
    {
      name: "the removal of foreign seals before the marker that trusts seals",
      applies: (call, model) =>
        call.name.startsWith("rename") && namedBy(call) === version && !model.has(record),
      losses: (model) =>
        [...foundSeals].map((index) => {
          const path = at(tilePath({ level: 1, index, width: FULL_WIDTH }));
          return model.has(path) ? `${path} is still there` : model.lossOfName(path);
        }),
    },
    {
      name: "every object before the tree state",
      applies: (call) => namedBy(call) === treeState,
      losses: (model) => beforeHandOver.map((path) => model.lossOf(path)),
    },
    {
      name: "every object and the tree state before the record",
      applies: (call) => namedBy(call) === record,
      losses: (model) => [...beforeHandOver, treeState].map((path) => model.lossOf(path)),
    },
    {
      name: "the record before the guard is lifted",
      applies: (call, model) => namedBy(call) === version && model.has(record),
      losses: (model) => [record, treeState, at(COLLECTION_STATE)].map((path) => model.lossOf(path)),
    },
  ];
}

/** Whether a path below a log's root is of what makes the log: not the checkpoint, nor anything of the target's own. */
function isObject(path: string): boolean {
  return /^(tile|issuer)\//.test(path);
}

/** Whether a seal says that an object is durable. Every bundle of a generated log names every issuer. */
function isVouchedFor(path: string, seal: number): boolean {
  return path.startsWith("issuer/") || isSealed(path, new Set([seal]));
}

/** The name that a call gives to a file: by rename or, for what must not replace anything, by link. */
function namedBy({ name, paths }: SystemCall): string | undefined {
  return /^(rename|link)/.test(name) ? paths[1] : undefined;
}
