/** The result of a finished run. */

import { type HasherName, hasherName } from "../tlog/hasher/hasher.ts";
import type { LogFormat } from "../tlog/layout.ts";
import { formatHash } from "../tlog/merkle.ts";
import { type ExtraDataReport, extraDataReport, notCheckedOf } from "./extra-data-report.ts";
import type { MigrationOptions } from "./options.ts";
import type { TrustedCheckpoint } from "./read/trusted-checkpoint.ts";
import type { CopySession } from "./session.ts";

/** The result of a migration: what `copy --json` prints. */
export interface MigrationReport {
  readonly origin: string;
  readonly source: string;
  readonly target: string;
  readonly format: LogFormat;
  /** Entries of the log in the target now. */
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
  /** Entries that this run copied. */
  readonly entries: number;
  /** Entries that were in place, from earlier runs. */
  readonly resumedEntries: number;
  /** Bytes of bundles and level-0 tiles that this run stored. */
  readonly bytes: number;
  readonly seconds: number;
  /** Entries copied a second, from start to end. */
  readonly entriesPerSecond: number;
  readonly requests: number;
  readonly retries: number;
  /** Objects found in the target with other bytes, and replaced. */
  readonly replacedObjects: number;
  /** Static CT only: the extra data. */
  readonly uncovered?: ExtraDataReport;
  /** The implementation that hashed the entries. */
  readonly hasher: HasherName;
  readonly outcome: MigrationOutcome;
  /** What this run took on trust, a sentence each. */
  readonly notChecked: readonly string[];
  /** What the operator should look at, a sentence each. */
  readonly warnings: readonly string[];
}

export type MigrationOutcome =
  /** The tree state is written and the guard lifted. */
  | "handed-over"
  /** An earlier run had done all of it. */
  | "already-handed-over"
  /** An earlier run had done all of it, and the log software there has continued the log since. */
  | "taken-over"
  /** Everything but the handover is done, as requested. */
  | "ready-for-hand-over";

/** The report of a successful run. */
export function reportOf(
  { options, context, target, progress, issuers, startedAt }: CopySession,
  aim: TrustedCheckpoint,
  outcome: MigrationOutcome,
  warnings: readonly string[],
): MigrationReport {
  const counters = progress.total();
  const seconds = (performance.now() - startedAt) / 1000;
  const entries = counters.get("entries");
  const { format, deep = false } = options;
  const extraData = extraDataReport(issuers, counters, deep);
  return {
    outcome,
    origin: aim.origin,
    source: context.source.location,
    target: target.location,
    format,
    size: aim.size,
    rootHash: formatHash(aim.rootHash),
    entries,
    resumedEntries: counters.get("resumedEntries"),
    bytes: counters.get("bytesStored"),
    seconds,
    entriesPerSecond: Math.round(entries / seconds),
    requests: counters.get("requests"),
    retries: counters.get("retries"),
    replacedObjects: counters.get("replacedObjects"),
    ...(extraData === undefined ? {} : { uncovered: extraData }),
    hasher: hasherName(),
    notChecked:
      outcome === "already-handed-over" || outcome === "taken-over"
        ? ["Nothing was read again"]
        : [...notChecked(options, counters.get("resumedEntries")), ...notCheckedOf(extraData)],
    warnings,
  };
}

function notChecked({ tiles, policy }: MigrationOptions, resumedEntries: number): string[] {
  const unchecked: string[] = [];
  if (!("verifiers" in policy)) {
    unchecked.push(
      "The checkpoint's signature: whoever serves the source chose the root that everything was checked against",
    );
  }
  if (tiles !== "fetch") {
    unchecked.push(
      "The source's own level-0 tiles, which were derived from the entries (--tiles fetch reads them)",
    );
  }
  if (tiles === "fetch" && resumedEntries > 0) {
    unchecked.push("The source's level-0 tiles over entries that earlier runs had sealed");
  }
  return unchecked;
}
