/** The temporary files that copies and repairs keep in a directory while they run. */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { currentProcess, isGone, processFileName } from "../shared/process-identity.ts";
import { ifPresent } from "./errno.ts";
import { requireNoLink } from "./listing.ts";
import { STATE } from "./state.ts";

/** Of repairs, below a log's root. */
const REPAIR_TEMPORARIES = ".tlog-migrate.tmp";

/** The directory of this process's temporary files: those of a killed process are removed without any other's. */
export function temporariesOf(root: string): string {
  return join(root, STATE.temporaries, processFileName(currentProcess()));
}

/** The same for repairs of a log that others write: it need not have the directory of a state, and this one is no part of it. */
export function repairTemporariesOf(root: string): string {
  return join(root, REPAIR_TEMPORARIES, processFileName(currentProcess()));
}

/** Removes what repairs have left that were killed. */
export function clearGoneRepairs(root: string): void {
  requireNoLink(join(root, REPAIR_TEMPORARIES));
  removeOfGone(join(root, REPAIR_TEMPORARIES));
}

/**
 * Removes those of all processes: a copy that was suspended during the handover has nothing left to name. What
 * another copy stages meanwhile may stay.
 */
export function clearAllTemporaries(root: string): void {
  removeAll(join(root, STATE.temporaries));
}

/** Removes a process's own. The directory of all goes with the last: another that starts may be about to use it. */
export function removeTemporaries(own: string): void {
  removeAll(own);
  ifPresent(() => fs.rmdirSync(dirname(own)), ["ENOENT", "ENOTEMPTY", "EEXIST"]);
}

/** Removes those of processes that are gone. */
export function removeOfGone(directory: string): void {
  for (const name of namesIn(directory)) if (isGone(name)) removeAll(join(directory, name));
}

function namesIn(directory: string): string[] {
  return ifPresent(() => fs.readdirSync(directory)) ?? [];
}

function removeAll(path: string): void {
  fs.rmSync(path, { recursive: true, force: true });
}
