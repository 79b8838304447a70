/** The commands of the program with their arguments and options, read from commander: completion and manual use them. */

import type { Command, Option } from "commander";

/** What a value may be: one of these words, a file, or text that cannot be completed. */
export type Values = readonly string[] | "file" | "free";

export interface OptionWords {
  /** As they are typed: `-h` and `--help`. */
  readonly names: readonly string[];
  readonly description: string;
  /** For an option with a value: what it is called, and what it may be. */
  readonly value?: { readonly name: string; readonly values: Values };
}

export interface ArgumentWords {
  readonly name: string;
  readonly values: Values;
}

export interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly arguments: readonly ArgumentWords[];
  readonly options: readonly OptionWords[];
}

/** The program itself, whose name is the first word, with its own options. */
export interface ProgramWords {
  readonly name: string;
  readonly options: readonly OptionWords[];
  readonly commands: readonly CommandWords[];
}

/** The words of the program; what is hidden from its help is left out. */
export function programWords(program: Command): ProgramWords {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  const names = commands.map((command) => command.name());
  return {
    name: program.name(),
    options: help.visibleOptions(program).map(optionWords),
    commands: commands.map((command) => ({
      name: command.name(),
      description: help.subcommandDescription(command),
      arguments: command.registeredArguments.map((argument) => ({
        name: argument.name(),
        // What `help` explains is one of the commands; everything else that is not chosen is a place.
        values: argument.argChoices ?? (command.name() === "help" ? names : "file"),
      })),
      options: help.visibleOptions(command).map(optionWords),
    })),
  };
}

function optionWords({ short, long, flags, description, argChoices }: Option): OptionWords {
  const names = [short, long].filter((name) => name !== undefined);
  const [, name] = /[<[]([^>\]]+)/.exec(flags) ?? [];
  if (name === undefined) return { names, description };
  return { names, description, value: { name, values: argChoices ?? fileOrFree(name) } };
}

function fileOrFree(name: string): Values {
  return name === "file" || name === "path" ? "file" : "free";
}
