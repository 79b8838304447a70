/** Reports to the operator what the source asks for, from the main thread. */

import type { SharedLimit } from "./shared-limit.ts";

/** A pause that is worth reporting. */
const LONG_PAUSE_MS = 5_000;

/** It reports again soon of a limit half as large as the last one reported, and of others now and then. */
const REPORT_HALF_MS = 10_000;
const REPORT_AGAIN_MS = 600_000;

/** What is to be called several times a second, and notices when the limit was halved. */
export function limitReporter(
  shared: SharedLimit,
  notice: (sentence: string) => void,
  clock = () => performance.now(),
): () => void {
  let seen = 0;
  let reported = Number.POSITIVE_INFINITY;
  let reportedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const { backOffs, lastBackOff, limit, maximum } = shared;
    if (backOffs === seen) return;
    seen = backOffs;
    const now = clock();
    const quietMs = 2 * limit <= reported ? REPORT_HALF_MS : REPORT_AGAIN_MS;
    if (now < reportedAt + quietMs) return;
    reported = limit;
    reportedAt = now;
    const { status, pauseMs } = lastBackOff;
    const before = limit < maximum ? ` instead of ${maximum}` : "";
    const pause = pauseMs >= LONG_PAUSE_MS ? `, after a pause of ${Math.round(pauseMs / 1000)} s` : "";
    notice(`The source asks for fewer requests (${status}): ${limit} in flight${before}${pause}`);
  };
}
