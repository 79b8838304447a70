/** The library's public face: what `cmd/` uses like anybody else. */

export { migrate } from "./migrate/migrate.ts";
export type { MigrationOptions } from "./migrate/options.ts";
export { type Phase, Progress, type ProgressSnapshot } from "./migrate/progress.ts";
export type { MigrationReport } from "./migrate/report.ts";
export { type VerificationReport, type VerifyOptions, verifyLog } from "./migrate/verify.ts";
