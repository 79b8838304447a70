/** The results of finished runs. */

import { coversExtensions, freezeLine, type OpenedCheckpoint } from "../tlog/checkpoint.ts";
import { type HasherName, hasherName } from "../tlog/hasher/hasher.ts";
import type { LogFormat } from "../tlog/layout.ts";
import { formatHash } from "../tlog/merkle.ts";
import { excerpt, type SignatureType } from "../tlog/note.ts";
import { formatCount } from "../tlog/quantities.ts";
import { type CounterName, Counters } from "./counters.ts";
import type { IssuerRegistry } from "./issuers/registry.ts";
import type { NotCopied } from "./not-copied.ts";
import type { MigrationOptions, WorkOptions } from "./options.ts";
import type { MissingIssuer } from "./ports/executor.ts";
import type { TreeHead } from "./ports/source.ts";
import type { TrustedCheckpoint } from "./read/trusted-checkpoint.ts";
import type { CopySession, Session } from "./session.ts";

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
  /** The signatures of the checkpoint that were verified; none where there is no checkpoint, or no key was given. */
  readonly signatures: readonly ReportedSignature[];
  /** The line by which the log says, signed, that it takes no more entries. */
  readonly frozen?: string;
  /** Static CT only: the extra data. */
  readonly extraData?: ExtraDataReport;
  /** What is missing of a pruned log; left out where it may miss nothing. */
  readonly pruned?: Pruned;
  /** The implementation that hashed the entries. */
  readonly hasher: HasherName;
  /** What this run took on trust, a sentence each. */
  readonly notChecked: readonly string[];
}

/** A signature that was verified. */
export interface ReportedSignature {
  readonly name: string;
  /** Eight hexadecimal digits. */
  readonly keyId: string;
  readonly type: SignatureType;
  /** Whether it is the log's own, and not a witness's. */
  readonly own: boolean;
  /** ISO 8601, where the signature says it. */
  readonly signedAt?: string;
}

/** What a pruned log lacks (https://c2sp.org/tlog-tiles#pruning). */
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
  /** Of these, entries below seals of earlier runs, which this run did not read. */
  readonly sealedEntries: number;
  /** Bytes of bundles and level-0 tiles that this run stored. */
  readonly bytes: number;
  /** Objects found in the target with other bytes, and replaced. */
  readonly replacedObjects: number;
  /** What else the source has; left out where it was not listed. */
  readonly notCopied?: NotCopied;
  readonly outcome: MigrationOutcome;
  /** What is stored in the target; left out before the handover. */
  readonly stored?: StoredState;
  /** What the operator should look at, a sentence each. */
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
  /** The tree state is written and the guard lifted. */
  | "handed-over"
  /** An earlier run had done all of it. */
  | "already-handed-over"
  /** An earlier run had done all of it, and the log software there has continued the log since. */
  | "taken-over"
  /** Everything but the handover is done, as requested. */
  | "ready-for-handover";

/** The extra data of Static CT entries in the bundles that this run read; it counts those read twice each time. */
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
  /** Entries whose precertificate differs from what was logged as re-encoding explains. */
  readonly reencodedEntries: number;
  /** Entries that could not be checked, since an issuer is missing. */
  readonly uncheckedEntries: number;
}

/** Missing issuers that a report names. */
const NAMED_ISSUERS = 100;

/**
 * What a run reports in any case.
 * @param checkpoint that it trusted, where there is one.
 * @param issuers of a Static CT log.
 * @param notChecked what it took on trust besides the extra data; undefined if it has read nothing.
 * @param before what had been counted when the pass over the log began that the report is of; default: nothing.
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
    entriesPerSecond: Math.round(counters.get("entries") / seconds),
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
      : ["Nothing was read again (verify reads a log that is handed over)"],
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
  const hasRead = outcome === "handed-over" || outcome === "ready-for-handover";
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
      hasRead ? copyNotChecked(options, aim, sealedEntries) : undefined,
      pruned,
    ),
    resumedEntries: counters.get("resumedEntries"),
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
  "The log is one of Merkle-tree certificates, which may have a file landmarks next to its checkpoint: no signature " +
  "covers that, and it was not copied. Its CA needs it to go on: take it from there";

function copyNotChecked(
  { tiles }: MigrationOptions,
  { signatures }: TrustedCheckpoint,
  sealedEntries: number,
): string[] {
  const unchecked: string[] = [];
  if (signatures.length === 0) {
    unchecked.push(
      "The checkpoint's signature: whoever serves the source chose the root that everything was checked against",
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
      `Whether anything has changed below the seals of earlier runs: ${formatCount(sealedEntries)} entries were not read again, ` +
        "only their objects listed (--recheck reads them)",
    );
  }
  if (tiles === "fetch" && sealedEntries > 0) {
    unchecked.push("The source's level-0 tiles over entries that earlier runs had sealed");
  }
  return unchecked;
}

/** The signatures of a checkpoint, as reports show them. */
export function reportedSignatures({ signatures, own }: OpenedCheckpoint): ReportedSignature[] {
  return signatures.map((signature) => {
    const { verifier, timestampMs } = signature;
    const { name, keyId, type } = verifier;
    return {
      name,
      keyId: keyId.toString(16).padStart(8, "0"),
      type,
      own: own.includes(signature),
      ...(timestampMs !== undefined && { signedAt: isoTime(timestampMs) }),
    };
  });
}

/** Dates end in the year 275760; a signature may be of a later one. */
function isoTime(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? `${ms} ms after 1970` : time.toISOString();
}

/** Without a key, it is said already that nothing is signed. */
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
      ? "Signatures of a Static CT log's certificates: a precertificate's own, as it was submitted, and whether " +
        "those of a chain have signed one another"
      : "What a Static CT leaf hash does not cover: precertificates as submitted, and whether the issuers are those " +
        "of their entries (--deep checks it)",
  ];
  if (missingIssuers > 0)
    unchecked.push(`Issuers that are unavailable, and so are missing: ${formatCount(missingIssuers)}`);
  if (uncheckedEntries > 0)
    unchecked.push(
      `Entries beyond their leaf hash, since their issuers are missing: ${formatCount(uncheckedEntries)}`,
    );
  return unchecked;
}
