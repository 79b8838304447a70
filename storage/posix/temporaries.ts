/**
 * Temporary files of a directory target, before they have a name: one directory a process, so that those of a killed
 * process can be removed without touching any other's.
 */

import fs from "node:fs";
import { join } from "node:path";
import { currentProcess, isGone, processFileName } from "../shared/process-identity.ts";
import { errnoCode } from "./errno.ts";
import { STATE_DIRECTORY } from "./tessera-state.ts";

const TEMPORARIES = `${STATE_DIRECTORY}/tlog-migrate.tmp`;

/** The directory of this process's temporary files below a root. */
export function temporariesOf(root: string): string {
  return join(root, TEMPORARIES, processFileName(currentProcess()));
}

/** Removes the temporary files of processes that are gone. */
export function clearStaleTemporaries(root: string): void {
  for (const name of namesIn(join(root, TEMPORARIES))) {
    if (isGone(name)) fs.rmSync(join(root, TEMPORARIES, name), { recursive: true, force: true });
  }
}

/** Removes this process's temporary files, and their directory if it was the last. */
export function clearOwnTemporaries(root: string): void {
  fs.rmSync(temporariesOf(root), { recursive: true, force: true });
  if (namesIn(join(root, TEMPORARIES)).length > 0) return;
  fs.rmSync(join(root, TEMPORARIES), { recursive: true, force: true });
}

/** Removes those of all processes: a copy that was suspended during the handover has nothing left to name. */
export function clearAllTemporaries(root: string): void {
  fs.rmSync(join(root, TEMPORARIES), { recursive: true, force: true });
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return [];
    throw error;
  }
}
