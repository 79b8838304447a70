/**
 * Checks options before anything is opened, for the command, whose flags the messages name, and for programs, whose
 * types a compiler may not have checked. Numbers have their names in programs, and the units that they have there.
 */

import { UsageError } from "../../errors.ts";
import type { CheckpointPolicy, KeyPolicy } from "../../tlog/checkpoint.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import { equalBytes } from "../../tlog/merkle.ts";
import type { Witness } from "../../tlog/quorum.ts";
import type { RetryPolicy } from "../throttle/backoff.ts";
import type {
  CutoverOptions,
  FollowOptions,
  MigrationOptions,
  ShardOptions,
  StatusOptions,
  VerifyOptions,
  WorkerOptions,
  WorkOptions,
} from "./options.ts";

/** Options of a log whose format may be detected. */
type FoundOut = Omit<WorkOptions, "format"> & { readonly format?: LogFormat | undefined };

const FORMATS: readonly string[] = ["tiles", "static-ct"] satisfies readonly LogFormat[];

/** Least and greatest value of whole numbers. */
export type Bounds = readonly [least: number, most: number];

/** With more milliseconds than this, Node's timers end at once. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** At most a day. */
const SETTLE_MS: Bounds = [0, 86_400_000];

/** At most a day. */
const INTERVAL_MS: Bounds = [10, 86_400_000];

const SHARDS: Bounds = [1, 100_000];

const WORK: Readonly<Record<"workers" | "concurrency" | "budgetBytes" | "requestsPerSecond", Bounds>> = {
  workers: [1, 256],
  concurrency: [1, 10_000],
  budgetBytes: [1, 10 ** 12],
  requestsPerSecond: [1, 1_000_000],
};

const RETRY: Readonly<Record<keyof RetryPolicy, Bounds>> = {
  attempts: [0, 1000],
  contentAttempts: [0, 1000],
  minDelayMs: [0, LONGEST_WAIT_MS],
  maxDelayMs: [0, LONGEST_WAIT_MS],
  maxRetryAfterMs: [0, LONGEST_WAIT_MS],
};

/** For the command, which checks numbers itself, in the units of its flags. */
export const BOUNDS = { ...WORK, retries: RETRY.attempts, settleMs: SETTLE_MS, intervalMs: INTERVAL_MS };

/** @throws UsageError for the first option of a migration that is malformed, or contradicts another. */
export function checkMigration(options: MigrationOptions): void {
  requireOneOf("format", options.format, FORMATS);
  // One that only divides the work among others does none.
  const divides = options.queue !== undefined && options.workers === 0;
  checkWork(divides ? { ...options, workers: undefined } : options);
  for (const name of ["source", "target", "tool"] as const) requireText(name, options[name]);
  requireOneOf("tiles", options.tiles ?? "derive", ["derive", "fetch"]);
  checkNumbers(options, { settleMs: SETTLE_MS });
  requirePolicy(options.policy, options.format);
  const { adopt, allowMissingIssuers, deep, handOver, recheck, saveCheckpoint, snapshot } = options;
  const switches = { adopt, allowMissingIssuers, deep, handOver, recheck, saveCheckpoint, snapshot };
  for (const [name, value] of Object.entries(switches)) requireSwitch(name, value);
  requireStaticCt(options, { "--deep": deep, "--allow-missing-issuers": allowMissingIssuers });
}

/** @throws UsageError for the first option of a copy that follows its source. */
export function checkFollow(options: FollowOptions): void {
  checkMigration(options);
  checkNumbers(options, { intervalMs: INTERVAL_MS });
  requireSwitch("mirror", options.mirror);
}

/** @throws UsageError for the first option of a shard. */
export function checkShard(options: ShardOptions): void {
  checkMigration(options);
  const { index, count } = options.shard;
  requireWhole("shard.count", count, SHARDS);
  requireWhole("shard.index", index, [1, count]);
}

/** @throws UsageError for the first option of a worker. */
export function checkWorker(options: WorkerOptions): void {
  checkMigration(options);
  requireText("--queue", options.queue);
  requireSwitch("mirror", options.mirror);
}

/** @throws UsageError for the first option that is malformed, or contradicts another. */
export function checkCutover(options: CutoverOptions): void {
  checkTargetOptions(options);
  const { wait, cancel } = options;
  for (const [name, value] of Object.entries({ wait, cancel })) requireSwitch(name, value);
  checkNumbers(options, { answerMs: SETTLE_MS });
  if (wait && cancel) throw usage("--wait", "contradicts --cancel", { advice: "Pass one of them" });
}

/** @throws UsageError for the first option of a verification that is malformed, or contradicts another. */
export function checkVerification(options: VerifyOptions): void {
  if (options.format !== undefined) requireOneOf("format", options.format, FORMATS);
  checkWork(options);
  requireText("log", options.log);
  if (options.repairFrom !== undefined) requireText("--repair-from (repairFrom)", options.repairFrom);
  checkNumbers(options, { settleMs: SETTLE_MS });
  if (options.policy !== undefined) requirePolicy(options.policy, options.format);
  const { deep, allowMissingIssuers } = options;
  for (const [name, value] of Object.entries({ deep, allowMissingIssuers })) requireSwitch(name, value);
  requireStaticCt(options, { "--no-deep": deep === false, "--allow-missing-issuers": allowMissingIssuers });
}

