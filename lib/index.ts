/** The library's public face: what `cmd/` uses like anybody else. */

export type { MigrationOptions } from "./migrate/options.ts";
export type { MigrationReport } from "./migrate/report.ts";
export { migrate } from "./migrate/migrate.ts";
export { Progress, type Phase, type ProgressSnapshot } from "./migrate/progress.ts";
