/** The command line as a whole. */

import { Command, CommanderError } from "commander";
import { backendWords, hasherName, oneLine } from "../lib/index.ts";
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

/** The program. Usage errors are CommanderErrors, shown as one line. */
export async function newProgram(): Promise<Command> {
  const backends = await backendWords();
  const program = new Command("tlog-migrate")
    .description(
      "Moves transparency logs (tlog-tiles, Static CT), and proves that nothing changed on the way.",
    )
    .option("-V, --version", "output the version, and which hasher runs")
    .on("option:version", printVersion)
    .configureOutput({ outputError: (text) => writeLine(oneLine(text.trim().replace(/^error: /, ""))) })
    .exitOverride()
    .addHelpText("after", `${EXAMPLES}\n${EXIT_CODES_HELP}`)
    // An unavailable hasher is a usage error: reported before any work, not later by a thread.
    .hook("preAction", () => void hasherName());
  addCopyCommand(program, backends);
  addVerifyCommand(program, backends);
  return program;
}

/** The version, then the hasher: scripts cut off the first word. Help works whatever hasher the environment asks for. */
function printVersion(): never {
  process.stdout.write(`${VERSION} (hasher: ${hasherName()})\n`);
  throw new CommanderError(0, "commander.version", "");
}
