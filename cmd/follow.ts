/** `tlog-migrate follow`. */

import { type Command, Option } from "commander";
import {
  type BackendWords,
  describeTarget,
  type FollowOptions,
  follow,
  type LogFormat,
} from "../lib/index.ts";
import { addTrustOptions, addWorkOptions, type LogOptions, workOptions } from "./options/log.ts";
import { checkpointPolicy } from "./options/trust.ts";
import { number } from "./options/values.ts";
import { copySummary } from "./report/summary.ts";
import { runWithTools } from "./run.ts";
import { VERSION } from "./version.ts";

interface FollowFlags
  extends LogOptions,
    Pick<FollowOptions, "tiles" | "adopt" | "deep" | "allowMissingIssuers"> {
  readonly format: LogFormat;
  /** Seconds, both. */
  readonly settle: number;
  readonly interval: number;
}

const HELP = `
Copies what the source has, then what is added to it, until \`tlog-migrate cutover <target>\` asks for the handover. Until
then nothing is public, and log software refuses to start on the target. A source that is unavailable is waited for; if
this command is stopped or killed, the same command continues.

Example:
  $ tlog-migrate follow https://log.example.org/ /srv/log --vkey 'log.example.org+1a2b3c4d+AU…'`;

export function addFollowCommand(program: Command, backends: BackendWords): void {
  const command = program
    .command("follow")
    .summary("copy a log and what is added to it, until a cutover is asked for")
    .description("Copies a log to a target, then what is added to it, until a cutover hands it over there.")
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
    .option("--interval <seconds>", "between two looks at the source while it grows", number, 1)
    .option(
      "--settle <seconds>",
      "how long the source's checkpoint must stay the same after a cutover is asked for",
      number,
      5,
    )
    .option("--adopt", "take over an unfinished copy by another tool, and check all of it")
    .option("--deep", "Static CT: check the extra data too, which no leaf hash covers, as verify does")
    .option("--allow-missing-issuers", "Static CT: continue where the source lacks issuers, and list them");
  addWorkOptions(command, backends)
    .addHelpText("after", HELP)
    .action((source, target, options) => run(source, target, options, backends));
}

async function run(
  source: string,
  target: string,
  options: FollowFlags,
  backends: BackendWords,
): Promise<void> {
  const { tiles, interval, settle, adopt, format, deep, allowMissingIssuers } = options;
  const policy = checkpointPolicy(options, source) ?? { verifiers: [] };
  const chosen = workOptions(options, backends);
  const words = await describeTarget(target, chosen.targetOptions);
  await runWithTools(options, {
    command: "follow",
    place: target,
    afterStop: "the same command continues where this one stopped",
    work: (tools) =>
      follow({
        ...chosen,
        ...tools,
        format,
        policy,
        source,
        target,
        tool: `tlog-migrate ${VERSION}`,
        tiles,
        intervalMs: interval * 1000,
        settleMs: settle * 1000,
        adopt,
        deep,
        allowMissingIssuers,
      }),
    summary: (report, width) => copySummary(report, { target: words, handover: "" }, width),
  });
}
