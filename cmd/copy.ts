/** `tlog-migrate copy`. */

import type { Command } from "commander";
import { type BackendWords, copyShard, describeTarget, migrate, type Shard } from "../lib/index.ts";
import { addMigrationOptions, type CopyOptions, migrationOptions } from "./options/migration.ts";
import { addQueueOption } from "./options/queue.ts";
import { addShardOption, chosenShard } from "./options/shard.ts";
import { plan } from "./plan.ts";
import { isForMirror } from "./report/next-steps.ts";
import { sameCommand } from "./report/same-command.ts";
import { copySummary } from "./report/summary.ts";
import { runWithTools } from "./run.ts";

const examples = (ofBackends: readonly string[]): string => `
Examples:
  $ tlog-migrate copy https://log.example.org/ /srv/log --vkey 'log.example.org+1a2b3c4d+AU…'
  $ tlog-migrate copy https://mon.example.org/2026h1/ /srv/ct --format static-ct \\
      --public-key MFkw… --origin log.example.org/2026h1 --contact you@your.site
${ofBackends.map((example) => `  $ tlog-migrate copy ${example}\n`).join("")}
If a copy stops, for whatever reason, the same command continues it. Log software refuses to start on the target
until the handover: stop the source's writer permanently, then run the same command with --handover.`;

export function addCopyCommand(program: Command, backends: BackendWords): void {
  const command = program
    .command("copy")
    .summary("copy a log to a target, and with --handover hand it over there")
    .description(
      "Copies a log to a target and authenticates every byte; with --handover, hands it over to the log software there.",
    );
  addQueueOption(addShardOption(addMigrationOptions(command, backends)))
    .option("--dry-run", "change nothing, and say what would happen and what it would take, as plan does")
    .addHelpText("after", examples(backends.examples))
    .action((source, target, options) =>
      options.dryRun === true && options.shard === undefined
        ? plan(source, target, options, backends)
        : copy(source, target, options, backends),
    );
}

async function copy(
  source: string,
  target: string,
  options: CopyOptions & { readonly shard?: Shard | "auto"; readonly queue?: string },
  backends: BackendWords,
): Promise<void> {
  const { recheck, snapshot, saveCheckpoint } = options;
  const chosen = migrationOptions(source, target, options, backends);
  const shard = chosenShard(options.shard, options);
  const words = await describeTarget(target, chosen.targetOptions ?? {});
  await runWithTools(options, {
    command: "copy",
    source,
    place: target,
    afterStop: `the same command${recheck === true ? " without --recheck" : ""} continues where this one stopped`,
    work: (tools) =>
      shard === undefined
        ? migrate({ ...chosen, ...tools, queue: options.queue })
        : copyShard({ ...chosen, ...tools, shard }),
    summary: (report, width) => {
      const facts = { snapshot, saveCheckpoint, target: words };
      // A mirror is of use with a checkpoint, and its source goes on.
      const ofMirror = isForMirror(facts) ? ["--snapshot", "--save-checkpoint"] : [];
      return copySummary(
        report,
        { ...facts, handover: sameCommand("--handover", ...ofMirror), whole: sameCommand() },
        width,
      );
    },
  });
}
