/** The command line of the benchmark. */

import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import type { ProfileChoice } from "./profile.ts";
import { prepareResults } from "./report/results.ts";
import { defaultDisk, defaultScratch } from "./run/places.ts";
import { SUITES } from "./suites/all.ts";

export interface BenchOptions extends ProfileChoice {
  /** Names of suites. */
  readonly suite: readonly string[];
  readonly scratch: string;
  readonly disk: string;
  readonly program: string;
  /** An earlier build. */
  readonly beside?: string;
  readonly out?: string;
}

const COMPILED = fileURLToPath(new URL("../dist/cmd/tlog-migrate.js", import.meta.url));
const OBJECT_STORES = ["gcs", "s3"];
const SUITE_NAMES = SUITES.map(({ name }) => name);

const HELP = `
Suites:
${SUITES.map(({ name, about }) => `  ${name.padEnd(9)} ${about}`).join("\n")}

Peers that are not installed (rclone, Go for Tessera's tools and emulated clouds, MariaDB, Redis) are left out, and nginx is
replaced by a server of our own. Goals are judged by a full run alone: with other sizes, or fewer rounds than 3,
figures are shown and not judged. A goal that is missed is shown, and is not a failure. Tables go to standard
output, progress to standard error. Nothing is written but what --out asks for; logs and copies are removed at the
end.`;

/**
 * Reads the arguments, those after the program's name.
 * @throws CommanderError on a usage error, reported as one line, and after --help.
 */
export function readOptions(args: readonly string[], report: (line: string) => void): BenchOptions {
  const command = new Command("npm run bench --")
    .description("Measures tlog-migrate next to other programs that copy, on this machine.")
    .option("--quick", "small logs, one round: a look in a few minutes", false)
    .option("--suite <names>", "which to run, separated by commas (default: all)", suiteNames, SUITE_NAMES)
    .addOption(
      new Option(
        "--target <stores>",
        "the suites of copies into these object stores, separated by commas: gcs, s3",
      )
        .argParser(storeNames)
        .conflicts("suite"),
    )
    .option("--rounds <n>", "runs of each contender (default: 3; 1 with --quick)", wholeNumber(100))
    .option("--entries <n>", "entries of the logs (default: each suite's own)", wholeNumber(1e9))
    .option("--scratch <dir>", "logs, and copies into memory (default: a tmpfs)", directory, defaultScratch())
    .option("--disk <dir>", "copies onto a disk (default: for temporary files)", directory, defaultDisk())
    .option("--program <file>", "compiled program to measure (default: of this checkout)", file, COMPILED)
    .option("--beside <file>", "compiled program of an earlier commit, to measure in the same rounds", file)
    .option(
      "--out <dir>",
      "write RESULTS.md and results.jsonl, after each suite; other suites there are kept",
    )
    .addHelpText("after", HELP)
    .exitOverride()
    .configureOutput({ outputError: (text) => report(text.trim().replace(/^error: /, "")) });
  command.parse(args, { from: "user" });
  const { target, ...given } = command.opts<BenchOptions & { readonly target?: readonly string[] }>();
  const options = { ...given, suite: target ?? given.suite };
  if (!existsSync(options.program)) command.error("the program is not built: run npm run build first");
  try {
    // At the start: results that cannot be written at the end have been measured for nothing.
    if (options.out !== undefined) prepareResults(options.out);
  } catch (error) {
    command.error(`--out: ${(error as Error).message}`);
  }
  return options;
}

function suiteNames(text: string): string[] {
  const names = text.split(",");
  if (names.every((name) => SUITE_NAMES.includes(name))) return names;
  throw new InvalidArgumentError(`Suites are ${SUITE_NAMES.join(", ")}.`);
}

function storeNames(text: string): string[] {
  const names = text.split(",");
  if (names.every((name) => OBJECT_STORES.includes(name))) return names;
  throw new InvalidArgumentError(`Object stores are ${OBJECT_STORES.join(", ")}.`);
}

function wholeNumber(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number from 1 to ${most}.`);
  };
}

function directory(text: string): string {
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory()) return text;
  throw new InvalidArgumentError("There is no such directory.");
}

function file(text: string): string {
  if (statSync(text, { throwIfNoEntry: false })?.isFile()) return text;
  throw new InvalidArgumentError("There is no such file.");
}
