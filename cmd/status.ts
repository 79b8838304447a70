/** `tlog-migrate status`. */

import type { Command } from "commander";
import { type BackendWords, targetStatus } from "../lib/index.ts";
import { addBackendOptions, valuesOf } from "./options/log.ts";
import { jsonLine, writeResult } from "./output.ts";
import { statusSummary } from "./report/status.ts";
import { outputWidth } from "./report/text-layout.ts";
import { VERSION } from "./version.ts";

const HELP = `
Nothing is changed, and nothing is authenticated: it is what the marker or the record of a copy, its seals, and the
log software there say. To check a log, use verify. Whatever is found, the exit code is 0.`;

export function addStatusCommand(program: Command, { targetForms, targetOptions }: BackendWords): void {
  const command = program
    .command("status")
    .summary("say what is in a target: how far a copy is, who is at work, or what was handed over")
    .description(
      "Says what is in a target: how far a copy is, who is at work there, or what was handed over.",
    )
    .argument("<target>", targetForms.join(", "))
    .option("--json", "print the result, or the error, as one JSON document");
  addBackendOptions(command, targetOptions)
    .addHelpText("after", HELP)
    .action(async (target: string, options: { readonly json?: boolean }) => {
      const access = { userAgentVersion: VERSION };
      const status = await targetStatus({ target, access, targetOptions: valuesOf(targetOptions, options) });
      await writeResult(options.json ? jsonLine(status) : statusSummary(status, outputWidth()));
    });
}
