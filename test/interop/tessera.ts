/**
 * The real Tessera (v1.0.4, Go), for tests that hold our work against it: makes logs, takes them over, keeps one
 * growing, checks them with Tessera's own fsck and migrates with Tessera's own tool. The Go side is in `tesserakit/`.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import {
  build,
  type CallOptions,
  defaultTimeoutMs,
  exitOf,
  killedAfter,
  run,
  TesseraError,
} from "./go-programs.ts";

export { goAvailable, TesseraError } from "./go-programs.ts";

/** A log as its published checkpoint describes it. */
export interface LogReport {
  readonly origin: string;
  readonly size: number;
  /** Base64, as in the checkpoint. */
  readonly rootHash: string;
  readonly vkey: string;
  /** Base64 DER SPKI: Ed25519, or for Static CT ECDSA P-256. */
  readonly publicKey: string;
  /** The whole signed note. */
  readonly checkpoint: string;
}

export interface TakeoverReport extends LogReport {
  /** The size that the Appender found when it opened the directory. */
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

/** Whose log it is and what is in it. */
export interface LogIdentity {
  readonly dir: string;
  readonly origin: string;
  /** Seed of the signing key; the same seed and origin give the same vkey. */
  readonly key: string;
}

export interface MakeLogOptions extends LogIdentity, CallOptions {
  readonly size: number;
  /** Mean; each entry has between half and one and a half times as many bytes. 100 unless told. */
  readonly entrySize?: number;
  /** Seed of the contents: entry i depends on seed, entrySize and i alone. */
  readonly seed?: string;
  /** Entries a batch, 65,536 unless told; every batch that ends inside a tile leaves obsolete partials. */
  readonly batch?: number;
}

export interface TakeOverOptions extends LogIdentity, CallOptions {
  /** Entries to append, 300 unless told; with 0 the Appender still has to sign a checkpoint of what it found. */
  readonly add?: number;
  readonly seed?: string;
  readonly entrySize?: number;
  /** Whether the log has the Static CT layout. */
  readonly ct?: boolean;
}

export interface LiveOptions extends LogIdentity, CallOptions {
  readonly entriesPerSecond: number;
  readonly maxEntries?: number;
  /** Removes obsolete partials at this interval, as a log in production does; never unless told. */
  readonly garbageCollectionMs?: number;
  readonly seed?: string;
  readonly entrySize?: number;
  readonly ct?: boolean;
}

export type FsckOptions = CallOptions & { readonly vkey: string } & (
    | { readonly dir: string; readonly ct?: boolean }
    | { readonly url: string }
  );

/** Makes a tlog-tiles log of exactly `size` entries with a Tessera Appender. */
export async function makeLog(options: MakeLogOptions): Promise<LogReport> {
  return tesserakit<LogReport>(["make", ...logFlags(options), ...makeFlags(options)], options);
}

/** Makes a Static CT log (`tile/data`, `issuer/`, RFC 6962 tree head signature) of exactly `size` entries. */
export async function makeCtLog(options: MakeLogOptions): Promise<LogReport> {
  return tesserakit<LogReport>(["make-ct", ...logFlags(options), ...makeFlags(options)], options);
}

/** Opens a directory as Appender, appends entries, and waits for the checkpoint that covers them. */
export async function takeOver(options: TakeOverOptions): Promise<TakeoverReport> {
  const flags = [...logFlags(options), ...flag("add", options.add), ...contentFlags(options)];
  return tesserakit<TakeoverReport>(["takeover", ...flags], options);
}

/** Runs Tessera's fsck; rejects with what it found. */
export async function fsck(options: FsckOptions): Promise<FsckReport> {
  const where =
    "url" in options ? ["--url", options.url] : ["--dir", options.dir, ...ctFlag(options.ct ?? false)];
  return tesserakit<FsckReport>(["fsck", ...where, "--vkey", options.vkey], options);
}

/** Opens a directory as Tessera's MigrationTarget and migrates nothing; rejects with its refusal. */
export async function openAsMigrationTarget(
  options: CallOptions & { readonly dir: string; readonly ct?: boolean },
): Promise<void> {
  await tesserakit(["migrate-open", "--dir", options.dir, ...ctFlag(options.ct ?? false)], options);
}

/** Runs Tessera's own migration tool for POSIX, to its end; it does not verify signatures and ticks once a second. */
export async function tesseraMigratePosix(
  options: CallOptions & { readonly sourceUrl: string; readonly dir: string },
): Promise<void> {
  const args = ["--source_url", options.sourceUrl, "--storage_dir", options.dir];
  await run("tessera-migrate-posix", args, options);
}

/** A Tessera Appender that keeps a log growing; a test that is done with it stops it or disposes of it. */
export interface LiveLog extends AsyncDisposable {
  readonly vkey: string;
  /** The size at the start. */
  readonly sizeBefore: number;
  /** Stops adding, waits until a checkpoint covers every entry and the process is gone. */
  stop(): Promise<LogReport>;
}

/**
 * Starts an Appender that adds entries without a pause; resolves once it is at work.
 * `timeoutMs` bounds the start and the stop, each.
 */
export async function startLive(options: LiveOptions): Promise<LiveLog> {
  const path = await build("tesserakit");
  const child = spawn(path, ["live", ...logFlags(options), ...liveFlags(options)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exit = exitOf(child);
  let stderr = "";
  child.stdin.on("error", () => {}); // it may have exited before it is told to stop
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });

  async function nextDocument<T>(what: string): Promise<T> {
    const line = await killedAfter(timeoutMs, child, lines.next());
    if (line.done) {
      throw new TesseraError(`tesserakit live ${what} (${await exit})`, stderr);
    }
    return JSON.parse(line.value) as T;
  }
  async function stopNow(): Promise<LogReport> {
    child.stdin.end();
    const report = await nextDocument<LogReport>("gave no final report");
    await killedAfter(timeoutMs, child, exit);
    return report;
  }

  const ready = await nextDocument<{ readonly size: number; readonly vkey: string }>("did not start");
  let stopped: Promise<LogReport> | undefined;
  return {
    vkey: ready.vkey,
    sizeBefore: ready.size,
    stop: () => {
      stopped ??= stopNow();
      return stopped;
    },
    [Symbol.asyncDispose]: async () => {
      if (stopped === undefined) {
        child.kill("SIGKILL");
      }
      await exit;
    },
  };
}

function logFlags(log: LogIdentity): string[] {
  return ["--dir", log.dir, "--origin", log.origin, "--key", log.key];
}

function makeFlags(options: MakeLogOptions): string[] {
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

function contentFlags(options: {
  readonly seed?: string;
  readonly entrySize?: number;
  readonly ct?: boolean;
}): string[] {
  return [
    ...flag("seed", options.seed),
    ...flag("entry-size", options.entrySize),
    ...ctFlag(options.ct ?? false),
  ];
}

function ctFlag(ct: boolean): string[] {
  return ct ? ["--ct"] : [];
}

function flag(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`--${name}`, String(value)];
}

/** Runs a subcommand of tesserakit and returns the document that it prints. */
async function tesserakit<T>(args: readonly string[], options: CallOptions): Promise<T> {
  return JSON.parse(await run("tesserakit", args, options)) as T;
}
