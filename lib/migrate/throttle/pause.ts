/** Waits that a signal ends. */

import { setTimeout as sleep } from "node:timers/promises";

/**
 * Resolves after a number of milliseconds.
 * @throws the signal's reason; Node's own timers would throw an AbortError instead.
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
