/**
 * Verification of a whole log in place, from the root down: the root authenticates the right edge, each tile the
 * objects below it, and every leaf hash is recomputed. It continues after a fault, so that all faults are reported.
 */

import { UsageError, VerificationError } from "../errors.ts";
import { CHECKPOINT_PATH, issuerPath, type LogFormat } from "../tlog/layout.ts";
import { cleanUp } from "./clean-up.ts";
import { startThreads } from "./execute/threads.ts";
import { IssuerRegistry } from "./issuers/registry.ts";
import { checkVerification } from "./options/check-options.ts";
import type { VerifyOptions } from "./options/options.ts";
import { findPlace, openTarget, requireEffect, requireSourceOptions } from "./options/places.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { Finding } from "./ports/executor.ts";
import type { HashTree, TreeHead } from "./ports/source.ts";
import type { MigrationTarget } from "./ports/target.ts";
import { beyondTree, openTree } from "./read/authentic.ts";
import { inFormat, inFormatOfLog, LOG_OF } from "./read/format.ts";
import { withMinIndex } from "./read/min-index.ts";
import { type RunReport, runReport } from "./report/report.ts";
import {
  checkpointContext,
  MAIN_THREAD_CONCURRENCY,
  openSession,
  type Session,
  targetSpecOf,
} from "./session.ts";
import type { MigrationRecord } from "./target/marker.ts";
import { DEFAULT_RETRY } from "./throttle/backoff.ts";
import { planUnits, unitBundles } from "./tree/units.ts";
import { Findings } from "./verify/findings.ts";
import { LogRepair, type RepairReport, requireRepairable } from "./verify/repair.ts";
import { repairableIn } from "./verify/repairable.ts";
import { checkSigningLock, type ReportedLock } from "./verify/signing-lock.ts";
import {
  handoverFaults,
  issuersLost,
  requireAsRecorded,
  storedMirror,
  storedRecord,
} from "./verify/stored-record.ts";
import { verifyListing } from "./verify/surplus-objects.ts";
import { TileRecomputation } from "./verify/tile-recomputation.ts";
import { findTrustedHead, readStateHead, type TrustedHead } from "./verify/trusted-head.ts";

/** The result of a verification: what `verify --json` prints. */
export interface VerificationReport extends RunReport {
  readonly log: string;
  /** Undefined if the log was checked against its tree state, which has no origin. */
  readonly origin?: string;
  /** What the log was checked against. */
  readonly authority: "checkpoint" | "treeState";
  /** The number of objects that are wrong, missing, or beyond the tree. */
  readonly faults: number;
  /** The first of them, at most 100, by path. */
  readonly findings: readonly Finding[];
  /** What the lock of the log software says, where it was named and agrees. */
  readonly lock?: ReportedLock;
  /** How many of the faulty objects belong to the log's tree (`repairFrom`); undefined if the log can only be read. */
  readonly repairable?: number;
  /** The source that the log was copied from, from the record of its handover. */
  readonly copiedFrom?: string;
  /** Only with `repairFrom`; all other fields describe the log after the repair. */
  readonly repair?: RepairReport;
}

/**
 * Verifies a log. Faults are in the report; it throws only if there is nothing to check the log against, or the log
 * cannot be read. With `repairFrom`, wrong or missing objects of the tree are repaired, and the log is verified again.
 * @throws LogError, or the signal's reason.
 */
export async function verifyLog(
  options: VerifyOptions,
  modules: BackendModules,
): Promise<VerificationReport> {
  checkVerification(options);
  const { log, signal, deep = true, format = "tiles" } = options;
  let { retry = DEFAULT_RETRY } = options;
  const { backend } = await findPlace(log, "log", modules, options.targetOptions);
  const further = {
    connections: MAIN_THREAD_CONCURRENCY,
    signal,
    readOnly: true,
    retried: options.progress?.retried,
  };
  // Where the log can be listed.
  const source = options.repairFrom && (await findPlace(options.repairFrom, "source", modules)).url;
  await requireEffect(
    [log, ...(options.repairFrom === undefined ? [] : [options.repairFrom])],
    options,
    modules,
  );
  const target =
    backend.openTarget &&
    (await openTarget(targetSpecOf(log, options, modules), source ? { ...further, source } : further));
  if (options.repairFrom !== undefined) await requireRepairable(log, target, options.repairFrom, modules);
  // A file that cannot be read is a finding, not a failure.
  if (backend.isLocal === true) retry = { ...retry, attempts: 0 };
  const session = await openSession(log, { ...options, deep, retry, format }, modules);
  try {
    return await verifyOpened(session, target, options, modules);
  } finally {
    await cleanUp(options.notice, session.close, () => target?.close());
  }
}

