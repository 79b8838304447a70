/** `tlog-migrate cutover`. */

import type { Command } from "commander";
import {
  type BackendWords,
  type CutoverOptions,
  type CutoverReport,
  cutover,
  oneLine,
} from "../lib/index.ts";
import { addBackendOptions, valuesOf } from "./options/log.ts";
import { jsonLine, writeLine, writeResult } from "./output.ts";
import { countOf } from "./report/quantities.ts";
import { good, outputWidth, wrap } from "./report/text-layout.ts";
import { VERSION } from "./version.ts";

const HELP = `
Stop the writer of the old log for good first. The running \`tlog-migrate follow\` then copies the last entries, waits until the
source has stayed the same for its --settle time, hands over, and ends. A log that signs \`Log frozen\` is not waited for.
A source that still grows is not handed over: the request is refused, and the source is followed on.

With --wait the exit code says how it ended: 0 handed over, 1 refused or cancelled.`;

interface CutoverFlags extends Pick<CutoverOptions, "wait" | "cancel"> {
  readonly json?: boolean;
}

export function addCutoverCommand(program: Command, { targetForms, targetOptions }: BackendWords): void {
  const command = program
    .command("cutover")
    .summary("ask the running follow to hand the log over")
    .description(
      "Asks the running follow, on whatever machine, to hand the log over: its old writer is stopped.",
    )
    .argument("<target>", targetForms.join(", "))
    .option("--wait", "wait until the log is handed over, or the request is refused")
    .option("--cancel", "take the request back")
    .option("--json", "print the result, or the error, as one JSON document");
  addBackendOptions(command, targetOptions)
    .addHelpText("after", HELP)
    .action(async (target: string, options: CutoverFlags) => {
      const { wait, cancel } = options;
      const report = await cutover({
        target,
        wait,
        cancel,
        access: { userAgentVersion: VERSION },
        targetOptions: valuesOf(targetOptions, options),
        notice: (sentence) => writeLine(oneLine(sentence), "info"),
      });
      await writeResult(options.json ? jsonLine(report) : cutoverSummary(report, outputWidth()));
    });
}

export function cutoverSummary({ outcome, target, size }: CutoverReport, width: number): string {
  const name = oneLine(target);
  const entries = countOf(size, "entry", "entries");
  const text = {
    accepted: `The cutover is accepted: \`tlog-migrate follow\` hands ${name} over once the source stays the same.`,
    "handed-over": `The log is handed over: ${name} is ready for its log software, with ${entries}.`,
    cancelled: `There is no request for a cutover of ${name}: its copy follows the source on.`,
  }[outcome];
  return `${good(wrap(text, width, "").trimEnd())}\n`;
}
