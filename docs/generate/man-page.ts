/** The manual page of the program, made of its own help. See man(7). */

import type { Command, Help } from "commander";
import { EXIT_CODES, EXIT_CODES_HELP } from "../../cmd/exit.ts";

/** The page as roff, in ASCII; the same for the same program and version. */
export function manPage(program: Command, version: string): string {
  const help = program.createHelp();
  const name = program.name();
  const commands = help.visibleCommands(program);
  return `${[
    `.\\" Generated from the program by: npm run docs`,
    `.TH ${name.toUpperCase()} 1 "" "${name} ${version}" "User Commands"`,
    ".SH NAME",
    `${roff(name)} \\- ${roff(program.description())}`,
    ".SH SYNOPSIS",
    ".nf",
    ...commands.map((command) => synopsis(help, name, command)),
    ".fi",
    ".SH OPTIONS",
    ...optionEntries(help, program),
    ".SH COMMANDS",
    ...commands.flatMap((command) => [`.SS ${roff(command.name())}`, ...commandText(help, name, command)]),
    ".SH EXIT STATUS",
    ...EXIT_CODES.flatMap(([codes, meaning]) => entry(roff(codes), meaning)),
    ".SH EXAMPLES",
    ...preformatted(textAfterHelp(program).replace(EXIT_CODES_HELP, "").replace("Examples:", "")),
  ].join("\n")}\n`;
}

function synopsis(help: Help, program: string, command: Command): string {
  const words = command.registeredArguments.map((argument) =>
    argument.required ? italic(argument.name()) : `[${italic(argument.name())}]`,
  );
  if (help.visibleOptions(command).length > 0) words.unshift("[options]");
  return [bold(`${program} ${command.name()}`), ...words].join(" ");
}

function commandText(help: Help, program: string, command: Command): string[] {
  const after = textAfterHelp(command);
  return [
    synopsis(help, program, command),
    ".PP",
    roff(help.commandDescription(command) || help.subcommandDescription(command)),
    ...help
      .visibleArguments(command)
      .flatMap((argument) => entry(italic(argument.name()), help.argumentDescription(argument))),
    ...optionEntries(help, command),
    ...(after === "" ? [] : [".PP", ...preformatted(after)]),
  ];
}

function optionEntries(help: Help, command: Command): string[] {
  return help.visibleOptions(command).flatMap((option) => {
    const [names = "", value = ""] = option.flags.split(/(?= [<[])/);
    return entry(bold(names) + (value && ` ${italic(value.trim())}`), help.optionDescription(option));
  });
}

/** What addHelpText adds to the help of a command. */
function textAfterHelp(command: Command): string {
  let shown = "";
  const writeOut = (text: string): void => {
    shown += text;
  };
  command.configureOutput({ writeOut }).outputHelp();
  return shown.slice(command.helpInformation().length);
}

function entry(term: string, description: string): string[] {
  return [".TP", term, roff(description)];
}

function preformatted(text: string): string[] {
  const lines = text.replace(/^\n+|\s+$/g, "").split("\n");
  return [".nf", ...lines.map(roff), ".fi"];
}

const bold = (text: string): string => `\\fB${roff(text)}\\fR`;
const italic = (text: string): string => `\\fI${roff(text)}\\fR`;

const SPECIAL: Readonly<Record<string, string>> = {
  "\\": "\\(rs",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  '"': "\\(dq",
};

/** Text that roff takes as it is: no requests, no escapes, and characters that can be copied into a shell. */
function roff(text: string): string {
  return text
    .replace(/[\\'`^~"-]/g, (character) => SPECIAL[character] ?? character)
    .replace(
      /[^\p{ASCII}]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    )
    .replace(/^(?=\.)/, "\\&");
}
