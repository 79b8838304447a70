/** The options of commands that copy: `copy` and `plan` have the same, so that one command line does for both; `follow` shares most. */

import { type Command, Option } from "commander";
import { type BackendWords, BOUNDS, type LogFormat, type MigrationOptions } from "../../lib/index.ts";
import { VERSION } from "../version.ts";
import { addTrustOptions, addWorkOptions, type LogOptions, workOptions } from "./log.ts";
import { checkpointPolicy } from "./trust.ts";
import { MS_PER_SECOND, numberWithin } from "./values.ts";

/** What `copy`, `plan` and `follow` have in common. */
export interface CommonOptions
  extends LogOptions,
    Pick<MigrationOptions, "tiles" | "adopt" | "deep" | "allowMissingIssuers"> {
  readonly format: LogFormat;
  /** Seconds. */
  readonly settle: number;
}

export interface CopyOptions
  extends CommonOptions,
    Pick<MigrationOptions, "snapshot" | "recheck" | "saveCheckpoint"> {
  readonly handover?: boolean;
  /** Of `copy` alone. */
  readonly dryRun?: boolean;
}

/** Declares source and target, whose log is trusted, and which tiles are read. */
export function addPlaces(command: Command, backends: BackendWords): Command {
  command
    .argument("<source>", backends.sourceForms.join(", "))
    .argument("<target>", backends.targetForms.join(", "));
  return addTrustOptions(command, "tiles").addOption(
    new Option(
      "--tiles <how>",
      "level-0 tiles: derived from the entries, with fewer requests, or fetched and compared too, to find what is wrong at the source",
    )
      .choices(["derive", "fetch"])
      .default("derive"),
  );
}

export function addAdoptOption(command: Command): Command {
  return command.option("--adopt", "take over an unfinished copy by another tool, and check all of it");
}

export function addExtraDataOptions(command: Command): Command {
  return command
    .option("--deep", "Static CT: check the extra data too, which no leaf hash covers, as verify does")
    .option("--allow-missing-issuers", "Static CT: continue where the source lacks issuers, and list them");
}

/** Declares source, target, and the options of a migration. */
export function addMigrationOptions(command: Command, backends: BackendWords): Command {
  addPlaces(command, backends)
    .option("--handover", "hand the log over: its old writer is stopped permanently")
    .option(
      "--settle <seconds>",
      "how long the source's checkpoint must have stayed the same before the handover",
      numberWithin(BOUNDS.settleMs, MS_PER_SECOND),
      5,
    )
    .option("--snapshot", "stop at the size that was reached, even if the source keeps growing: for mirrors");
  addAdoptOption(command)
    .option("--recheck", "read again what earlier runs have sealed, and copy again what is wrong there")
    .option(
      "--save-checkpoint",
      "store the source's checkpoint at the handover: for mirrors that never append",
    );
  return addWorkOptions(addExtraDataOptions(command), backends);
}

/** What the library is asked to do by the options that all of them have. @throws UsageError */
export function commonOptions(
  source: string,
  target: string,
  options: CommonOptions,
  backends: BackendWords,
): MigrationOptions {
  const { format, tiles, settle, adopt, deep, allowMissingIssuers } = options;
  return {
    ...workOptions(options, backends),
    format,
    policy: checkpointPolicy(options, source) ?? { verifiers: [] },
    source,
    target,
    tool: `tlog-migrate ${VERSION}`,
    tiles,
    settleMs: Math.round(settle * MS_PER_SECOND),
    adopt,
    deep,
    allowMissingIssuers,
  };
}

/** What the library is asked to do. @throws UsageError */
export function migrationOptions(
  source: string,
  target: string,
  options: CopyOptions,
  backends: BackendWords,
): MigrationOptions {
  const { snapshot, handover: handOver, recheck, saveCheckpoint } = options;
  return {
    ...commonOptions(source, target, options, backends),
    snapshot,
    handOver,
    recheck,
    saveCheckpoint,
  };
}
