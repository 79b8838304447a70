/** The results of finished runs. */

import { coversExtensions, freezeLine, type OpenedCheckpoint } from "../../tlog/checkpoint.ts";
import { type HasherName, hasherName } from "../../tlog/hasher/hasher.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import { formatHash } from "../../tlog/merkle.ts";
import { excerpt } from "../../tlog/note.ts";
import { formatCount } from "../../tlog/quantities.ts";
import type { IssuerRegistry } from "../issuers/registry.ts";
import type { MigrationOptions, WorkOptions } from "../options/options.ts";
import type { MissingIssuer } from "../ports/executor.ts";
import type { TreeHead } from "../ports/source.ts";
import type { TrustedCheckpoint } from "../read/trusted-checkpoint.ts";
import type { CopySession, Session } from "../session.ts";
import { type CounterName, Counters } from "./counters.ts";
import type { NotCopied } from "./not-copied.ts";
import { type ReportedSignature, reportedSignatures } from "./reported-signatures.ts";

/** What the reports of a migration and of a verification have in common. */
export interface RunReport {
  /** Entries of the log. */
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
  /** Entries that this run copied, or whose leaf hashes it recomputed and found right. */
  readonly entries: number;
  readonly seconds: number;
  /** Over the whole run. */
  readonly entriesPerSecond: number;
  readonly requests: number;
  readonly retries: number;
  /** The verified signatures of the checkpoint; none without a checkpoint or without a key. */
  readonly signatures: readonly ReportedSignature[];
  /** The signed line that declares the log frozen. */
  readonly frozen?: string;
  /** Static CT only: the extra data. */
  readonly extraData?: ExtraDataReport;
  /** What is missing in a pruned log; undefined if nothing may be missing. */
  readonly pruned?: Pruned;
  /** The implementation that hashed the entries. */
  readonly hasher: HasherName;
  /** What this run did not check, one sentence each. */
  readonly notChecked: readonly string[];
}

/** What is missing in a pruned log (https://c2sp.org/tlog-tiles#pruning). */
export interface Pruned {
  /** Full tiles and bundles wholly below it may be missing. */
  readonly minIndex: number;
  /** Entries whose bundles are missing. */
  readonly absentEntries: number;
}

/** The result of a migration: what `copy --json` prints. */
export interface MigrationReport extends RunReport {
  readonly origin: string;
  readonly source: string;
  readonly target: string;
  readonly format: LogFormat;
  /** Entries that were in place, from earlier runs. */
  readonly resumedEntries: number;
  /** Entries that workers of a queue have copied meanwhile; undefined for none. */
  readonly workerEntries?: number;
  /** Entries below seals of earlier runs or of workers, which this run did not read. */
  readonly sealedEntries: number;
  /** Bytes of bundles and level-0 tiles that this run stored. */
  readonly bytes: number;
  /** Objects in the target that had wrong bytes and were replaced. */
  readonly replacedObjects: number;
  /** Objects of the source that were not copied; undefined if the source was not listed. */
  readonly notCopied?: NotCopied;
  readonly outcome: MigrationOutcome;
  /** What is stored in the target; left out before the handover. */
  readonly stored?: StoredState;
  /** Warnings for the operator, one sentence each. */
  readonly warnings: readonly string[];
}

/** What a target has after its handover, whatever the options of the run that reports it. */
export interface StoredState {
  /** `unknown` where log software could take it over, and an early version did not record whether it may. */
  readonly purpose: "log" | "mirror" | "unknown";
  /** Whether this run has stored a checkpoint there, or found one. */
  readonly checkpoint: "none" | "found" | "stored";
}

export type MigrationOutcome =
  /** The tree state is written and the marker removed. */
  | "handed-over"
  /** An earlier run had finished the migration. */
  | "already-handed-over"
  /** An earlier run had finished the migration, and log software has continued the log since. */
  | "taken-over"
  /** Everything but the handover is done, as requested. */
  | "ready-for-handover"
  /** One of several parts is done, as requested. */
  | "part-copied";

