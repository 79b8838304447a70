/** Completion for fish. */

import type { CommandWords, OptionWords, ProgramWords, Values } from "./commands.ts";

export function fishCompletion({ name, options, commands }: ProgramWords): string {
  const complete = (condition: string, rest: string) => `complete -c ${name} -n ${quoted(condition)} ${rest}`;
  const first = "__fish_use_subcommand";
  const lines = [
    ...options.map((option) => complete(first, optionFlags(option))),
    ...commands.map((command) => complete(first, `-f -a ${command.name} -d ${quoted(command.description)}`)),
    ...commands.flatMap((command) =>
      ofCommand(command).map((flags) => complete(`__fish_seen_subcommand_from ${command.name}`, flags)),
    ),
  ];
  return `# Completion of ${name} for fish.\n${lines.join("\n")}\n`;
}

function ofCommand(command: CommandWords): string[] {
  const chosen = command.arguments.filter(({ values }) => values !== "file");
  return [
    ...chosen.map(({ values }) => valueFlags(values).replace(/^-x/, "-f")),
    ...command.options.map(optionFlags),
  ];
}

function optionFlags({ names, description, value }: OptionWords): string {
  const flags = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  if (value !== undefined) flags.push(valueFlags(value.values));
  return `${flags.join(" ")} -d ${quoted(description)}`;
}

function valueFlags(values: Values): string {
  if (values === "file") return "-r -F";
  return values === "free" ? "-x" : `-x -a ${quoted(values.join(" "))}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
