/** Takes facts about a log to verify from the record of its handover, so that the operator need not pass them. */

import { TargetRefusedError, UsageError } from "../../errors.ts";
import type { CheckpointPolicy } from "../../tlog/checkpoint.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import { equalBytes, formatHash } from "../../tlog/merkle.ts";
import { excerpt } from "../../tlog/note.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { Finding, MissingIssuer } from "../ports/executor.ts";
import type { TreeHead } from "../ports/source.ts";
import type { MigrationTarget, TargetContents } from "../ports/target.ts";
import { openTree } from "../read/authentic.ts";
import type { ReadContext } from "../read/context.ts";
import { wrongFormat } from "../read/format.ts";
import { unlessPruned } from "../read/pruned.ts";
import {
  claimAdvice,
  type Marker,
  type MigrationRecord,
  parseMarker,
  parseRecord,
} from "../target/marker.ts";
import { faultOf } from "./findings.ts";

/** The record of a log that was handed over; undefined for other logs, and where it is damaged or of a newer version. */
export function storedRecord(
  target: MigrationTarget | undefined,
  contents: TargetContents | undefined,
): MigrationRecord | undefined {
  if (target === undefined || contents?.kind !== "handed-over") return undefined;
  try {
    return parseRecord(contents.record, target.recordName);
  } catch (error) {
    if (error instanceof TargetRefusedError) return undefined;
    throw error;
  }
}

/** The marker of a mirror that `follow` keeps up to date, which is a log to its readers. */
export function storedMirror(
  target: MigrationTarget | undefined,
  contents: TargetContents | undefined,
): Marker | undefined {
  if (target === undefined || contents?.kind !== "claimed") return undefined;
  try {
    const marker = parseMarker(contents.marker, target.location, claimAdvice(target.markerName));
    return marker.isMirror === true ? marker : undefined;
  } catch (error) {
    if (error instanceof TargetRefusedError) return undefined;
    throw error;
  }
}

/** @throws UsageError if what was passed contradicts the record. */
export function requireAsRecorded(
  { recordName }: MigrationTarget,
  record: MigrationRecord,
  format: LogFormat | undefined,
  policy: CheckpointPolicy | undefined,
): void {
  if (format !== undefined && format !== record.format) throw wrongFormat(recordName, record.format);
  if (policy?.origin === undefined || policy.origin === record.origin) return;
  throw new UsageError({
    object: recordName,
    problem: "is of a log with another origin than was passed",
    expected: excerpt(policy.origin),
    found: excerpt(record.origin),
    advice: "Pass that --origin and its key, or omit --origin",
  });
}

/** The issuers that are missing now but were not at the handover: faults, unless missing ones are allowed. */
export function issuersLost(
  missing: readonly MissingIssuer[],
  record?: MigrationRecord,
): readonly MissingIssuer[] {
  if (record === undefined) return missing;
  const before = missing.filter(({ entry }) => entry < record.size);
  return before.length <= record.missingIssuers
    ? missing.filter((issuer) => !before.includes(issuer))
    : missing;
}

/** A log that was handed over never becomes smaller, and never another log. */
export async function handoverFaults(
  path: string,
  context: ReadContext,
  head: TreeHead,
  record?: MigrationRecord,
): Promise<Finding[]> {
  if (record === undefined) return [];
  const { size, finishedAt } = record;
  if (head.size < size) {
    const problem = `is of size ${formatCount(head.size)}, smaller than the ${formatCount(size)} entries that were handed over on ${finishedAt}`;
    return [{ path, problem }];
  }
  const derived = await rootAt(context, head, size);
  const handedOver = recordedHead(record).rootHash;
  if (derived === undefined || equalBytes(derived, handedOver)) return [];
  const roots = `(expected ${formatHash(handedOver)}, found ${formatHash(derived)})`;
  const problem = `is not of the log that was handed over on ${finishedAt}: its first ${formatCount(size)} entries have another root ${roots}`;
  return [{ path, problem }];
}

/** The tree that was handed over. */
export function recordedHead({ size, rootHash }: MigrationRecord): TreeHead {
  return { size, rootHash: Buffer.from(rootHash, "base64") };
}

/** The root of the first entries of a tree; undefined if tiles are wrong; that is reported separately. */
async function rootAt(context: ReadContext, head: TreeHead, size: number): Promise<Uint8Array | undefined> {
  if (size === head.size) return head.rootHash;
  try {
    return await unlessPruned(openTree(context, head).then((tree) => tree.rootOfPrefix(size)));
  } catch (error) {
    faultOf(error);
    return undefined;
  }
}
