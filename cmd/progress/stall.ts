/** Why a run does not move. */

import { oneLine, type ProgressSnapshot } from "../../lib/index.ts";
import { countOf } from "../report/quantities.ts";

/** Shorter than this nothing moves now and then, which needs no explanation. */
const STALL_MS = 2_000;

export class StallWatch {
  #phase = "";
  #done = -1;
  #movedAt = 0;

  /**
   * The reason, as a clause; undefined while something moves.
   * @param nowMs as `performance.now()` has it.
   */
  observe(snapshot: ProgressSnapshot, nowMs: number): string | undefined {
    const { phase } = snapshot;
    const done = workDone(snapshot);
    if (phase !== this.#phase || done !== this.#done) this.#movedAt = nowMs;
    this.#phase = phase;
    this.#done = done;
    // A phase that waits says so itself.
    if (phase.startsWith("waiting") || nowMs - this.#movedAt < STALL_MS) return undefined;
    return this.#reason(snapshot);
  }

  #reason({ counters, pause, lastRetry }: ProgressSnapshot): string {
    if (pause !== undefined) {
      return `the source asks for a pause (${pause.status}), ${Math.ceil(pause.leftMs / 1000)} s left`;
    }
    // Its next try was due after the last thing that moved.
    if (lastRetry !== undefined && lastRetry.failedAt + lastRetry.delayMs > this.#movedAt) {
      return oneLine(`${lastRetry.reason}, trying again`);
    }
    const inFlight = counters.get("inFlight");
    const memoryWaits = counters.get("memoryWaits");
    if (memoryWaits > 0 && memoryWaits >= inFlight) return "waiting for memory (--budget)";
    if (inFlight > 0) return `waiting for the answer to ${countOf(inFlight, "request")}`;
    return "waiting for storage";
  }
}

/** A number that changes with everything that is achieved, and with nothing that fails. */
function workDone({ counters, entriesDone }: ProgressSnapshot): number {
  // Other processes may do entries too.
  let done = entriesDone + counters.get("resumedEntries") + counters.get("bytesStored");
  done += counters.get("listedObjects");
  for (const [status, count] of counters.requestsByStatus()) {
    if (status >= 200 && status < 400) done += count;
  }
  return done;
}
