/** The options of a migration: `copy` and `plan` have the same, so that one command line does for both. */

import { type Command, Option } from "commander";
import type { BackendWords, LogFormat, MigrationOptions } from "../../lib/index.ts";
import { VERSION } from "../version.ts";
import { addTrustOptions, addWorkOptions, type LogOptions, workOptions } from "./log.ts";
import { checkpointPolicy } from "./trust.ts";
import { number } from "./values.ts";

type Choice = "tiles" | "snapshot" | "adopt" | "recheck" | "deep" | "allowMissingIssuers" | "saveCheckpoint";

export interface CopyOptions extends LogOptions, Pick<MigrationOptions, Choice> {
  readonly format: LogFormat;
  readonly handover?: boolean;
  /** Seconds. */
  readonly settle: number;
  /** Of `copy` alone. */
  readonly dryRun?: boolean;
}

/** Declares source, target, and the options of a migration. */
export function addMigrationOptions(command: Command, backends: BackendWords): Command {
  command
    .argument("<source>", backends.sourceForms.join(", "))
    .argument("<target>", backends.targetForms.join(", "));
  addTrustOptions(command, "tiles")
    .addOption(
      new Option(
        "--tiles <how>",
        "level-0 tiles: derived from the entries, with fewer requests, or fetched and compared too, to find what is wrong at the source",
      )
        .choices(["derive", "fetch"])
        .default("derive"),
    )
    .option("--handover", "hand the log over: its old writer is stopped permanently")
    .option(
      "--settle <seconds>",
      "how long the source's checkpoint must have stayed the same before the handover",
      number,
      5,
    )
    .option("--snapshot", "stop at the size that was reached, even if the source keeps growing: for mirrors")
    .option("--adopt", "take over an unfinished copy by another tool, and check all of it")
    .option("--recheck", "read again what earlier runs have sealed, and copy again what is wrong there")
    .option(
      "--save-checkpoint",
      "store the source's checkpoint at the handover: for mirrors that never append",
    )
    .option("--deep", "Static CT: check the extra data too, which no leaf hash covers, as verify does")
    .option("--allow-missing-issuers", "Static CT: continue where the source lacks issuers, and list them");
  return addWorkOptions(command, backends);
}

/** What the library is asked to do. @throws UsageError */
export function migrationOptions(
  source: string,
  target: string,
  options: CopyOptions,
  backends: BackendWords,
): MigrationOptions {
  const { tiles, snapshot, handover: handOver, settle, adopt, saveCheckpoint } = options;
  const { format, recheck, deep, allowMissingIssuers } = options;
  return {
    ...workOptions(options, backends),
    format,
    policy: checkpointPolicy(options, source) ?? { verifiers: [] },
    source,
    target,
    tool: `tlog-migrate ${VERSION}`,
    tiles,
    snapshot,
    handOver,
    settleMs: settle * 1000,
    adopt,
    recheck,
    saveCheckpoint,
    deep,
    allowMissingIssuers,
  };
}
