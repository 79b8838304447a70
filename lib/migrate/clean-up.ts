/** What a run does at its end, after success and failure. */

import { systemErrorWords } from "../errors.ts";
import type { Notice } from "./report/notice.ts";

/**
 * Closes what a run has opened or locked. A failure is only a notice: it replaces neither an earlier error nor
 * success.
 */
export async function cleanUp(
  notice: Notice | undefined,
  ...works: readonly (() => Promise<unknown> | undefined)[]
): Promise<void> {
  const results = await Promise.allSettled(works.map(async (work) => await work()));
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    const { reason } = result;
    notice?.(`Clean-up at the end failed: ${systemErrorWords(reason)}`, "warning");
  }
}
