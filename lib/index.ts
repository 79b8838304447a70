/** The library's public face: what `cmd/` uses like anybody else. */

export { registerTarget, type TargetOpener } from "../storage/backends.ts";
export { LogError, OperationError, TargetRefusedError, UsageError, VerificationError } from "./errors.ts";
export { Counters, LATENCY_BUCKETS } from "./migrate/counters.ts";
export type { UncoveredReport } from "./migrate/extra-data-report.ts";
export type { MissingIssuer } from "./migrate/issuers/registry.ts";
export { migrate } from "./migrate/migrate.ts";
export type { LogWorkOptions, MigrationOptions } from "./migrate/options.ts";
export type {
  IntegratedTree,
  MigrationTarget,
  RoomNeeded,
  StoredObject,
  TargetBatch,
  TargetContents,
  TargetWriter,
  TreeState,
} from "./migrate/ports/target.ts";
export { type Phase, Progress, type ProgressSnapshot } from "./migrate/progress.ts";
export { DEFAULT_RETRY, type RetryPolicy } from "./migrate/read/context.ts";
export type { MigrationOutcome, MigrationReport } from "./migrate/report.ts";
export type { TileOrigin } from "./migrate/unit/bundle-copier.ts";
export { type VerificationReport, type VerifyOptions, verifyLog } from "./migrate/verify.ts";
export { type CheckpointPolicy, staticCtOrigin } from "./tlog/checkpoint.ts";
export { FormatError, oneLine } from "./tlog/errors.ts";
export { type HasherName, hasherName } from "./tlog/hasher/hasher.ts";
export type { LogFormat } from "./tlog/layout.ts";
export { type ListedLog, type LogList, parseLogList } from "./tlog/log-list.ts";
export { excerpt, type Verifier } from "./tlog/note.ts";
export { parseVkey, staticCtVerifier } from "./tlog/vkey.ts";
