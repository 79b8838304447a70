/** Waits that end with their work. */

import { setTimeout as sleep } from "node:timers/promises";

/**
 * Resolves after so many milliseconds.
 * @throws the signal's reason, where a timer of Node's would throw an AbortError of its own.
 */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  try {
    await sleep(milliseconds, undefined, { ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
