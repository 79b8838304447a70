/** The command line as a whole. */

import { Command } from "commander";
import { oneLine } from "../lib/index.ts";
import { addCopyCommand } from "./copy.ts";
import { EXIT_CODES_HELP } from "./exit.ts";
import { writeLine } from "./output.ts";
import { addVerifyCommand } from "./verify.ts";
import { VERSION } from "./version.ts";

const EXAMPLES = `
Examples:
  $ tlog-migrate copy https://log.example.org/ /srv/log --vkey 'log.example.org+1a2b3c4d+AU…'
  $ tlog-migrate verify /srv/log
  $ tlog-migrate help copy`;

/** A program whose wrong use is a CommanderError, told as one line. */
export function newProgram(): Command {
  const program = new Command("tlog-migrate")
    .description(
      "Moves transparency logs (tlog-tiles, Static CT), and proves that nothing changed on the way.",
    )
    .version(VERSION)
    .configureOutput({ outputError: (text) => writeLine(usageLine(text)) })
    .exitOverride()
    .addHelpText("after", `${EXAMPLES}\n${EXIT_CODES_HELP}`);
  addCopyCommand(program);
  addVerifyCommand(program);
  return program;
}

function usageLine(text: string): string {
  return oneLine(text.trim().replace(/^error: /, ""));
}
