/** The command line of the benchmark. */

import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { wholeNumber } from "../cmd/options/values.ts";
import type { LogFormat } from "../lib/tlog/layout.ts";
import { prepareResults } from "./report/results-directory.ts";
import { defaultDisk, defaultScratch } from "./run/places.ts";
import { requireWritableDirectory, requireWritableFile } from "./run/writable.ts";
import { SUITES } from "./suites/all.ts";

export interface BenchOptions {
  readonly quick: boolean;
  /** Names of suites. */
  readonly suites: readonly string[];
  readonly rounds?: number;
  readonly entries?: number;
  readonly entrySize?: string;
  readonly format?: LogFormat;
  readonly scratch: string;
  readonly disk: string;
  readonly program: string;
  readonly beside?: string;
  readonly json?: string;
  readonly out?: string;
}

/** As commander gives them. */
type GivenOptions = Omit<BenchOptions, "suites"> & {
  readonly suite?: readonly string[];
};

const MAX_ENTRY_SIZE = 65_535;
const COMPILED = fileURLToPath(new URL("../dist/cmd/tlog-migrate.js", import.meta.url));
const NO_STATIC_CT = "scale";
const SUITE_NAMES = SUITES.map(({ name }) => name);

const HELP = `
Suites:
${SUITES.map(({ name, about }) => `  ${name.padEnd(9)} ${about}`).join("\n")}

Peers that are not installed (rclone, Go for Tessera's tool) are left out, and nginx is replaced by a server of
our own. The scale suite has no Static CT logs. Goals are judged by a full run alone: other sizes, or fewer
rounds than 3, are no ground for that. A goal that is missed is shown, and no failure. Tables go to standard
output, progress to standard error. Nothing is written but what --json and --out ask for; logs and copies are
removed at the end.`;

/**
 * Reads the arguments, those after the program's name.
 * @throws CommanderError on wrong use, told as one line, and after --help.
 */
export function readOptions(args: readonly string[], tell: (line: string) => void): BenchOptions {
  const command = new Command("npm run bench --")
    .description("Measures tlog-migrate beside other programs that copy, on this machine.")
    .option("--quick", "small logs, one round: a look in two minutes", false)
    .option("--suite <names>", "which to run, separated by commas (default: all)", suiteNames)
    .option("--rounds <n>", "runs of each contender (default: 3; 1 with --quick)", wholeNumber(1, 100))
    .option("--entries <n>", "entries of the logs (default: each suite's own)", wholeNumber(1, 1e9))
    .option("--entry-size <bytes>", "bytes of an entry: a number, or <min>-<max>", entrySize)
    .addOption(new Option("--format <format>", "format of the logs").choices(["tiles", "static-ct"]))
    .option("--scratch <dir>", "logs, and copies into memory (default: a tmpfs)", directory, defaultScratch())
    .option("--disk <dir>", "copies onto a disk (default: for temporary files)", directory, defaultDisk())
    .option("--program <file>", "compiled program to measure (default: of this checkout)", file, COMPILED)
    .option("--beside <file>", "compiled program of an earlier commit, to measure in the same rounds", file)
    .option("--json <file>", "write all figures as JSON, after each suite")
    .addOption(
      new Option(
        "--out <dir>",
        "write RESULTS.md, its charts and figures; other suites there are kept if machine and versions are the same",
      ).conflicts("quick"),
    )
    .addHelpText("after", HELP)
    .exitOverride()
    .configureOutput({ outputError: (text) => tell(text.trim().replace(/^error: /, "")) });
  command.parse(args, { from: "user" });
  const { suite, ...given } = command.opts<GivenOptions>();
  const isAsked = suite !== undefined;
  const options = { ...given, suites: suite ?? SUITE_NAMES };
  if (options.format === "static-ct" && options.entrySize !== undefined) {
    command.error("--entry-size: Static CT entries have the size of certificates");
  }
  if (options.format === "static-ct" && isAsked && options.suites.includes(NO_STATIC_CT)) {
    command.error(`--suite: the ${NO_STATIC_CT} suite has no Static CT logs`);
  }
  if (!existsSync(options.program)) command.error("the program is not built: run npm run build first");
  const refusal = unwritable(options);
  if (refusal !== undefined) command.error(refusal);
  const suites =
    options.format === "static-ct" ? options.suites.filter((name) => name !== NO_STATIC_CT) : options.suites;
  return { ...options, suites };
}

/** Asked at the start: who finds out at the end has measured for nothing. */
function unwritable({ scratch, disk, json, out }: BenchOptions): string | undefined {
  const checks = [
    { option: "--scratch", check: () => requireWritableDirectory(scratch) },
    { option: "--disk", check: () => requireWritableDirectory(disk) },
    { option: "--json", check: () => json === undefined || requireWritableFile(json) },
    { option: "--out", check: () => out === undefined || prepareResults(out) },
  ];
  for (const { option, check } of checks) {
    try {
      check();
    } catch (error) {
      return `${option}: ${(error as Error).message}`;
    }
  }
  return undefined;
}

function suiteNames(text: string): string[] {
  const names = text.split(",");
  const unknown = names.find((name) => !SUITE_NAMES.includes(name));
  if (unknown === undefined) return names;
  throw new InvalidArgumentError(`Suites are ${SUITE_NAMES.join(", ")}.`);
}

function entrySize(text: string): string {
  const [least, most] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text)?.slice(1) ?? [];
  const [from, to] = [Number(least), Number(most ?? least)];
  if (from <= to && to <= MAX_ENTRY_SIZE) return text;
  throw new InvalidArgumentError(`Give bytes, up to ${MAX_ENTRY_SIZE}, or a range such as 100-2000.`);
}

function directory(text: string): string {
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory()) return text;
  throw new InvalidArgumentError("There is no such directory.");
}

function file(text: string): string {
  if (statSync(text, { throwIfNoEntry: false })?.isFile()) return text;
  throw new InvalidArgumentError("There is no such file.");
}
