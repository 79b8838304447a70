/** `tlog-migrate copy`. */

import { type Command, Option } from "commander";
import {
  type BackendWords,
  describeTarget,
  type LogFormat,
  type MigrationOptions,
  migrate,
} from "../lib/index.ts";
import { addTrustOptions, addWorkOptions, type LogOptions, workOptions } from "./options/log.ts";
import { checkpointPolicy } from "./options/trust.ts";
import { number } from "./options/values.ts";
import { isForMirror } from "./report/next-steps.ts";
import { sameCommand } from "./report/same-command.ts";
import { copySummary } from "./report/summary.ts";
import { runWithTools } from "./run.ts";
import { VERSION } from "./version.ts";

type Choice = "tiles" | "snapshot" | "adopt" | "recheck" | "deep" | "allowMissingIssuers" | "saveCheckpoint";

interface CopyOptions extends LogOptions, Pick<MigrationOptions, Choice> {
  readonly format: LogFormat;
  readonly handover?: boolean;
  /** Seconds. */
  readonly settle: number;
}

const examples = (ofBackends: readonly string[]): string => `
Examples:
  $ tlog-migrate copy https://log.example.org/ /srv/log --vkey 'log.example.org+1a2b3c4d+AU…'
  $ tlog-migrate copy https://mon.example.org/2026h1/ /srv/ct --format static-ct \\
      --public-key MFkw… --origin log.example.org/2026h1 --contact you@your.site
${ofBackends.map((example) => `  $ tlog-migrate copy ${example}\n`).join("")}
If a copy stops, for whatever reason, the same command continues it. Log software refuses to start on the target
until the handover: stop the source's writer for good, then run the same command with --handover.`;

export function addCopyCommand(program: Command, backends: BackendWords): void {
  const command = program
    .command("copy")
    .summary("copy a log to a target, and with --handover hand it over there")
    .description(
      "Copies a log to a target and authenticates every byte; with --handover, hands it over to the log software there.",
    )
    .argument("<source>", backends.sourceForms.join(", "))
    .argument("<target>", backends.targetForms.join(", "));
  addTrustOptions(command, "tiles")
    .addOption(
      new Option("--tiles <how>", "level-0 tiles: derived from the entries, or fetched and compared too")
        .choices(["derive", "fetch"])
        .default("derive"),
    )
    .option("--handover", "hand the log over: its old writer is stopped for good")
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
  addWorkOptions(command, backends)
    .addHelpText("after", examples(backends.examples))
    .action((source, target, options) => copy(source, target, options, backends));
}

async function copy(
  source: string,
  target: string,
  options: CopyOptions,
  backends: BackendWords,
): Promise<void> {
  const { tiles, snapshot, handover: handOver, settle, adopt, saveCheckpoint } = options;
  const { format, recheck, deep, allowMissingIssuers } = options;
  const policy = checkpointPolicy(options, source) ?? { verifiers: [] };
  const chosen = workOptions(options, backends);
  const words = await describeTarget(target, chosen.targetOptions);
  await runWithTools(options, {
    command: "copy",
    place: target,
    afterStop: `the same command${recheck === true ? " without --recheck" : ""} continues where this one stopped`,
    work: (tools) =>
      migrate({
        ...chosen,
        ...tools,
        format,
        policy,
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
      }),
    summary: (report, width) => {
      const facts = { snapshot, saveCheckpoint, target: words };
      // A mirror is of use with a checkpoint, and its source goes on.
      const ofMirror = isForMirror(facts) ? ["--snapshot", "--save-checkpoint"] : [];
      return copySummary(report, { ...facts, handover: sameCommand("--handover", ...ofMirror) }, width);
    },
  });
}
