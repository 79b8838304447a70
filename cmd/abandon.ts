/** `tlog-migrate abandon`. */

import type { Command } from "commander";
import { type AbandonReport, abandon, type BackendWords, oneLine } from "../lib/index.ts";
import { addBackendOptions, valuesOf } from "./options/log.ts";
import { jsonLine, writeLine, writeResult } from "./output.ts";
import { countOf } from "./report/quantities.ts";
import { emphasis, good, listSection, outputWidth, wrap } from "./report/text-layout.ts";
import { VERSION } from "./version.ts";

const HELP = `
Of a target that was handed over, and on which no log software has started since, it makes an unfinished copy again:
\`copy\` continues it. Of a mirror that \`follow --mirror\` keeps, it makes one too, and takes its checkpoint away. Of a
target on which a copy has stored nothing, it removes the claim. Everything else is refused, and nothing is changed.`;

export function addAbandonCommand(program: Command, { targetForms, targetOptions }: BackendWords): void {
  const command = program
    .command("abandon")
    .summary("take back a handover that no log software has continued from, or a claim")
    .description("Takes back a handover, or removes a claim, where nothing has been built on it.")
    .argument("<target>", targetForms.join(", "))
    .option("--json", "print the result, or the error, as one JSON document");
  addBackendOptions(command, targetOptions)
    .addHelpText("after", HELP)
    .action(async (target: string, options: { readonly json?: boolean }) => {
      const access = { userAgentVersion: VERSION };
      const report = await abandon({
        target,
        access,
        targetOptions: valuesOf(targetOptions, options),
        notice: (sentence) => writeLine(oneLine(sentence), "info"),
      });
      await writeResult(options.json ? jsonLine(report) : abandonSummary(report, outputWidth()));
    });
}

function abandonSummary({ outcome, target, size }: AbandonReport, width: number): string {
  const copy = `${oneLine(target)} is an unfinished copy of ${countOf(size, "entry", "entries")}`;
  const done = {
    "claim-removed": `The claim on ${oneLine(target)} is removed; nothing was stored there.`,
    "handover-taken-back": `The handover is taken back: ${copy} again.`,
    "mirror-withdrawn": `The mirror's checkpoint is taken away: ${copy} now.`,
  }[outcome];
  const headline = `${good(wrap(done, width, "").trimEnd())}\n`;
  if (outcome === "claim-removed") return headline;
  const warnings = outcome === "handover-taken-back" ? [WARNING] : [];
  return [
    headline,
    listSection(emphasis("Look at this"), warnings, { width }),
    listSection(emphasis("What to do next"), [NEXT], { width, numbered: true }),
  ].join("");
}

const WARNING =
  "No log software may run on it, nor on a copy of it made before; stop an Appender that was started on it and has not published a checkpoint yet. Two logs that both append are a fork, which nobody can repair.";
const NEXT =
  "Run the same `tlog-migrate copy` or `follow` as before: it copies what was added to the source; copy hands over with --handover, follow when `tlog-migrate cutover` asks for it.";
