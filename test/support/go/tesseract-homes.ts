/** Where TesseraCT keeps a log, and what a test has of it while it is at work there. */

import type { CtIdentity, CtLog, CtReport } from "./ct-logs.ts";
import type { AwsBucket, Directory, GcpBucket, Home } from "./homes.ts";
import type { TestDatabase } from "./mariadb.ts";
import type { CallOptions } from "./run.ts";

/** A bucket for TesseraCT, which knows no prefix: the log is at the bucket's root. */
export type CtGcpBucket = Omit<GcpBucket, "prefix">;

/** The same on AWS: everybody may read the bucket. */
export interface CtAwsBucket extends Omit<AwsBucket, "prefix"> {
  readonly sql: TestDatabase;
  /** Of the antispam index: a database of its own. */
  readonly antispam: TestDatabase;
}

export type CtHome = Directory | CtGcpBucket | CtAwsBucket;

export type TesseraCTOptions<H extends CtHome = CtHome> = H &
  CtIdentity &
  CallOptions & {
    /** Seeds of the authorities whose roots the log accepts. */
    readonly authorities: readonly string[];
  };

/** TesseraCT at work; what is done with it stops it or disposes of it. */
export interface TesseraCT extends CtLog, AsyncDisposable {
  readonly sizeBefore: number;
  /** How many entries its antispam index knows: what is not in it, is accepted again. */
  indexed(): Promise<number>;
  /** Waits until all that was accepted is published, and ends it. */
  stop(): Promise<CtReport>;
}

/** Where readers find the log of a bucket: objects are public there. Undefined for a directory. */
export function monitoringUrlOf(home: Home): string | undefined {
  if ("dir" in home) return undefined;
  return `${"sql" in home ? home.env.AWS_ENDPOINT_URL_S3 : home.env.STORAGE_EMULATOR_HOST}/${home.bucket}`;
}
