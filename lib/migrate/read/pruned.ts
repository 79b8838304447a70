/** Missing objects of a pruned log (https://c2sp.org/tlog-tiles#pruning), which the operator has allowed. */

import { OperationError } from "../../errors.ts";
import { formatCount } from "../../tlog/quantities.ts";
import { type ReadHints, SourceError } from "../ports/source.ts";

/** A full tile or bundle wholly below the minimum index does not exist: not a fault if the reader does not need it. */
export class PrunedError extends OperationError {
  constructor(object: string, minIndex: number) {
    super({
      object,
      problem: `does not exist, and is wholly below the minimum index ${formatCount(minIndex)}`,
      advice:
        "This object is needed although it is below the minimum index: use a source that has more of the log",
    });
  }
}

/** The statuses with which a server says definitely that it does not have, or not give us, an object. */
const ABSENT: readonly (number | undefined)[] = [403, 404, 410];

/** Reads an object that may be pruned: undefined if the source says twice that it does not exist, the second time past every cache. */
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

/** The result of work on an object; undefined if the object is pruned. */
export async function unlessPruned<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof PrunedError) return undefined;
    throw error;
  }
}
