/** The command line as a whole. */

import { Command, CommanderError } from "commander";
import {
  backendWords,
  bounded,
  hasherName,
  oneLine,
  shownAddress,
  withShownAddresses,
} from "../lib/index.ts";
import { addAbandonCommand } from "./abandon.ts";
import { addCompletionCommand } from "./completion.ts";
import { addCopyCommand } from "./copy.ts";
import { addCutoverCommand } from "./cutover.ts";
import { EXIT_CODES_HELP } from "./exit.ts";
import { addFollowCommand } from "./follow.ts";
import { HELP_LAYOUT } from "./help.ts";
import { writeLine } from "./output.ts";
import { addPlanCommand } from "./plan.ts";
import { addStatusCommand } from "./status.ts";
import { addVerifyCommand } from "./verify.ts";
import { VERSION } from "./version.ts";
import { addWorkerCommand } from "./worker.ts";

const EXAMPLES = `
Examples:
  $ tlog-migrate copy https://log.example.org/ /srv/log --vkey 'log.example.org+1a2b3c4d+AU…'
  $ tlog-migrate verify /srv/log
  $ tlog-migrate help copy`;

/**
 * The program. Usage errors are CommanderErrors, shown as one line.
 * @param given the arguments that it will parse.
 */
export async function newProgram(given: readonly string[] = process.argv.slice(2)): Promise<Command> {
  const backends = await backendWords();
  const program = new Command("tlog-migrate")
    .description(
      "Moves transparency logs (tlog-tiles, Static CT), and proves that nothing changed on the way.",
    )
    .configureHelp(HELP_LAYOUT)
    .option("-V, --version", "output the version, and which hasher runs")
    .on("option:version", printVersion)
    .configureOutput({ outputError: (text) => writeLine(usageLine(text, given)) })
    .exitOverride((error) => {
      const isFailure = error.exitCode !== 0;
      throw isFailure ? new CommanderError(2, error.code, usageLine(error.message, given)) : error;
    })
    .addHelpText("after", `${EXAMPLES}\n${EXIT_CODES_HELP}`)
    // An unavailable hasher is a usage error: reported before any work, not later by a thread.
    .hook("preAction", () => void hasherName());
  addCopyCommand(program, backends);
  addPlanCommand(program, backends);
  addFollowCommand(program, backends);
  addWorkerCommand(program, backends);
  addCutoverCommand(program, backends);
  addVerifyCommand(program, backends);
  addStatusCommand(program, backends);
  addAbandonCommand(program, backends);
  addCompletionCommand(program);
  return program;
}

/** The arguments, where help is asked for what is not a command: commander would show its own help, and no error. */
export function withoutUnknownHelp(program: Command, given: readonly string[]): readonly string[] {
  const [help, name] = given;
  const isKnown = program.commands.some((command) => command.name() === name);
  return help !== "help" || name === undefined || name.startsWith("-") || name === "help" || isKnown
    ? given
    : given.slice(1);
}

/** A usage error of commander's, which quotes arguments as they are. */
function usageLine(text: string, given: readonly string[]): string {
  const values = given.map((argument) => argument.replace(/^--[a-z-]+=/, ""));
  const addresses = values.filter((value) => value !== shownAddress(value));
  const shown = addresses.reduce((line, address) => line.replaceAll(address, shownAddress(address)), text);
  return bounded(
    oneLine(
      withShownAddresses(shown)
        .trim()
        .replace(/^error: /, ""),
    ),
  );
}

/** The version, then the hasher: scripts cut off the first word. Help works whatever hasher the environment asks for. */
function printVersion(): never {
  process.stdout.write(`${VERSION} (hasher: ${hasherName()})\n`);
  throw new CommanderError(0, "commander.version", "");
}
