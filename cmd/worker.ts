/** `tlog-migrate worker`. */

import type { Command } from "commander";
import { type BackendWords, runWorker } from "../lib/index.ts";
import { addWorkOptions } from "./options/log.ts";
import { addExtraDataOptions, addPlaces, type CommonOptions, commonOptions } from "./options/migration.ts";
import { addQueueOption } from "./options/queue.ts";
import { workerSummary } from "./report/summary.ts";
import { runWithTools } from "./run.ts";

const HELP = `
Does parts of a copy that \`tlog-migrate copy --queue\` (or follow --queue) with the same source and target gives out by a
queue, until that has handed the log over or has ended. Start as many as you like, on any machine, before or after the copy; stop them at any time. What the
queue says is not trusted: a worker verifies the source's checkpoint by its own keys.

Example:
  $ tlog-migrate worker --queue redis://queue.example:6379 https://log.example.org/ /srv/log --vkey 'log.example.org+1a2b3c4d+AU…'`;

export function addWorkerCommand(program: Command, backends: BackendWords): void {
  const command = program
    .command("worker")
    .summary("copy parts of a log that a queue gives out")
    .description("Copies parts of a log to a target, as a queue gives them out.");
  addQueueOption(addPlaces(command, backends), true).option(
    "--mirror",
    "the target is a mirror, which follow --mirror keeps",
  );
  addWorkOptions(addExtraDataOptions(command), backends)
    .addHelpText("after", HELP)
    .action((source, target, options) => run(source, target, options, backends));
}

async function run(
  source: string,
  target: string,
  options: Omit<CommonOptions, "settle" | "adopt"> & { readonly queue: string; readonly mirror?: boolean },
  backends: BackendWords,
): Promise<void> {
  const { queue, mirror } = options;
  const chosen = commonOptions(source, target, { ...options, settle: 0 }, backends);
  await runWithTools(options, {
    command: "worker",
    source,
    place: target,
    afterStop: "other workers do the rest, and this command joins them again",
    work: (tools) => runWorker({ ...chosen, ...tools, queue, mirror }),
    summary: workerSummary,
  });
}
