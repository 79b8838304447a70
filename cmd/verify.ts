/** `tlog-migrate verify`. */

import type { Command } from "commander";
import {
  type BackendWords,
  OperationError,
  shownAddress,
  VerificationError,
  type VerificationReport,
  type VerifyOptions,
  verifyLog,
} from "../lib/index.ts";
import { addTrustOptions, addWorkOptions, type LogOptions, workOptions } from "./options/log.ts";
import { checkpointPolicy } from "./options/trust.ts";
import { nonEmpty } from "./options/values.ts";
import { countOf } from "./report/quantities.ts";
import { sameCommand } from "./report/same-command.ts";
import { verificationSummary } from "./report/summary.ts";
import { runWithTools } from "./run.ts";

const EXAMPLES = `
Examples:
  $ tlog-migrate verify https://log.example.org/ --vkey 'log.example.org+1a2b3c4d+AU…'
  $ tlog-migrate verify /srv/log
  $ tlog-migrate verify /srv/log --repair-from https://mirror.example.org/log/

A target without a checkpoint, before its log software starts, is checked against its tree state, without a key.`;

export function addVerifyCommand(program: Command, backends: BackendWords): void {
  const command = program
    .command("verify")
    .summary("read a whole log back and check it against its checkpoint")
    .description(
      "Reads a whole log, recomputes every hash, and reports everything that does not match its checkpoint.",
    )
    .argument("<log>", backends.sourceForms.join(", "));
  addTrustOptions(command)
    .option("--no-deep", "Static CT: do not check the extra data, which no leaf hash covers")
    .option("--allow-missing-issuers", "Static CT: list missing issuers, and do not count them as faults");
  command.option(
    "--repair-from <source>",
    "replace what is wrong or missing in the tree by what another copy of the log has",
    nonEmpty,
  );
  addWorkOptions(command, backends)
    .addHelpText("after", EXAMPLES)
    .action((log, options) => verify(log, options, backends));
}

const REPAIR_ADVICE = "Run the same command with --repair-from and another copy of the log";

/** `deep` is false by --no-deep. */
type VerifyCommandOptions = LogOptions & Pick<VerifyOptions, "deep" | "allowMissingIssuers" | "repairFrom">;

async function verify(log: string, options: VerifyCommandOptions, backends: BackendWords): Promise<void> {
  const { deep, allowMissingIssuers, publicKey, logList, repairFrom } = options;
  const ofStaticCt = (publicKey ?? logList) === undefined ? undefined : ("static-ct" as const);
  const format = options.format ?? ofStaticCt;
  const policy = checkpointPolicy({ ...options, format }, log);
  await runWithTools(options, {
    command: "verify",
    place: log,
    afterStop:
      repairFrom === undefined
        ? "nothing was changed, and the same command starts over"
        : "what was repaired stays so, and the same command starts over",
    work: (tools) =>
      verifyLog({
        ...workOptions(options, backends),
        ...tools,
        format,
        policy,
        log,
        deep,
        allowMissingIssuers,
        repairFrom,
      }),
    summary: (report, width) => verificationSummary(report, repairCommand(report), width),
    requireSuccess,
  });
}

/** The command that repairs what was found, with the source that the record has. */
function repairCommand({ copiedFrom }: VerificationReport): string {
  return sameCommand("--repair-from", copiedFrom === undefined ? "<source>" : shownAddress(copiedFrom));
}

function requireSuccess(report: VerificationReport): void {
  const { log, faults, findings, repairable = 0, repair } = report;
  if (faults === 0) return;
  // The log may be what it should be once the copy can be read again.
  if (repair?.failure !== undefined) throw new OperationError(repair.failure);
  const [first] = findings;
  const example =
    first === undefined
      ? ""
      : `, ${faults === 1 ? "" : "the first of them "}${first.path}, which ${first.problem}`;
  throw new VerificationError({
    object: log,
    problem: `${countOf(faults, "object")} of the log ${faults === 1 ? "is" : "are"} bad, missing or beyond its tree${example}`,
    ...(repairable > 0 && repair === undefined && { advice: REPAIR_ADVICE }),
  });
}
