/** `tlog-migrate follow`. */

import type { Command } from "commander";
import { type BackendWords, BOUNDS, describeTarget, follow } from "../lib/index.ts";
import { addWorkOptions } from "./options/log.ts";
import {
  addAdoptOption,
  addExtraDataOptions,
  addPlaces,
  type CommonOptions,
  commonOptions,
} from "./options/migration.ts";
import { addQueueOption } from "./options/queue.ts";
import { MS_PER_SECOND, number, numberWithin } from "./options/values.ts";
import { copySummary } from "./report/summary.ts";
import { runWithTools } from "./run.ts";

interface FollowFlags extends CommonOptions {
  /** Seconds. */
  readonly interval: number;
  /** Seconds. */
  readonly maxLag: number;
  readonly mirror?: boolean;
  readonly queue?: string;
}

const HELP = `
Copies what the source has, then what is added to it, until \`tlog-migrate cutover <target>\` asks for the handover. Until
then nothing is public, and log software refuses to start on the target. A source that is unavailable is waited for; if
this command is stopped or killed, the same command continues.

With --mirror, the source's checkpoint is published after each round, once all that it commits to is in place: the target
can be served to readers. It is never handed over, and needs no database; what it serves stays right when it is stopped.

With --queue, what is there at the start, and later growth of two full level-1 tiles or more, is divided among workers.

Examples:
  $ tlog-migrate follow https://log.example.org/ /srv/log --vkey 'log.example.org+1a2b3c4d+AU…'
  $ tlog-migrate follow https://log.example.org/ /srv/mirror --mirror --vkey 'log.example.org+1a2b3c4d+AU…'`;

export function addFollowCommand(program: Command, backends: BackendWords): void {
  const command = program
    .command("follow")
    .summary("copy a log and what is added to it, until a cutover is asked for")
    .description(
      "Copies a log to a target, then what is added to it, until a cutover hands it over there, or as a mirror.",
    );
  addQueueOption(addPlaces(command, backends))
    .option("--mirror", "publish the source's checkpoint as it grows, for readers; without a handover")
    .option(
      "--interval <seconds>",
      "between two looks at the source while it grows",
      numberWithin(BOUNDS.intervalMs, MS_PER_SECOND),
      1,
    )
    .option(
      "--settle <seconds>",
      "how long the source's checkpoint must stay the same after a cutover is asked for",
      numberWithin(BOUNDS.settleMs, MS_PER_SECOND),
      5,
    )
    .option(
      "--max-lag <seconds>",
      "with --http: how far behind the source /readyz still says ready",
      number,
      60,
    );
  addWorkOptions(addExtraDataOptions(addAdoptOption(command)), backends)
    .addHelpText("after", HELP)
    .action((source, target, options) => run(source, target, options, backends));
}

const MIRROR = { state: "", verifyOptions: [], canBeTakenOver: false };

async function run(
  source: string,
  target: string,
  options: FollowFlags,
  backends: BackendWords,
): Promise<void> {
  const chosen = commonOptions(source, target, options, backends);
  const { mirror = false, interval, queue } = options;
  const words = mirror ? MIRROR : await describeTarget(target, chosen.targetOptions ?? {});
  await runWithTools(options, {
    command: "follow",
    source,
    place: target,
    maxLag: options.maxLag,
    afterStop: "the same command continues where this one stopped",
    work: (tools) =>
      follow({ ...chosen, ...tools, mirror, queue, intervalMs: Math.round(interval * MS_PER_SECOND) }),
    summary: (report, width) => copySummary(report, { target: words, handover: "" }, width),
  });
}
