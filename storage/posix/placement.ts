/** Checks whether a log may be copied into a directory. Changes nothing. */

import fs from "node:fs";
import { join } from "node:path";
import { TargetRefusedError, UsageError } from "../../lib/errors.ts";
import { CHECKPOINT_PATH, ISSUER_DIRECTORY } from "../../lib/tlog/layout.ts";
import { ifPresent } from "./errno.ts";
import { overlapOf } from "./overlap.ts";
import { STATE } from "./state.ts";

/** The top-level names of a log in a directory. */
export const LOG_NAMES = [STATE.directory, "tile", ISSUER_DIRECTORY, CHECKPOINT_PATH] as const;

/** A file system that was just made has it. */
const LOST_AND_FOUND = "lost+found";

/** Names that a message lists at most. */
const NAMES_SHOWN = 5;

/** @throws UsageError for the root directory, by any path. */
export function requireNotRoot(directory: string): void {
  const options = { bigint: true, throwIfNoEntry: false } as const;
  const [root, found] = ["/", directory].map((path) => fs.statSync(path, options));
  if (found === undefined || found.dev !== root?.dev || found.ino !== root.ino) return;
  throw new UsageError({
    object: directory,
    problem: "is the root directory, which cannot be a target",
    advice: "Pass a directory for the log; if this path came from a shell variable, the variable was empty",
  });
}

/** @throws TargetRefusedError if the directory is a part of the source's, or the other way round. */
export function requireApart(directory: string, source: string): void {
  const problem = overlapOf(directory, source);
  if (problem === undefined) return;
  throw new TargetRefusedError({
    object: directory,
    problem: `${problem}, which is only ever read`,
    found: `source ${source}`,
    advice: "Choose a target apart from it",
  });
}

/** @throws TargetRefusedError if the directory holds anything but parts of a log. */
export function requireNothingElse(directory: string): void {
  const entries = ifPresent(() => fs.readdirSync(directory, { withFileTypes: true })) ?? [];
  const isOurs = new Set<string>([...LOG_NAMES, LOST_AND_FOUND]);
  const others = entries
    .filter(({ name }) => !isOurs.has(name))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .toSorted();
  if (others.length === 0) return;
  const more = others.length > NAMES_SHOWN ? ` and ${others.length - NAMES_SHOWN} more` : "";
  throw new TargetRefusedError({
    object: directory,
    problem: "contains files that are not part of a log",
    found: others.slice(0, NAMES_SHOWN).join(", ") + more,
    advice: `Choose an empty directory, for example ${join(directory, "log")}; or pass --into-existing to store the log next to them`,
  });
}
