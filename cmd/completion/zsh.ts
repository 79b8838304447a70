/** Completion for zsh, by its own _arguments. */

import type { ArgumentWords, CommandWords, OptionWords, ProgramWords, Values } from "./commands.ts";

export function zshCompletion({ name, options, commands }: ProgramWords): string {
  const call = `_${name}`;
  const described = commands.map((command) => quoted(`${escaped(command.name)}:${command.description}`));
  return `#compdef ${name}
# Completion of ${name} for zsh.
${call}() {
  local curcontext=$curcontext state line
  local -a commands
  typeset -A opt_args
  commands=(
    ${described.join("\n    ")}
  )
  _arguments -C ${specs([...options.flatMap(optionSpecs), "1: :->command", "*:: :->arguments"])}
  case $state in
    command) _describe command commands ;;
    arguments)
      case $words[1] in
${commands.map(commandCase).join("\n")}
      esac ;;
  esac
}
# Run as a file of $fpath, or loaded by eval.
if [[ $funcstack[1] == ${call} ]]; then ${call} "$@"; else compdef ${call} ${name}; fi
`;
}

function commandCase(command: CommandWords): string {
  return `        ${command.name}) _arguments ${specs([
    ...command.options.flatMap(optionSpecs),
    ...command.arguments.map(argumentSpec),
  ])} ;;`;
}

function specs(all: readonly string[]): string {
  return all.map((spec) => `\\\n          ${quoted(spec)}`).join(" ");
}

/** An option with a value may be repeatable; any other is offered once, by one of its names. */
function optionSpecs({ names, description, value }: OptionWords): string[] {
  const explained = `[${escaped(description)}]`;
  if (value === undefined) return names.map((name) => `(${names.join(" ")})${name}${explained}`);
  return names.map((name) => `*${name}=${explained}:${escaped(value.name)}:${action(value.values)}`);
}

function argumentSpec({ name, values }: ArgumentWords, index: number): string {
  return `${index + 1}:${escaped(name)}:${action(values)}`;
}

function action(values: Values): string {
  if (values === "file") return "_files";
  return values === "free" ? " " : `(${values.join(" ")})`;
}

/** What _arguments would take for its own syntax. */
function escaped(text: string): string {
  return text.replace(/[\\[\]:]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
