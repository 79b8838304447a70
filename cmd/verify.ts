/** `tlog-migrate verify`. */

import type { Command } from "commander";
import {
  type BackendWords,
  VerificationError,
  type VerificationReport,
  type VerifyOptions,
  verifyLog,
} from "../lib/index.ts";
import { addTrustOptions, addWorkOptions, type LogOptions, workOptions } from "./options/log.ts";
import { checkpointPolicy } from "./options/trust.ts";
import { countOf } from "./report/quantities.ts";
import { verificationSummary } from "./report/summary.ts";
import { runWithTools } from "./run.ts";

const EXAMPLES = `
Examples:
  $ tlog-migrate verify https://log.example.org/ --vkey 'log.example.org+1a2b3c4d+AU…'
  $ tlog-migrate verify /srv/log

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
  addWorkOptions(command, backends)
    .addHelpText("after", EXAMPLES)
    .action((log, options) => verify(log, options, backends));
}

/** `deep` is false by --no-deep. */
type VerifyCommandOptions = LogOptions & Pick<VerifyOptions, "deep" | "allowMissingIssuers">;

async function verify(log: string, options: VerifyCommandOptions, backends: BackendWords): Promise<void> {
  const { deep, allowMissingIssuers, publicKey, logList } = options;
  const ofStaticCt = (publicKey ?? logList) === undefined ? undefined : ("static-ct" as const);
  const format = options.format ?? ofStaticCt;
  const policy = checkpointPolicy({ ...options, format }, log);
  await runWithTools(options, {
    command: "verify",
    place: log,
    afterStop: "nothing was changed, and the same command starts over",
    work: (tools) =>
      verifyLog({
        ...workOptions(options, backends),
        ...tools,
        format,
        policy,
        log,
        deep,
        allowMissingIssuers,
      }),
    summary: verificationSummary,
    requireSuccess,
  });
}

function requireSuccess({ log, faults, findings: [first] }: VerificationReport): void {
  if (faults === 0) return;
  const example = first === undefined ? "" : `, the first of them ${first.path}, which ${first.problem}`;
  throw new VerificationError({
    object: log,
    problem: `${countOf(faults, "object")} of the log ${faults === 1 ? "is" : "are"} bad, missing or beyond its tree${example}`,
  });
}
