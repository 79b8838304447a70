/** Who holds the lock of a target: a line of JSON, which a second copy reads to see whether the first still runs. */

import { randomUUID } from "node:crypto";
import { currentProcess, type ProcessIdentity } from "./process-identity.ts";

export interface LockHolder extends ProcessIdentity {
  /** Of this lock alone: a process may take several. */
  readonly token: string;
}

export function newHolder(): LockHolder {
  return { ...currentProcess(), token: randomUUID() };
}

/** The holder that a lock names, undefined if it names none. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    const holder: unknown = JSON.parse(text);
    return isHolder(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is LockHolder {
  const { pid, host, boot, namespace, startTime, token } = Object(value) as Record<string, unknown>;
  const texts = [host, boot, namespace, startTime, token];
  return Number.isSafeInteger(pid) && texts.every((text) => typeof text === "string");
}
