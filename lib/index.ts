/**
 * The library's public API, and the only module that imports both the engine and the backends. `cmd/` uses it like
 * any other program.
 */

import { backendModules } from "../storage/backends.ts";
import { type AbandonReport, abandon as abandonWith } from "./migrate/abandon.ts";
import { type CutoverReport, cutover as cutoverWith } from "./migrate/cutover.ts";
import { follow as followWith } from "./migrate/follow.ts";
import { migrate as migrateWith } from "./migrate/migrate.ts";
import type {
  AbandonOptions,
  CutoverOptions,
  FollowOptions,
  MigrationOptions,
  ShardOptions,
  StatusOptions,
  VerifyOptions,
  WorkerOptions,
} from "./migrate/options/options.ts";
import * as places from "./migrate/options/places.ts";
import { outsideFailure } from "./migrate/outside-failure.ts";
import { type PlanReport, planMigration as planMigrationWith } from "./migrate/plan.ts";
import type { OptionValues, TargetWords } from "./migrate/ports/backend.ts";
import type { MigrationReport } from "./migrate/report/report.ts";

export type { ReportedSignature } from "./migrate/report/reported-signatures.ts";

import type { OpenQueue } from "./migrate/ports/work-queue.ts";
import { runWorker as runWorkerWith } from "./migrate/queue/worker.ts";
import { copyShard as copyShardWith } from "./migrate/shard.ts";
import { type TargetStatus, targetStatus as targetStatusWith } from "./migrate/status.ts";
import { type VerificationReport, verifyLog as verifyLogWith } from "./migrate/verify.ts";

/** Moves a log until it is handed over, or has reached the state that the options ask for. @throws LogError, or the signal's reason. */
export const migrate = (options: MigrationOptions): Promise<MigrationReport> =>
  withQueue(options, () => migrateWith(options, backendModules(), openQueue)).catch(rethrow);

/** Does parts of a copy that a queue gives out, until that is handed over. @throws LogError, or the signal's reason. */
export const runWorker = (options: WorkerOptions): Promise<MigrationReport> =>
  withQueue(options, () => runWorkerWith(options, backendModules(), openQueue)).catch(rethrow);

/** A queue that cannot be is found before a target is claimed. */
async function withQueue<T>({ queue }: Pick<MigrationOptions, "queue">, work: () => Promise<T>): Promise<T> {
  if (typeof queue === "string") (await import("../storage/bullmq/queue.ts")).requireQueue(queue);
  return await work();
}

/** The library of queues is loaded for a copy that has one. */
const openQueue: OpenQueue = async (url, name, notice) => {
  const { openBullQueue } = await import("../storage/bullmq/queue.ts");
  return await openBullQueue(url, name, notice);
};

/** Copies one shard of a log, the rest of which others copy into the same target. @throws LogError, or the signal's reason. */
export const copyShard = (options: ShardOptions): Promise<MigrationReport> =>
  copyShardWith(options, backendModules()).catch(rethrow);

/** Copies a log, and what is added to it, until a cutover is asked for. @throws LogError, or the signal's reason. */
export const follow = (options: FollowOptions): Promise<MigrationReport> =>
  withQueue(options, () => followWith(options, backendModules(), openQueue)).catch(rethrow);

/** Asks the copy that follows a source into a target to hand over. @throws LogError, also where it refuses. */
export const cutover = (options: CutoverOptions): Promise<CutoverReport> =>
  cutoverWith(options, backendModules()).catch(rethrow);

/** Verifies a log; faults are in the report. @throws LogError if it cannot be read, or the signal's reason. */
export const verifyLog = (options: VerifyOptions): Promise<VerificationReport> =>
  verifyLogWith(options, backendModules()).catch(rethrow);

/** Takes back a claim or a handover that no log software has used. @throws LogError; TargetRefusedError if it was used. */
export const abandon = (options: AbandonOptions): Promise<AbandonReport> =>
  abandonWith(options, backendModules()).catch(rethrow);

/** What a migration would do and take, without changing anything. @throws LogError if the source does not verify */
export const planMigration = (options: MigrationOptions): Promise<PlanReport> =>
  planMigrationWith(options, backendModules()).catch(rethrow);

/** Looks at a target, without changing anything. @throws LogError */
export const targetStatus = (options: StatusOptions): Promise<TargetStatus> =>
  targetStatusWith(options, backendModules()).catch(rethrow);

function rethrow(error: unknown): never {
  throw outsideFailure(error);
}

/** The texts of the backends for help and command line. */
export const backendWords = (): Promise<places.BackendWords> => places.backendWords(backendModules());

/** What messages to the operator need to know of the log in a target. @throws UsageError if the options contradict each other. */
export const describeTarget = (location: string, options: OptionValues): Promise<TargetWords> =>
  places.describeTarget(location, options, backendModules());

