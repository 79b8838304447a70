/** The command that this process runs, to be suggested with another option. */

import { shellWord, shownAddress, withShownAddresses } from "../../lib/index.ts";

/** Options that are not repeated: a run that is suggested has something to say, and reads nothing again that it need not. */
const FOR_ONE_RUN: readonly string[] = ["--recheck", "--quiet"];

/** Options that are for this run alone, with their values. */
const OF_THIS_RUN: readonly string[] = ["--shard"];

/**
 * The command with further options after its name, as a line of a shell; without what is secret in it, and without
 * switches that were for this run alone, or are given again.
 */
export function sameCommand(...further: readonly string[]): string {
  const [, , ...given] = process.argv;
  const end = given.indexOf("--");
  const isLeftOut = (word: string, before = "") =>
    FOR_ONE_RUN.includes(word) ||
    further.includes(word) ||
    OF_THIS_RUN.some((option) => word === option || before === option || word.startsWith(`${option}=`));
  const words = given.filter((word, i) => (end !== -1 && i > end) || !isLeftOut(word, given[i - 1]));
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
