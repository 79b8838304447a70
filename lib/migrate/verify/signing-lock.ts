/** Compares a log with the lock that its log software keeps elsewhere, and goes on from. */

import { VerificationError } from "../../errors.ts";
import {
  type CheckpointPolicy,
  logIdOf,
  type OpenedCheckpoint,
  openCheckpoint,
} from "../../tlog/checkpoint.ts";
import { FormatError } from "../../tlog/errors.ts";
import { equalBytes, formatHash } from "../../tlog/merkle.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { Finding } from "../ports/executor.ts";
import type { TreeHead } from "../ports/source.ts";
import type { MigrationTarget } from "../ports/target.ts";
import { openTree } from "../read/authentic.ts";
import type { ReadContext } from "../read/context.ts";
import { findings } from "./findings.ts";

/** What a lock says, as reports show it. */
export interface ReportedLock {
  readonly name: string;
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
  /** Whether it is of the tree that was verified, or of a larger one. */
  readonly state: "equal" | "grown";
}

export interface LockCheck {
  readonly faults: readonly Finding[];
  /** What could not be checked, a sentence each. */
  readonly unchecked: readonly string[];
  readonly lock?: ReportedLock;
}

/**
 * Compares the lock with the tree that was verified. To be called after the checkpoint was read: log software writes the
 * lock first, so that it is never behind an earlier checkpoint.
 */
export async function checkSigningLock(
  context: ReadContext,
  target: MigrationTarget | undefined,
  verified: OpenedCheckpoint | undefined,
  policy: CheckpointPolicy | undefined,
): Promise<LockCheck> {
  if (target?.signingLock === undefined || verified === undefined || policy === undefined) return NOTHING;
  const found = await target.signingLock({ origin: verified.origin, logId: logIdOf(verified) });
  if (found.kind === "unread") return { ...NOTHING, unchecked: [unread(found.name, found.option)] };
  const { name, checkpoint } = found;
  if (checkpoint === undefined) {
    return fault(name, "has no row of this log: log software does not start without it");
  }
  let opened: OpenedCheckpoint | undefined;
  const faults = await findings(pathOf(name), () => {
    opened = openCheckpoint(checkpoint, policy);
  });
  if (opened === undefined) return { ...NOTHING, faults };
  return await compare(context, name, opened, verified);
}

const NOTHING: LockCheck = { faults: [], unchecked: [] };

async function compare(
  context: ReadContext,
  name: string,
  locked: TreeHead,
  verified: TreeHead,
): Promise<LockCheck> {
  const [expected, found] = [describe(verified), describe(locked)];
  const reported = (state: ReportedLock["state"]): ReportedLock => {
    return { name, size: locked.size, rootHash: formatHash(locked.rootHash), state };
  };
  if (expected === found) return { ...NOTHING, lock: reported("equal") };
  const comparison = `(expected ${expected}, found ${found})`;
  if (locked.size < verified.size) {
    return fault(name, `is behind the checkpoint, and log software does not start on that ${comparison}`);
  }
  const isPrefix = locked.size > verified.size && (await beginsWith(context, locked, verified));
  if (isPrefix === false) return fault(name, `is of another tree than the one that was signed ${comparison}`);
  const unchecked =
    isPrefix === undefined
      ? [
          `The entries from ${formatCount(verified.size)} to ${formatCount(locked.size - 1)}, which ${name} has: their tiles are not ` +
            "stored. Log software that is at work, or ended before it stored them, does that next",
        ]
      : [];
  return { faults: [], unchecked, lock: reported("grown") };
}

/** Whether a larger tree begins with the verified one; undefined if its tiles are not stored. */
async function beginsWith(
  context: ReadContext,
  tree: TreeHead,
  { size, rootHash }: TreeHead,
): Promise<boolean | undefined> {
  try {
    return equalBytes(await (await openTree(context, tree)).rootOfPrefix(size), rootHash);
  } catch (error) {
    if (error instanceof VerificationError || error instanceof FormatError) return undefined;
    throw error;
  }
}

function unread(name: string | null | undefined, option: string): string {
  if (typeof name === "string") {
    return `The row of this log in ${name}, from which log software goes on: ${option} ${name} has it compared`;
  }
  return `The row of this log in the lock of its log software: pass ${option} to have it compared`;
}

function fault(name: string, problem: string): LockCheck {
  return { ...NOTHING, faults: [{ path: pathOf(name), problem }] };
}

/** What findings call it. */
function pathOf(name: string): string {
  return `the lock ${name}`;
}

function describe({ size, rootHash }: TreeHead): string {
  return `size ${formatCount(size)} and root ${formatHash(rootHash)}`;
}