/** Whether a run has copied the log and left it unfinished. */
export function isUnfinished(outcome: MigrationOutcome): boolean {
  return outcome === "ready-for-handover" || outcome === "part-copied";
}

/** The extra data of Static CT entries in the bundles that this run read; bundles that were read twice count twice. */
export interface ExtraDataReport {
  /** Issuers that the entries name, the missing ones among them. */
  readonly issuers: number;
  readonly missingIssuers: number;
  /** At most 100 of the missing ones, each with an entry that names it. */
  readonly firstMissingIssuers: readonly MissingIssuer[];
  /** Whether entries were checked. */
  readonly deep: boolean;
  /** Entries that this run checked. */
  readonly deepEntries: number;
  /** Entries whose precertificate differs from the logged certificate only by re-encoding. */
  readonly reencodedEntries: number;
  /** Entries that could not be checked because an issuer is missing. */
  readonly uncheckedEntries: number;
}

/** Missing issuers that a report names. */
const NAMED_ISSUERS = 100;

/**
 * The part that the reports of all runs have.
 * @param checkpoint the trusted one, if there is one.
 * @param issuers of a Static CT log.
 * @param notChecked what it did not check besides the extra data; undefined if it has read nothing.
 * @param before the counters when the reported pass over the log began; default: zero.
 */
export function runReport(
  { options, progress, startedAt }: Session<WorkOptions>,
  { size, rootHash }: TreeHead,
  checkpoint: OpenedCheckpoint | undefined,
  issuers: IssuerRegistry | undefined,
  notChecked: readonly string[] | undefined,
  { minIndex, absentEntries }: Pruned,
  before = new Counters(),
): RunReport {
  const counters = progress.total();
  const counted = (name: CounterName) => counters.get(name) - before.get(name);
  const seconds = (performance.now() - startedAt) / 1000;
  const entries = counted("entries");
  const missing = issuers?.missing() ?? [];
  const extraData: ExtraDataReport | undefined = issuers && {
    issuers: issuers.count,
    missingIssuers: missing.length,
    firstMissingIssuers: missing.slice(0, NAMED_ISSUERS),
    deep: options.deep === true,
    deepEntries: counted("deepEntries"),
    reencodedEntries: counted("reencodedEntries"),
    uncheckedEntries: counted("uncheckedEntries"),
  };
  const frozen = checkpoint && freezeLine(checkpoint);
  return {
    size,
    rootHash: formatHash(rootHash),
    signatures: checkpoint === undefined ? [] : reportedSignatures(checkpoint),
    ...(frozen !== undefined && { frozen }),
    entries,
    seconds,
    entriesPerSecond: Math.round((counters.get("entries") + progress.byWorkers) / seconds),
    requests: counters.get("requests"),
    retries: counters.get("retries"),
    ...(extraData && { extraData }),
    ...(minIndex > 0 && { pruned: { minIndex, absentEntries } }),
    hasher: hasherName(),
    notChecked: notChecked
      ? [
          ...notChecked,
          ...(checkpoint ? extensionsNotChecked(checkpoint) : []),
          ...absentNotChecked({ minIndex, absentEntries }),
          ...(extraData ? extraDataNotChecked(extraData) : []),
        ]
      : ["Everything: nothing was read again (verify reads a log that is handed over)"],
  };
}

function absentNotChecked({ minIndex, absentEntries }: Pruned): string[] {
  if (absentEntries === 0) return [];
  return [
    `${formatCount(absentEntries)} entries below index ${formatCount(minIndex)}, which are missing: the log is pruned`,
  ];
}

