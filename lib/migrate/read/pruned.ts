/** Objects that a pruned log lacks (https://c2sp.org/tlog-tiles#pruning), as the operator has said that it may. */

import { OperationError } from "../../errors.ts";
import { formatCount } from "../../tlog/quantities.ts";
import { type ReadHints, SourceError } from "../ports/source.ts";

/** A full tile or bundle wholly below the minimum index does not exist: no fault, where a reader can do without. */
export class PrunedError extends OperationError {
  constructor(object: string, minIndex: number) {
    super({
      object,
      problem: `does not exist, and is wholly below the minimum index ${formatCount(minIndex)}`,
      advice: "The log is pruned more than this can do without: read it from a place that has more of it",
    });
  }
}

/** How a server says for good that it has no such object for us. */
const ABSENT: readonly (number | undefined)[] = [403, 404, 410];

/** Reads an object that may be pruned: undefined if the source says twice that there is none, at last past every cache. */
export async function readOrDenial(
  read: (hints: ReadHints) => Promise<Uint8Array | undefined>,
  hints: ReadHints,
): Promise<Uint8Array | undefined> {
  return (await unlessDenied(read(hints))) ?? (await unlessDenied(read({ ...hints, fresh: true })));
}

async function unlessDenied(reading: Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof SourceError && ABSENT.includes(error.status)) return undefined;
    throw error;
  }
}

/** What work on an object gives; undefined if that is pruned. */
export async function unlessPruned<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof PrunedError) return undefined;
    throw error;
  }
}
