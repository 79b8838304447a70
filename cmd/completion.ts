/** `tlog-migrate completion`. */

import { Argument, type Command } from "commander";
import { bashCompletion } from "./completion/bash.ts";
import { programWords } from "./completion/commands.ts";
import { fishCompletion } from "./completion/fish.ts";
import { zshCompletion } from "./completion/zsh.ts";
import { writeResult } from "./output.ts";

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

const EXAMPLES = `
To load it:
  bash  eval "$(tlog-migrate completion bash)"    (in ~/.bashrc)
  zsh   eval "$(tlog-migrate completion zsh)"     (in ~/.zshrc, after compinit)
  fish  tlog-migrate completion fish | source     (in ~/.config/fish/config.fish)`;

export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .summary("print a script by which a shell completes command lines")
    .description("Prints a script by which a shell completes command lines of this program.")
    .addArgument(new Argument("<shell>", "the shell").choices(Object.keys(SHELLS)))
    .addHelpText("after", EXAMPLES)
    .action((shell: keyof typeof SHELLS) => writeResult(SHELLS[shell](programWords(program))));
}