export function migrationReport(
  session: CopySession,
  aim: TrustedCheckpoint,
  outcome: MigrationOutcome,
  pruned: Pruned,
  warnings: readonly string[],
  notCopied?: NotCopied,
  stored?: StoredState,
): MigrationReport {
  const { options, context, target, progress, issuers } = session;
  const counters = progress.total();
  const sealedEntries = counters.get("sealedEntries");
  const { byWorkers, foundAgain } = progress;
  const hasRead = outcome === "handed-over" || isUnfinished(outcome);
  return {
    outcome,
    origin: aim.origin,
    source: context.source.location,
    target: target.location,
    format: options.format,
    ...runReport(
      session,
      aim,
      aim,
      issuers,
      hasRead ? copyNotChecked(options, aim, sealedEntries, byWorkers) : undefined,
      pruned,
    ),
    resumedEntries: Math.max(0, counters.get("resumedEntries") - foundAgain - byWorkers),
    ...(byWorkers > 0 && { workerEntries: byWorkers }),
    sealedEntries,
    bytes: counters.get("bytesStored"),
    replacedObjects: counters.get("replacedObjects"),
    ...(notCopied && { notCopied }),
    ...(stored && { stored }),
    warnings: isOfCertificates(aim.origin) ? [...warnings, LANDMARKS_WARNING] : warnings,
  };
}

/** Whether an origin is the id of an issuance log (https://c2sp.org/mtc-tlog): that of its CA, 0, and a number. */
function isOfCertificates(origin: string): boolean {
  return /^oid\/1\.3\.6\.1\.4\.1(\.\d+)+\.0\.\d+$/.test(origin);
}

const LANDMARKS_WARNING =
  "A log of Merkle-tree certificates may have a file landmarks next to its checkpoint: no signature " +
  "covers this file, and it was not copied. The log's CA needs it: copy it from the source yourself";

function copyNotChecked(
  { tiles }: MigrationOptions,
  { signatures }: TrustedCheckpoint,
  sealedEntries: number,
  byWorkers: number,
): string[] {
  const unchecked: string[] = [];
  const others = byWorkers > 0 ? " or of workers" : "";
  if (signatures.length === 0) {
    unchecked.push(
      "The checkpoint's signature: the source itself chose the root that everything was checked against",
    );
  }
  if (tiles !== "fetch") {
    unchecked.push(
      "Whether the source's own level-0 tiles are right: those of the target are computed from the entries, and do not " +
        "depend on them (--tiles fetch compares both)",
    );
  }
  if (sealedEntries > 0) {
    unchecked.push(
      `Whether anything has changed below the seals of earlier runs${others}: ${formatCount(sealedEntries)} entries were not read again, ` +
        "only their objects listed (--recheck reads them)",
    );
  }
  if (tiles === "fetch" && sealedEntries > 0) {
    unchecked.push(`The source's level-0 tiles over entries below seals of earlier runs${others}`);
  }
  return unchecked;
}

/** Without a key, the report says already that no signature was checked. */
function extensionsNotChecked({ extensions, signatures, own }: OpenedCheckpoint): string[] {
  if (extensions.length === 0 || signatures.length === 0 || own.some(coversExtensions)) return [];
  const lines = extensions.length === 1 ? "The extension line" : `The ${extensions.length} extension lines`;
  return [
    `${lines} of the checkpoint, which no signature of the log covers: ${excerpt(extensions.join(" / "))}`,
  ];
}

function extraDataNotChecked({ deep, missingIssuers, uncheckedEntries }: ExtraDataReport): string[] {
  const unchecked = [
    deep
      ? "Signatures of a Static CT log's certificates: the signature of a precertificate as submitted, and whether " +
        "each certificate of a chain has signed the one before it"
      : "What a Static CT leaf hash does not cover: precertificates as submitted, and whether the stored issuers are the issuers " +
        "of their entries (--deep checks this)",
  ];
  if (missingIssuers > 0) unchecked.push(`Missing issuers: ${formatCount(missingIssuers)}`);
  if (uncheckedEntries > 0)
    unchecked.push(
      `The extra data of entries whose issuers are missing: ${formatCount(uncheckedEntries)} entries`,
    );
  return unchecked;
}
