/** Answers in the place of an object store's: a proxy on the way may give them. */

import { SourceError } from "../../lib/migrate/ports/source.ts";

/** @param api that the answer is not one of. */
export function foreignAnswer(host: string, api: string, why: string): SourceError {
  const problem = `${host} gave an answer that is not one of ${api}: ${why}`;
  const advice =
    "Check what is in between, such as a proxy or a sign-in page, then run the same command again";
  return new SourceError(problem, { retryable: true, brokenOff: true, advice });
}