type VerifySession = Session<VerifyOptions & { readonly format: LogFormat; readonly deep: boolean }>;

/** A log to verify, and what is known of it. */
interface OpenedLog {
  readonly session: VerifySession;
  /** Only if the log can be listed. */
  readonly target: MigrationTarget | undefined;
  readonly trusted: TrustedHead;
  readonly record: MigrationRecord | undefined;
}

/** @param passed the options as they were passed, with a format or without. */
async function verifyOpened(
  opened: VerifySession,
  target: MigrationTarget | undefined,
  passed: VerifyOptions,
  modules: BackendModules,
): Promise<VerificationReport> {
  const contents = await target?.inspect();
  const record = storedRecord(target, contents);
  if (target && record) requireAsRecorded(target, record, passed.format, passed.policy);
  const stored = target && contents && { target, contents };
  const trusted = await findTrustedHead(checkpointContext(opened), stored, passed.policy);
  const { size } = trusted.head;
  const { minIndex: known = 0 } = record ?? storedMirror(target, contents) ?? {};
  const minIndex = passed.minIndex ?? Math.min(known, size);
  const reading = await withMinIndex(opened, size, minIndex);
  const session = await inTheRightFormat(reading, trusted.head, passed, record, modules);
  session.progress.origin = trusted.checkpoint?.origin;
  const log = { session, target, trusted, record };
  const { repairFrom: from } = passed;
  if (from === undefined || target === undefined) return (await verifyOnce(log)).report;
  const { format, deep } = session.options;
  const repair = await LogRepair.open({ target, from, trusted, record, format, deep, modules }, session);
  try {
    let verified = await verifyOnce(log);
    while (await repair.repair(verified.found)) verified = await verifyOnce(log, verified.found.paths);
    session.progress.phase = "done";
    return { ...verified.report, repair: repair.report(verified.found) };
  } finally {
    await repair.close();
  }
}

/**
 * One pass over the whole log.
 * @param known paths that the pass before this one has found faults in.
 */
async function verifyOnce(
  log: OpenedLog,
  known?: ReadonlySet<string>,
): Promise<{ readonly report: VerificationReport; readonly found: Findings }> {
  const { session, target, trusted, record } = log;
  const { context, options, progress } = session;
  const { kind, checkpoint, head } = trusted;
  const before = progress.total();
  const found = new Findings();
  const issuers = new IssuerRegistry({ context, deep: options.deep });
  const isAuthentic = await verifyTree(session, head, issuers, record, found);
  const name = kind === "checkpoint" ? CHECKPOINT_PATH : "tree state";
  found.addAll(await handoverFaults(name, context, head, record));
  progress.phase = "reading the tree state";
  found.addAll((await target?.stateFaults()) ?? []);
  const state = target && (await readStateHead(context, target, head));
  found.addAll(state?.faults ?? []);
  const lock = await checkSigningLock(context, target, checkpoint, options.policy);
  found.addAll(lock.faults);
  const unchecked = notChecked(trusted, isAuthentic, state !== undefined);
  unchecked.push(...lock.unchecked, ...(await beyondTree(context.source, head.size)));
  if (target && state && isAuthentic) {
    const integrationMs = options.settleMs;
    const listed = { context, target, progress, trusted, state, found, known, integrationMs };
    unchecked.push(...(await verifyListing(listed)));
  }
  progress.phase = "done";
  const { format } = options;
  const absentEntries = progress.total().get("prunedEntries") - before.get("prunedEntries");
  const pruned = { minIndex: context.minIndex ?? 0, absentEntries };
  const report = {
    log: context.source.location,
    ...(checkpoint && { origin: checkpoint.origin }),
    authority: kind,
    ...runReport(
      session,
      head,
      checkpoint,
      format === "static-ct" ? issuers : undefined,
      unchecked,
      pruned,
      before,
    ),
    faults: found.count,
    findings: found.first(),
    ...(lock.lock && { lock: lock.lock }),
    ...(target?.openRepairs && { repairable: repairableIn(found.paths, format, head.size).length }),
    ...(record && { copiedFrom: record.source }),
  };
  return { report, found };
}

