/** The options that backends declare. */

import { type Command, InvalidArgumentError, Option } from "commander";
import {
  type BackendOption,
  type BackendWords,
  type OptionValues,
  optionName,
  UsageError,
} from "../../lib/index.ts";
import { nonEmpty } from "./values.ts";

/** Adds what the backends of sources and targets declare for a command. */
export function addBackendOptions(
  command: Command,
  { sourceOptions, targetOptions }: BackendWords,
  name: "copy" | "verify",
): Command {
  for (const option of [...sourceOptions, ...targetOptions]) {
    if (option.commands?.includes(name) ?? true) command.addOption(declared(option));
  }
  return command;
}

function declared({ flags, description, parse = nonEmpty }: BackendOption): Option {
  const option = new Option(flags, description);
  const hasValue = option.required || option.optional;
  return hasValue ? option.argParser((text, before) => parsed(parse, text, before)) : option;
}

/** Backends throw UsageErrors, commander expects its own. */
function parsed(parse: (text: string, before: unknown) => unknown, text: string, before: unknown): unknown {
  try {
    return parse(text, before);
  } catch (error) {
    throw error instanceof UsageError ? new InvalidArgumentError(error.facts.problem) : error;
  }
}

/** The values of these options among all that were given. */
export function valuesOf(options: readonly BackendOption[], given: object): OptionValues {
  const names = new Set(options.map(({ flags }) => optionName(flags)));
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name)));
}
