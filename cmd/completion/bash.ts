/** Completion for bash 3.2 and later: no library of completions is needed. */

import type { CommandWords, ProgramWords, Values } from "./commands.ts";

export function bashCompletion({ name, options, commands }: ProgramWords): string {
  const call = `_${name.replaceAll("-", "_")}`;
  const words = [...commands.map((command) => command.name), ...options.flatMap(({ names }) => names)];
  return `# Completion of ${name} for bash.
${call}() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command="" words=""
  # Bash splits --option=value at the equals sign.
  if [[ $current == = ]]; then
    current=""
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  ((COMP_CWORD > 1)) && command=\${COMP_WORDS[1]}
  case "$command $before" in
${commands.map(commandCases).join("\n")}
    " "*) words="${words.join(" ")}" ;;
  esac
  # Where there are no words, bash completes names of files.
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F ${call} ${name}
`;
}

/** First the values of options, then what else the command takes. */
function commandCases(command: CommandWords): string {
  const byAction = Map.groupBy(
    command.options.filter(({ value }) => value !== undefined),
    ({ value }) => valueAction(value?.values),
  );
  const cases = [...byAction].map(([action, options]) => {
    const patterns = options.flatMap(({ names }) => names.map((name) => `"${command.name} ${name}"`));
    return `    ${patterns.join(" | ")}) ${action};;`;
  });
  const options = command.options.flatMap(({ names }) => names).join(" ");
  const choices = command.arguments.flatMap(({ values }) => (Array.isArray(values) ? values : [])).join(" ");
  const rest = `if [[ $current == -* ]]; then words="${options}"; else words="${choices}"; fi`;
  return [...cases, `    "${command.name} "*) ${rest} ;;`].join("\n");
}

function valueAction(values: Values = "free"): string {
  if (values === "file") return "";
  // Before bash 4 there is no compopt, and names of files are offered.
  if (values === "free") return "compopt +o default 2>/dev/null ";
  return `words="${values.join(" ")}" `;
}
