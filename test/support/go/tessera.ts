/**
 * The real Tessera (v1.0.4, Go), for tests that hold our work against it: makes logs, takes them over, keeps one
 * growing, checks them with Tessera's own fsck and migrates with Tessera's own tools. The Go side is in `tesserakit/`
 * for logs in directories, and in `gcpkit/` and `awskit/` for those in buckets.
 */
import { type AwsBucket, type Directory, databaseFlags, type GcpBucket, type Home } from "./homes.ts";
import type { TestDatabase } from "./mariadb.ts";
import { goAvailable, type Program } from "./programs.ts";
import { type CallOptions, type ProgramOptions, type RunningProgram, run, start } from "./run.ts";

export { TesseraError } from "./execute.ts";
export { goAvailable };

/** A log as its published checkpoint describes it. */
export interface LogReport {
  readonly origin: string;
  readonly size: number;
  readonly rootHash: string;
  readonly vkey: string;
  /** Base64 DER SPKI: Ed25519, or for Static CT ECDSA P-256. */
  readonly publicKey: string;
  readonly checkpoint: string;
}

export interface TakeoverReport extends LogReport {
  /** The size that the Appender found when it opened the home. */
  readonly sizeBefore: number;
  /** The lowest and the highest index given out; null when nothing was added. */
  readonly indices: readonly [number, number] | null;
  /** Whether every index from `sizeBefore` on was given out exactly once. */
  readonly contiguous: boolean;
}

export interface FsckReport {
  readonly ok: true;
  readonly origin: string;
  readonly size: number;
  readonly rootHash: string;
}

/** Whose log it is, and where it lives. */
export type LogIdentity<H extends Home = Directory> = H & {
  readonly origin: string;
  /** Seed of the signing key; the same seed and origin give the same vkey. */
  readonly key: string;
};

/** What entries contain: entry i depends on these and i alone. */
export interface EntryContents {
  /** Mean; each entry has between half and one and a half times as many bytes. 100 unless told. */
  readonly entrySize?: number;
  readonly seed?: string;
}

export interface LogContents extends EntryContents, CallOptions {
  readonly size: number;
  /**
   * Entries a batch; 65,536 unless told, or 2,048 in a bucket, where a batch must stay below 4 MiB. Every batch that
   * ends inside a tile leaves obsolete partials.
   */
  readonly batch?: number;
}

export type MakeLogOptions = LogIdentity<Home> & LogContents;

export type TakeOverOptions = LogIdentity<Home> &
  EntryContents &
  CallOptions & {
    /** Entries to append, 300 unless told; with 0 the Appender still has to sign a checkpoint of what it found. */
    readonly add?: number;
    readonly ct?: boolean;
  };

export type LiveOptions = LogIdentity<Home> &
  EntryContents &
  CallOptions & {
    readonly entriesPerSecond: number;
    readonly maxEntries?: number;
    /** Removes obsolete partials at this interval, as a log in production does; never unless told. */
    readonly garbageCollectionMs?: number;
    readonly ct?: boolean;
  };

export type FsckOptions = CallOptions & { readonly vkey: string } & (
    | (Home & { readonly ct?: boolean })
    | { readonly url: string }
  );

/** Makes a tlog-tiles log of exactly `size` entries with a Tessera Appender. */
export async function makeLog(options: MakeLogOptions): Promise<LogReport> {
  return kit<LogReport>(options, ["make", ...logFlags(options), ...makeFlags(options)], options);
}

/** Makes a Static CT log (`tile/data`, `issuer/`, RFC 6962 tree head signature) of exactly `size` entries. */
export async function makeCtLog(options: MakeLogOptions): Promise<LogReport> {
  return kit<LogReport>(options, ["make-ct", ...logFlags(options), ...makeFlags(options)], options);
}

/** Opens a home as Appender, appends entries, and waits for the checkpoint that covers them. */
export async function takeOver(options: TakeOverOptions): Promise<TakeoverReport> {
  const flags = [...logFlags(options), ...flag("add", options.add), ...contentFlags(options)];
  return kit<TakeoverReport>(options, ["takeover", ...flags, ...patience(options)], options);
}

export async function fsck(options: FsckOptions): Promise<FsckReport> {
  if ("url" in options) {
    const flags = ["--url", options.url, "--vkey", options.vkey];
    return JSON.parse(await run("tesserakit", ["fsck", ...flags], options)) as FsckReport;
  }
  const flags = [...homeFlags(options), ...ctFlag(options.ct ?? false), "--vkey", options.vkey];
  return kit<FsckReport>(options, ["fsck", ...flags], options);
}

/** Opens a home as Tessera's MigrationTarget and migrates nothing; rejects with its refusal. */
export async function openAsMigrationTarget(
  options: Home & CallOptions & { readonly ct?: boolean },
): Promise<void> {
  await kit(options, ["migrate-open", ...homeFlags(options), ...ctFlag(options.ct ?? false)], options);
}

/** Runs Tessera's own migration tool for POSIX, to its end; it does not verify signatures and ticks once a second. */
export async function tesseraMigratePosix(
  options: Directory & CallOptions & { readonly sourceUrl: string },
): Promise<void> {
  const args = ["--source_url", options.sourceUrl, "--storage_dir", options.dir];
  await run("tessera-migrate-posix", args, options);
}

