/** What the record of a handover says of a log that is verified, and that the operator then need not pass. */

import { TargetRefusedError, UsageError } from "../../errors.ts";
import type { CheckpointPolicy } from "../../tlog/checkpoint.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import { excerpt } from "../../tlog/note.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { Finding, MissingIssuer } from "../ports/executor.ts";
import type { TreeHead } from "../ports/source.ts";
import type { MigrationTarget, TargetContents } from "../ports/target.ts";
import { wrongFormat } from "../read/format.ts";
import { type MigrationRecord, parseRecord } from "../target/marker.ts";

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
    problem: "is of a log of another origin than was passed",
    expected: excerpt(policy.origin),
    found: excerpt(record.origin),
    advice: "Pass that --origin and its key, or leave --origin out",
  });
}

/** The issuers that are missing and were not when the log was handed over: faults, unless missing ones are allowed. */
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

/** A log that was handed over never becomes smaller. */
export function sizeFaults(path: string, { size }: TreeHead, record?: MigrationRecord): Finding[] {
  if (record === undefined || size >= record.size) return [];
  const problem = `is of size ${formatCount(size)}, smaller than the ${formatCount(record.size)} entries that were handed over on ${record.finishedAt}`;
  return [{ path, problem }];
}
