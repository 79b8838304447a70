/** Finds faults of the private state of a log in a directory, read as Tessera reads it when it starts and later. */

import type { Finding } from "../../lib/migrate/ports/executor.ts";
import { findings } from "../../lib/migrate/verify/findings.ts";
import { attempt, FormatError } from "../../lib/tlog/errors.ts";
import { excerpt } from "../../lib/tlog/note.ts";
import { markerIn } from "../shared/claim-text.ts";
import { goCount, goFields } from "./go-json.ts";
import { COMPATIBLE_VERSION, parseTreeState, STATE, stateText } from "./state.ts";

/** The faults of all files but the tree state, which is compared with the log itself; of that, whether it is gone. */
export async function stateFaults(root: string): Promise<Finding[]> {
  const texts = new Map<string, string | undefined>();
  const faults: Finding[] = [];
  // The tree state last, which log software writes first: in a live log the others are never ahead.
  for (const name of [STATE.version, STATE.record, STATE.collection, STATE.tree]) {
    faults.push(...(await findings(name, () => texts.set(name, stateText(root, name)))));
  }
  const tree = texts.get(STATE.tree);
  return [
    ...faults,
    ...(await findings(STATE.version, () => requireVersion(texts.get(STATE.version)))),
    ...(await findings(STATE.tree, () => {
      if (!texts.has(STATE.tree) || tree !== undefined || texts.get(STATE.record) === undefined) return;
      throw new FormatError("is missing: log software would start a new, empty log here");
    })),
    ...(await findings(STATE.collection, () => requireCollection(texts.get(STATE.collection), tree))),
  ];
}

/** Tessera reads a decimal number, and creates the file where there is none. */
function requireVersion(text: string | undefined): void {
  // With a claim, only a mirror is a log.
  if (text === undefined || /^0*1$/.test(text) || markerIn(text) !== undefined) return;
  const found = text === "" ? "an empty file" : excerpt(text);
  throw new FormatError("is refused by log software", COMPATIBLE_VERSION, found);
}

/** Beyond the tree, the clean-up would leave obsolete partials for ever; unreadable, it fails each time. */
function requireCollection(text: string | undefined, tree: string | undefined): void {
  if (text === undefined) return;
  const from = goCount(goFields(text, ["fromSize"]), "fromSize");
  const size = tree === undefined ? undefined : attempt(() => parseTreeState(tree))?.size;
  if (size === undefined || from <= size) return;
  const problem = "lets the clean-up of obsolete partials begin beyond the tree";
  throw new FormatError(problem, `at most ${size}`, `${from}`);
}
