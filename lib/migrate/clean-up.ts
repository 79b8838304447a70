/** What a run does at its end, however it ends. */

import { systemErrorWords } from "../errors.ts";
import type { Notice } from "./notice.ts";

/**
 * Ends what a run has opened or taken. What fails is a notice: it replaces neither the error that is under way nor
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
    notice?.(`Not cleaned up at the end: ${systemErrorWords(reason)}`, "warning");
  }
}
