/** Migrations in a process of their own, which can be killed. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, onTestFinished } from "vitest";
import type { MigrationOptions, MigrationReport } from "../../lib/index.ts";
import type { LogServer } from "./http/misbehaving-log-server.ts";
import type { KnownLog } from "./migration.ts";

const DRIVER = join(import.meta.dirname, "./migrate-driver.ts");

export type PlainOverrides = Pick<
  MigrationOptions,
  | "adopt"
  | "recheck"
  | "snapshot"
  | "handOver"
  | "tiles"
  | "workers"
  | "concurrency"
  | "minIndex"
  | "settleMs"
  | "targetOptions"
>;

export interface ProcessOptions {
  readonly overrides?: PlainOverrides;
  /** Arguments of Node before the program's. */
  readonly nodeArguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the command line that follows it, such as strace. */
  readonly wrapper?: readonly string[];
}

export type ProcessResult =
  | { readonly kind: "done"; readonly report: MigrationReport }
  | { readonly kind: "failed"; readonly name: string; readonly message: string }
  | { readonly kind: "killed" };

export interface MigrationProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly result: Promise<ProcessResult>;
}

/** Starts a migration in a process that does not outlive the running test. */
export function startMigration(
  log: KnownLog,
  source: { readonly url: string },
  target: string,
  { overrides = {}, nodeArguments = [], env = {}, wrapper = [] }: ProcessOptions = {},
): MigrationProcess {
  const task = { log: { vkey: log.vkey, format: log.format }, source: source.url, target, overrides };
  const line = [...wrapper, process.execPath, ...nodeArguments, DRIVER, JSON.stringify(task)];
  const [program = "", ...programArguments] = line;
  const child = spawn(program, programArguments, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_OPTIONS: undefined, ...env },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, result: resultOf(child) };
}

export function runMigration(...parameters: Parameters<typeof startMigration>): Promise<ProcessResult> {
  return startMigration(...parameters).result;
}

/** Runs a migration that is killed at a call on a file: the arguments of `killAt`. */
export async function expectKilled(
  log: KnownLog,
  source: { readonly url: string },
  target: string,
  ...moment: Parameters<typeof killAt>
): Promise<void> {
  expect(await runMigration(log, source, target, killAt(...moment))).toEqual({ kind: "killed" });
}

/** Runs a migration and kills it when the server has been asked `requests` times more; it may end before. */
export async function killedAfter(
  requests: number,
  server: LogServer,
  migration: () => MigrationProcess,
): Promise<ProcessResult> {
  let left = requests;
  const { child, result } = migration();
  const undo = server.intercept(
    () => true,
    async (_request, _response, next) => {
      if (--left === 0) child.kill("SIGKILL");
      await next();
    },
  );
  return await result.finally(undo);
}

async function resultOf(child: MigrationProcess["child"]): Promise<ProcessResult> {
  const [[, signal], stdout, stderr] = await Promise.all([
    once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  if (signal === "SIGKILL") return { kind: "killed" };
  if (stdout === "") throw new Error(`the migration's process ended without a result: ${stderr}`);
  const { report, failure } = JSON.parse(stdout);
  return report === undefined ? { kind: "failed", ...failure } : { kind: "done", report };
}

/** What makes a migration's process kill itself at a call on a file; see kill-at.ts. */
export function killAt(
  when: "before" | "after",
  call: "rename" | "link" | "rm",
  suffix: string,
  first = 0,
): Pick<ProcessOptions, "nodeArguments" | "env"> {
  return {
    nodeArguments: ["--import", join(import.meta.dirname, "./kill-at.ts")],
    env: { KILL_AT: `${when} ${call} ${suffix} ${first}` },
  };
}
