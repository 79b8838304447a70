/** The options of every command that reads a whole log. */

import { type Command, InvalidArgumentError, Option } from "commander";
import {
  type BackendOption,
  type BackendWords,
  BOUNDS,
  DEFAULT_RETRY,
  type LogFormat,
  type LogWorkOptions,
  type OptionValues,
  optionName,
  UsageError,
} from "../../lib/index.ts";
import { setLineFormat, writeLine } from "../output.ts";
import { VERSION } from "../version.ts";
import type { TrustOptions } from "./trust.ts";
import { type Endpoint, endpoint, minIndex, nonEmpty, numberWithin, repeated } from "./values.ts";

export interface LogOptions
  extends TrustOptions,
    Pick<LogWorkOptions, "workers" | "concurrency" | "minIndex"> {
  /** Megabytes. */
  readonly budget: number;
  readonly rate?: number;
  readonly retries: number;
  readonly json?: boolean;
  readonly http?: Endpoint;
  readonly metricsFile?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

const BYTES_PER_MEGABYTE = 1_000_000;

/** Declares the log's format and the key to trust. @param format its default; undefined where it is found out. */
export function addTrustOptions(command: Command, format?: LogFormat): Command {
  const usual = format === undefined ? " (default: found out)" : "";
  return command
    .addOption(
      new Option("--format <format>", `format of the log${usual}`)
        .choices(["tiles", "static-ct"])
        .default(format),
    )
    .option("--vkey <vkey>", "key that must have signed the checkpoint; repeatable, each must have", repeated)
    .option("--public-key <base64>", "key of a Static CT log, as in CT log lists; needs --origin", nonEmpty)
    .option("--log-list <file>", "CT log list, or log.v3.json, that has the key of a Static CT log", nonEmpty)
    .option(
      "--policy <file>",
      "logs, and the witnesses that must have cosigned: a tlog-policy file",
      nonEmpty,
    )
    .option("--origin <origin>", "origin that the checkpoint must have (default: the key's name)", nonEmpty)
    .option("--insecure-no-signature", "accept the checkpoint without a signature")
    .option(
      "--min-index <n>",
      "the log is pruned: what is wholly below this index may be missing; n is an index, or the word source: the index in the source's own file min_index",
      minIndex,
    );
}

/** Declares limits, what to show, and what the backends of sources and targets declare for the command. */
export function addWorkOptions(command: Command, { sourceOptions, targetOptions }: BackendWords): Command {
  command
    // None is for a copy that leaves the work to a queue's workers: the library decides.
    .option(
      "--workers <n>",
      "worker threads (default: the cores, at most 8)",
      numberWithin([0, BOUNDS.workers[1]]),
    )
    .option(
      "--concurrency <n>",
      "bundles in flight over all workers, at most (default: 16 a worker)",
      numberWithin(BOUNDS.concurrency),
    )
    .option(
      "--budget <MB>",
      "bytes in flight over all workers",
      numberWithin(BOUNDS.budgetBytes, BYTES_PER_MEGABYTE),
      128,
    )
    .option(
      "--rate <n>",
      "requests a second over all workers (default: no limit)",
      numberWithin(BOUNDS.requestsPerSecond),
    )
    .option(
      "--retries <n>",
      "retries after a network error or a busy server",
      numberWithin(BOUNDS.retries),
      DEFAULT_RETRY.attempts,
    )
    .option("--json", "print the result, or the error, as one JSON document")
    .option(
      "--http <host:port>",
      "serve a page to watch the run, metrics and its status; a port alone: on this machine only",
      endpoint,
    )
    .option("--metrics-file <path>", "write Prometheus metrics for a textfile collector", nonEmpty)
    .option("--quiet", "show results and warnings, no progress")
    .option("--verbose", "show each request that is tried again, and why")
    .addOption(
      new Option("--log-format <format>", "lines on standard error; json shows no bar")
        .choices(["text", "json"])
        .default("text"),
    )
    // As soon as it is read: what follows it may be wrong.
    .on("option:log-format", setLineFormat);
  return addBackendOptions(command, [...sourceOptions, ...targetOptions]);
}

/** Declares those options of backends that are for the command. */
export function addBackendOptions(command: Command, options: readonly BackendOption[]): Command {
  for (const { flags, description, parse = nonEmpty, preset, env, commands } of options) {
    const option = new Option(flags, description);
    if (preset !== undefined) option.preset(preset);
    if (env !== undefined) option.env(env);
    if (option.required || option.optional) option.argParser(argumentParser(parse));
    if (commands?.some((name) => name === command.name()) ?? true) command.addOption(option);
  }
  return command;
}

/** Backends throw UsageErrors, commander expects its own. */
function argumentParser<T>(parse: (text: string, before: unknown, warn: (sentence: string) => void) => T) {
  return (text: string, before: unknown): T => {
    try {
      return parse(text, before, (sentence) => writeLine(sentence, "warn"));
    } catch (error) {
      throw error instanceof UsageError ? new InvalidArgumentError(error.facts.problem) : error;
    }
  };
}

/** The options of the engine and of the backends among all that were given. */
export function workOptions(options: LogOptions, { sourceOptions, targetOptions }: BackendWords) {
  const { workers, concurrency, budget, rate, retries } = options;
  return {
    access: { userAgentVersion: VERSION, ...valuesOf(sourceOptions, options) },
    targetOptions: valuesOf(targetOptions, options),
    minIndex: options.minIndex,
    workers,
    concurrency,
    budgetBytes: Math.round(budget * BYTES_PER_MEGABYTE),
    requestsPerSecond: rate,
    retry: { ...DEFAULT_RETRY, attempts: retries },
  } satisfies Partial<LogWorkOptions>;
}

/** The values of backends' options among all that were given. */
export function valuesOf(options: readonly BackendOption[], given: object): OptionValues {
  const names = new Set(options.map(({ flags }) => optionName(flags)));
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name)));
}