export { registerBackend } from "../storage/backends.ts";
export {
  type ErrorFacts,
  IncompleteSourceError,
  LogError,
  OperationError,
  shellWord,
  systemErrorWords,
  TargetRefusedError,
  UsageError,
  VerificationError,
} from "./errors.ts";
export type { AbandonReport } from "./migrate/abandon.ts";
export type { CutoverReport } from "./migrate/cutover.ts";
export type { FollowState } from "./migrate/lifecycle/follow-state.ts";
export { BOUNDS, type Bounds } from "./migrate/options/check-options.ts";
export type {
  AbandonOptions,
  CutoverOptions,
  FollowOptions,
  LogWorkOptions,
  MigrationOptions,
  MinIndexOption,
  Shard,
  ShardOptions,
  StatusOptions,
  VerifyOptions,
  WorkerOptions,
  WorkOptions,
} from "./migrate/options/options.ts";
export { type BackendWords, optionName } from "./migrate/options/places.ts";
export { outsideFailure } from "./migrate/outside-failure.ts";
export type { Amounts, PlannedTime, StoreOperations } from "./migrate/plan/amounts.ts";
export type { Estimate } from "./migrate/plan/estimate.ts";
export type { PlannedHandover, PlanOutcome, PlanReport, Refusal } from "./migrate/plan.ts";
export type {
  Admission,
  Backend,
  BackendOption,
  ConnectionOutlook,
  OptionValues,
  RequestObserver,
  SourceAccess,
  SourceRequest,
  StatedLimit,
  TargetRequest,
  TargetWords,
} from "./migrate/ports/backend.ts";
export type {
  BundleRun,
  EdgeBundle,
  Finding,
  MissingIssuer,
  PresentIssuer,
  WorkUnit,
} from "./migrate/ports/executor.ts";
export {
  type AuthenticRead,
  type BundleHints,
  type ByteReservation,
  type HashTree,
  type ListedObject,
  type LogSource,
  type ObjectSource,
  type PartRead,
  type ReadHints,
  type ReadOptions,
  type RightEdge,
  SourceError,
  type TileRecovery,
  type TreeHead,
} from "./migrate/ports/source.ts";
export {
  type ExternalState,
  type FreeSpace,
  type IntegratedTree,
  type ListOptions,
  type LockKind,
  type LockState,
  type MigrationTarget,
  type SignedLog,
  type SigningLock,
  type SpaceNeeded,
  type StoredObject,
  type TargetBatch,
  type TargetContents,
  type TargetRepairs,
  type TargetWriter,
  type TreeState,
  WriteAgainError,
} from "./migrate/ports/target.ts";
export { type CounterName, Counters, LATENCY_BUCKETS } from "./migrate/report/counters.ts";
export type { NotCopied } from "./migrate/report/not-copied.ts";
export type { Notice } from "./migrate/report/notice.ts";
export {
  type Following,
  type Phase,
  Progress,
  type ProgressSnapshot,
  secondsSince,
} from "./migrate/report/progress.ts";
export type {
  ExtraDataReport,
  MigrationOutcome,
  MigrationReport,
  Pruned,
  RunReport,
  StoredState,
} from "./migrate/report/report.ts";
export type { SealCells, SealMap } from "./migrate/report/seal-map.ts";
export type {
  AskedCutover,
  CopyPhase,
  FinishedCopy,
  PresentLog,
  ReportedTree,
  StoredCheckpoint,
  TargetStatus,
  UnfinishedCopy,
} from "./migrate/status.ts";
export {
  DEFAULT_RETRY,
  type Retry,
  type RetryObserver,
  type RetryPolicy,
} from "./migrate/throttle/backoff.ts";
export type { TileOrigin } from "./migrate/unit/bundle-copier.ts";
export type { RepairReport } from "./migrate/verify/repair.ts";
export type { ReportedLock } from "./migrate/verify/signing-lock.ts";
export type { VerificationReport } from "./migrate/verify.ts";
export { type CheckpointPolicy, type KeyPolicy, staticCtOrigin } from "./tlog/checkpoint.ts";
export { bounded, FormatError, oneLine } from "./tlog/errors.ts";
export { type HasherName, hasherName } from "./tlog/hasher/hasher.ts";
export type { EntryBundleCoordinate, LogFormat, TileCoordinate } from "./tlog/layout.ts";
export { type ListedLog, type LogList, parseLogList } from "./tlog/log-list.ts";
export { excerpt, type KeyIdentity, type SignatureType, type Verdict, type Verifier } from "./tlog/note.ts";
export { parsePolicy } from "./tlog/policy.ts";
export { formatCount } from "./tlog/quantities.ts";
export type { Quorum, TrustPolicy, Witness, WitnessGroup } from "./tlog/quorum.ts";
export { shownAddress, withShownAddresses } from "./tlog/shown-address.ts";
export { parseVkey, staticCtVerifier } from "./tlog/vkey.ts";
