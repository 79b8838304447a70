/** The minimum index that the operator accepts for a log, see https://c2sp.org/tlog-tiles#pruning. */

import { UsageError } from "../../errors.ts";
import { MIN_INDEX_PATH, parseMinIndex } from "../../tlog/pruning.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { MinIndexOption, WorkOptions } from "../options/options.ts";
import type { Session } from "../session.ts";
import { readAuthentic } from "./authentic.ts";
import type { ReadContext } from "./context.ts";

/**
 * The session that reads a log that may be pruned.
 * @param size of the log.
 * @throws UsageError if the minimum index is larger, or if the source should state it and does not.
 */
export async function withMinIndex<S extends Session<WorkOptions>>(
  session: S,
  size: number,
  wanted: MinIndexOption = 0,
): Promise<S> {
  const { context, readSpec, options } = session;
  const isOfSource = wanted === "source";
  const minIndex = isOfSource ? await statedMinIndex(context) : wanted;
  if (minIndex > size) {
    throw new UsageError({
      object: isOfSource ? context.source.locate(MIN_INDEX_PATH) : "--min-index",
      problem: "is beyond the end of the log",
      expected: `at most ${formatCount(size)}, its size`,
      found: formatCount(minIndex),
      advice: "Pass the index of the first entry that the log must have",
    });
  }
  if (isOfSource) {
    options.notice?.(
      `${context.source.locate(MIN_INDEX_PATH)} says ${formatCount(minIndex)}, which nothing authenticates: entries below that index may be missing in the copy`,
      "warning",
    );
  }
  if (minIndex === 0) return session;
  return { ...session, readSpec: { ...readSpec, minIndex }, context: { ...context, minIndex } };
}

async function statedMinIndex(context: ReadContext): Promise<number> {
  const { source } = context;
  const none = new Uint8Array();
  const found = await readAuthentic(
    context,
    MIN_INDEX_PATH,
    async (hints) => (await source.minIndex?.({ ...hints, fresh: true })) ?? none,
    (bytes) => (bytes === none ? undefined : parseMinIndex(bytes)),
  );
  if (found !== undefined) return found;
  throw new UsageError({
    object: source.locate(MIN_INDEX_PATH),
    problem: "does not exist, so the source does not state its minimum index",
    advice: "Pass --min-index with the index of the first entry that the log must have",
  });
}