/** The session that reads the log in its actual format. @throws UsageError for options of the other format. */
async function inTheRightFormat(
  session: VerifySession,
  { size }: TreeHead,
  { format: passed, log, access, deep, allowMissingIssuers }: VerifyOptions,
  record: MigrationRecord | undefined,
  modules: BackendModules,
): Promise<VerifySession> {
  const context = checkpointContext(session);
  const recorded = record && inFormat(context.source, record.format);
  const source = recorded ?? (await inFormatOfLog(context, size, passed));
  const { format } = source;
  if (passed === undefined && format === "tiles" && (deep === false || allowMissingIssuers === true)) {
    throw new UsageError({
      object: deep === false ? "--no-deep" : "--allow-missing-issuers",
      problem: `is for Static CT logs, and ${source.location} is ${LOG_OF.tiles}`,
      advice: "Omit it, or pass --format static-ct if it is a Static CT log",
    });
  }
  await requireSourceOptions(log, access, format, modules);
  return {
    ...session,
    options: { ...session.options, format },
    readSpec: { ...session.readSpec, format },
    context: { ...session.context, source },
  };
}

/** Verifies all objects below the root; false if the right edge does not give the root: then nothing else was read. */
async function verifyTree(
  { context, options, parallelism, readSpec, progress }: VerifySession,
  head: TreeHead,
  issuers: IssuerRegistry,
  record: MigrationRecord | undefined,
  found: Findings,
): Promise<boolean> {
  progress.phase = "authenticating the tree";
  progress.startRound(head.size);
  let tree: HashTree;
  try {
    tree = await openTree(context, head, new TileRecomputation(context, (fault) => found.add(fault)));
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    found.add({ path: error.facts.object, problem: error.facts.problem });
    return false;
  }
  progress.phase = "verifying";
  const units = planUnits(tree, unitBundles(head.size, parallelism.workers), undefined, progress.pruned);
  // Every missing issuer is reported below.
  const takesDeniedIssuers = options.allowMissingIssuers === true;
  const spec = { ...readSpec, deep: options.deep, allowMissingIssuers: true, takesDeniedIssuers };
  const workers = startThreads(spec, head.size, parallelism, progress.threads, progress.retried);
  try {
    const running = progress.seals.during(units, (begun) => workers.run(begun, context.signal));
    for await (const [, result] of running) {
      issuers.add(result.issuers);
      found.addAll(result.findings);
    }
  } finally {
    await workers.close();
  }
  const missing = options.allowMissingIssuers === true ? [] : issuersLost(issuers.missing(), record);
  for (const { fingerprint, problem, entry } of missing) {
    const path = issuerPath(fingerprint);
    found.add({ path, problem: `${problem}, and entry ${entry} names it` });
    found.entries.set(path, entry);
  }
  return true;
}

function notChecked({ kind, checkpoint }: TrustedHead, isAuthentic: boolean, isListed: boolean): string[] {
  const unchecked: string[] = [];
  if (kind === "treeState") {
    unchecked.push("A signature: there is no checkpoint yet, the log was checked against its own tree state");
  } else if (checkpoint?.signatures.length === 0) {
    unchecked.push("The checkpoint's signature");
  }
  if (!isAuthentic) {
    unchecked.push("Every entry, and every tile below the right edge: nothing authenticates them");
  }
  if (!isListed) {
    unchecked.push(
      "What exists beyond the tree: a log over HTTP, in zips, or in another layout is not listed",
    );
  }
  return unchecked;
}
