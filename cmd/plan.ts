/** `tlog-migrate plan`, which `copy --dry-run` is too. */

import type { Command } from "commander";
import {
  type BackendWords,
  OperationError,
  type PlanReport,
  planMigration,
  TargetRefusedError,
  UsageError,
  VerificationError,
} from "../lib/index.ts";
import { addMigrationOptions, type CopyOptions, migrationOptions } from "./options/migration.ts";
import { planSummary } from "./report/plan.ts";
import { runWithTools } from "./run.ts";

const HELP = `
Examples:
  $ tlog-migrate plan https://log.example.org/ /srv/log --vkey 'log.example.org+1a2b3c4d+AU…'

Nothing is changed: the source's checkpoint is verified, some of its entry bundles are read and authenticated, and the
target is looked at. It takes the options of copy, whose exit code it has where a copy would be refused or fail.`;

export function addPlanCommand(program: Command, backends: BackendWords): void {
  const command = program
    .command("plan")
    .summary("say what a copy would do and take, and change nothing")
    .description(
      "Says what a copy would do, and what it would take, from samples of the source; nothing is changed.",
    );
  addMigrationOptions(command, backends)
    .addHelpText("after", HELP)
    .action((source, target, options) => plan(source, target, options, backends));
}

/** Plans a copy. Its report is printed also where a copy would fail, and then that failure. */
export async function plan(
  source: string,
  target: string,
  options: CopyOptions,
  backends: BackendWords,
): Promise<void> {
  const chosen = migrationOptions(source, target, options, backends);
  await runWithTools(options, {
    command: "plan",
    source,
    place: target,
    afterStop: "nothing was changed, and the same command starts over",
    work: (tools) => planMigration({ ...chosen, ...tools }),
    summary: planSummary,
    requireSuccess,
  });
}

const FAILURES = {
  operation: OperationError,
  usage: UsageError,
  verification: VerificationError,
  refused: TargetRefusedError,
};

function requireSuccess({ refusal }: PlanReport): void {
  if (refusal === undefined) return;
  const { kind, ...facts } = refusal;
  throw new FAILURES[kind](facts);
}
