/** The command that this process runs, to be suggested with another option. */

import { shellWord, shownAddress, withShownAddresses } from "../../lib/index.ts";

/** The command with further words after its name, as a line of a shell; without what is secret in it. */
export function sameCommand(...further: readonly string[]): string {
  const [, , ...words] = process.argv;
  const shown = words.map((word, i) => {
    const isFile = /^(--header=)?@/.test(word);
    if (words[i - 1] === "--header") return isFile ? word : "…";
    if (word.startsWith("--header=")) return isFile ? word : "--header=…";
    const address = withShownAddresses(shownAddress(word));
    if (address === word) return word;
    const credentials = word.includes("@") ? address.replace("://", "://…@") : address;
    return word.includes("?") ? `${credentials}?…` : credentials;
  });
  const [command = "", ...others] = shown;
  return ["tlog-migrate", command, ...further, ...others].map(shellWord).join(" ");
}
