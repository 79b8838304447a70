/** `options.md`: every command with its options, made of the program's own help. */

import type { Command, Help } from "commander";

/** The page as Markdown; the same for the same program. */
export function optionsPage(program: Command): string {
  const help = program.createHelp();
  return [
    "# Options",
    "Made from the program's own help by `npm run docs`. `tlog-migrate help <command>` shows the same.",
    ...help
      .visibleCommands(program)
      .filter((command) => command.name() !== "help")
      .flatMap((command) => section(help, command)),
    "",
  ].join("\n\n");
}

function section(help: Help, command: Command): string[] {
  const names = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const terms = [
    ...help
      .visibleArguments(command)
      .map((argument) => [`<${argument.name()}>`, help.argumentDescription(argument)]),
    ...help.visibleOptions(command).map((option) => [option.flags, help.optionDescription(option)]),
  ];
  return [
    `## \`${[command.name(), ...names].join(" ")}\``,
    `${help.commandDescription(command)}`,
    [
      "| | |",
      "| --- | --- |",
      ...terms.map(([term = "", text = ""]) => `| ${code(term)} | ${cell(text)} |`),
    ].join("\n"),
  ];
}

const code = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``;
const cell = (text: string): string => text.replaceAll("|", "\\|").replace(/[<>]/g, "\\$&");