/** Of what works on a target alone. @throws UsageError for the first option that is malformed. */
export function checkTargetOptions({ target, access, retry }: StatusOptions): void {
  requireText("target", target);
  requireText("access.userAgentVersion", access?.userAgentVersion);
  checkRetry(retry);
}

/** @throws UsageError if a policy names no key and does not allow a missing signature, or does both. */
function requirePolicy(policy: CheckpointPolicy | undefined, format?: LogFormat): void {
  const isWaived = policy !== undefined && "insecureNoSignature" in policy && policy.insecureNoSignature;
  const { verifiers = [], trustPolicy } = (policy ?? {}) as Partial<KeyPolicy>;
  const witness = verifiers.flatMap(({ publicKey: key }) => {
    const isSame = ({ verifier: { publicKey } }: Witness) => key && publicKey && equalBytes(key, publicKey);
    return trustPolicy?.witnesses.find(isSame) ?? [];
  })[0];
  if (witness !== undefined) {
    throw usage(
      "--vkey",
      `is the key of a witness in the --policy, ${witness.name}, and one key counts once`,
      {
        advice: "Pass the log's own key; the policy alone decides about its witnesses",
      },
    );
  }
  const isNamed = verifiers.length > 0 || (trustPolicy?.logs.length ?? 0) > 0;
  if (isWaived && (isNamed || trustPolicy !== undefined)) {
    const advice = "Pass only the key: then the signature is checked";
    throw usage("--insecure-no-signature", "contradicts the key that was passed", { advice });
  }
  if (isWaived || isNamed) return;
  if (trustPolicy !== undefined) {
    const advice = "Pass the log's --vkey too";
    throw usage("--policy", "names no log whose checkpoints to trust", { advice });
  }
  const keys =
    format === "static-ct"
      ? "--log-list <file>, --vkey <vkey>, --policy <file>, or --public-key <base64> with --origin"
      : "--vkey <vkey> or --policy <file>";
  throw usage("the source's checkpoint", "no key says which one to trust", {
    advice: `Pass ${keys}; or --insecure-no-signature to trust whoever serves it`,
  });
}

function checkWork(options: FoundOut): void {
  requireText("access.userAgentVersion", options.access?.userAgentVersion);
  checkNumbers(options, WORK);
  checkRetry(options.retry);
  const { minIndex } = options;
  if (minIndex === undefined || minIndex === "source") return;
  if (Number.isSafeInteger(minIndex) && minIndex >= 0) return;
  throw usage(shownName("minIndex"), "is neither the index of an entry nor the word source", {
    found: `${minIndex}`,
  });
}

function checkRetry(retry: RetryPolicy | undefined): void {
  if (retry === undefined) return;
  for (const [name, bounds] of entriesOf(RETRY)) {
    requireWhole(`retry.${name}`, retry[name], bounds);
  }
  if (retry.minDelayMs <= retry.maxDelayMs) return;
  const expected = `at most ${retry.maxDelayMs}`;
  throw usage("retry.minDelayMs", "contradicts retry.maxDelayMs", { expected, found: `${retry.minDelayMs}` });
}

/** Numbers that may be omitted and then have a default. */
function checkNumbers<Name extends string>(
  options: Readonly<Partial<Record<NoInfer<Name>, number | undefined>>>,
  all: Readonly<Record<Name, Bounds>>,
): void {
  for (const [name, bounds] of entriesOf(all)) {
    if (options[name] !== undefined) requireWhole(name, options[name], bounds);
  }
}

/** If no format is passed, it is detected. */
function requireStaticCt({ format }: FoundOut, given: Record<string, boolean | undefined>): void {
  const flag = Object.keys(given).find((name) => given[name] === true);
  if (format !== "tiles" || flag === undefined) return;
  throw usage(flag, "is for Static CT logs", { advice: "Pass --format static-ct too, or leave it out" });
}

function requireWhole(name: string, value: unknown, [least, most]: Bounds): void {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw usage(name, `is not a whole number from ${least} to ${most}`, { found: String(value) });
}

function requireText(name: string, value: unknown): void {
  if (typeof value === "string") return;
  throw usage(name, "is not a text", { found: String(value) });
}

function requireSwitch(name: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw usage(shownName(name), "is neither true nor false", { found: String(value) });
}

function requireOneOf(name: string, value: unknown, choices: readonly string[]): void {
  if (choices.some((choice) => choice === value)) return;
  throw usage(shownName(name), "is not known", { expected: choices.join(" or "), found: String(value) });
}

/** The flag of an option. */
function shownName(name: string): string {
  if (name === "handOver") return "--handover";
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function usage(
  object: string,
  problem: string,
  further: { readonly expected?: string; readonly found?: string; readonly advice?: string },
): UsageError {
  return new UsageError({ object, problem, ...further });
}

function entriesOf<Name extends string, Value>(record: Readonly<Record<Name, Value>>): [Name, Value][] {
  return Object.entries(record) as [Name, Value][];
}