/** Runs Tessera's own migration tool for Google's cloud, to its end; it knows no prefixes. */
export async function tesseraMigrateGcp(
  options: Omit<GcpBucket, "prefix"> & CallOptions & { readonly sourceUrl: string },
): Promise<void> {
  const { sourceUrl, env, timeoutMs } = options;
  await run("tessera-migrate-gcp", ["--source_url", sourceUrl, ...migrateGcpFlags(options)], {
    env,
    timeoutMs,
  });
}

/** How that tool is told its target. */
export function migrateGcpFlags({ bucket, database }: Pick<GcpBucket, "bucket" | "database">): string[] {
  return ["--bucket", bucket, "--spanner", database];
}

/** Runs Tessera's own migration tool for AWS, to its end, on an S3 and a database of ours; it knows no prefixes. */
export async function tesseraMigrateAws(
  options: Omit<AwsBucket, "prefix"> & CallOptions & { readonly sourceUrl: string },
): Promise<void> {
  const { sourceUrl, sql, env, timeoutMs } = options;
  const target = migrateAwsFlags({ ...options, dsn: sql.dsn });
  await run("tessera-migrate-aws", ["--source_url", sourceUrl, ...target], { env, timeoutMs });
}

/** How that tool is told its target. */
export function migrateAwsFlags({
  bucket,
  dsn,
  env,
}: Pick<AwsBucket, "bucket" | "env"> & Pick<TestDatabase, "dsn">): string[] {
  const keys = [
    ...["--s3_access_key", env.AWS_ACCESS_KEY_ID ?? ""],
    ...["--s3_secret", env.AWS_SECRET_ACCESS_KEY ?? ""],
  ];
  const s3 = ["--bucket", bucket, "--s3_endpoint", env.AWS_ENDPOINT_URL_S3 ?? ""];
  return [...s3, ...keys, ...databaseFlags(dsn)];
}

/** A Tessera Appender that keeps a log growing; a test that is done with it stops it or disposes of it. */
export interface LiveLog extends AsyncDisposable {
  readonly vkey: string;
  readonly sizeBefore: number;
  /** Stops adding, waits until a checkpoint covers every entry and the process is gone. */
  stop(): Promise<LogReport>;
}

/**
 * Starts an Appender that adds entries without a pause; resolves once it is at work.
 * `timeoutMs` bounds the start and the stop, each.
 */
export async function startLive(options: LiveOptions): Promise<LiveLog> {
  const args = ["live", ...logFlags(options), ...liveFlags(options)];
  const live = await start<{ readonly size: number; readonly vkey: string }, LogReport>(
    programOf(options),
    args,
    programOptions(options, options),
  );
  const { size, vkey } = live.ready;
  return { vkey, sizeBefore: size, stop: live.stop, [Symbol.asyncDispose]: live[Symbol.asyncDispose] };
}

function logFlags(log: LogIdentity<Home>): string[] {
  return [...homeFlags(log), "--origin", log.origin, "--key", log.key];
}

function homeFlags(home: Home): string[] {
  if ("dir" in home) return ["--dir", home.dir];
  const state = "sql" in home ? ["--mysql", home.sql.dsn] : ["--spanner", home.database];
  return ["--bucket", home.bucket, ...flag("prefix", home.prefix), ...state];
}

function makeFlags(options: LogContents): string[] {
  return [...flag("size", options.size), ...flag("batch", options.batch), ...contentFlags(options)];
}

function liveFlags(options: LiveOptions): string[] {
  const gc = options.garbageCollectionMs;
  return [
    ...flag("rate", options.entriesPerSecond),
    ...flag("max-entries", options.maxEntries),
    ...flag("gc", gc === undefined ? undefined : `${gc}ms`),
    ...contentFlags(options),
  ];
}

function contentFlags(options: EntryContents & { readonly ct?: boolean }): string[] {
  return [
    ...flag("seed", options.seed),
    ...flag("entry-size", options.entrySize),
    ...ctFlag(options.ct ?? false),
  ];
}

function ctFlag(ct: boolean): string[] {
  return ct ? ["--ct"] : [];
}

/** Lets the program itself give up, a little before it would be killed: it says what it waited for. */
function patience({ timeoutMs }: CallOptions): string[] {
  return timeoutMs === undefined ? [] : ["--timeout", `${Math.ceil(timeoutMs * 0.9)}ms`];
}

function flag(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`--${name}`, String(value)];
}

/** Runs a subcommand of the program for that kind of home, and returns the document that it prints. */
async function kit<T>(home: Home, args: readonly string[], options: CallOptions): Promise<T> {
  return JSON.parse(await run(programOf(home), args, programOptions(home, options))) as T;
}

/** Starts a subcommand of the program for that kind of home, which runs until it is told to stop. */
export function startKit<Ready, Final>(
  home: Home,
  command: string,
  flags: readonly string[],
  options: CallOptions,
): Promise<RunningProgram<Ready, Final>> {
  return start(programOf(home), [command, ...homeFlags(home), ...flags], programOptions(home, options));
}

function programOf(home: Home): Program {
  if ("dir" in home) return "tesserakit";
  return "sql" in home ? "awskit" : "gcpkit";
}

function programOptions(home: Home, { timeoutMs }: CallOptions): ProgramOptions {
  return "dir" in home ? { timeoutMs } : { timeoutMs, env: home.env };
}
