/**
 * The real Sunlight (v0.8.1): its write path on a directory or a bucket, with its lock in an SQLite database or a bucket,
 * and Skylight, its read path. Both are as they are released: without ACME in their configuration they speak plain HTTP.
 */

import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { type CtIdentity, type CtLog, type CtReport, keyOf, reportOf, rootsOf, secretOf } from "./ct-logs.ts";
import type { CallOptions } from "./run.ts";
import { type ServedProgram, startServer } from "./supervised.ts";

const SHORT_NAME = "interop";
const DAY_MS = 86_400_000;
/** Before midnight no log is made for so long: Sunlight makes one on its day of inception alone. */
const MIDNIGHT_MARGIN_MS = 30_000;

export interface SunlightOptions extends CtIdentity, CallOptions {
  /** Holds all that Sunlight keeps; the log itself is in `log` below it. */
  readonly directory: string;
  /** Seeds of the authorities whose roots the log accepts. */
  readonly authorities: readonly string[];
  /** Milliseconds between two sequencings, 50 unless told. */
  readonly periodMs?: number;
  /** Where the log is, in place of the directory; and where it is served, if it is not new. */
  readonly s3?: {
    readonly endpoint: string;
    readonly bucket: string;
    readonly prefix: string;
    readonly url?: string;
  };
  /** The bucket that has its lock, in place of a database in the directory. */
  readonly lock?: { readonly endpoint: string; readonly bucket: string };
}

/** Sunlight and Skylight at work; what is done with them stops them or disposes of them. */
export interface Sunlight extends CtLog, AsyncDisposable {
  readonly logDirectory: string;
  /** Ends Sunlight alone: the log takes no more submissions, and Skylight serves it as before. */
  freeze(): Promise<CtReport>;
  stop(): Promise<CtReport>;
  /** The same, of a log that is not in the directory. */
  end(): Promise<void>;
}

/**
 * Starts Skylight and Sunlight on a directory, new or not, on free ports of the loopback; resolves once submissions
 * are taken. `timeoutMs` bounds the start and the stop of each.
 */
export async function startSunlight(options: SunlightOptions): Promise<Sunlight> {
  const logDirectory = join(options.directory, "log");
  await mkdir(logDirectory, { recursive: true });
  await using started = new AsyncDisposableStack();
  const skylight = await startProgram("skylight", options, {
    logs: [{ shortname: SHORT_NAME, monitoringprefix: "https://127.0.0.1", localdirectory: logDirectory }],
  });
  started.use(skylight);
  // Sunlight compares the checkpoint that it has with the one that is served.
  const log = await writeLogFiles(options, {
    ...placeOf(options, logDirectory),
    monitoringprefix: options.s3?.url ?? skylight.url,
  });
  const sunlight = await startProgram("sunlight", options, { ...lockOf(options), logs: [log] });
  started.use(sunlight);
  const { publicKey, vkey } = await keyOf(options);
  const running = started.move();
  return {
    publicKey,
    vkey,
    origin: options.origin,
    url: sunlight.url,
    monitoringUrl: skylight.url,
    logDirectory,
    freeze: async () => {
      await sunlight.stop();
      return readReport(logDirectory);
    },
    stop: async () => {
      await sunlight.stop();
      await skylight.stop();
      return readReport(logDirectory);
    },
    end: () => running.disposeAsync(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** How the configuration of Sunlight names the place of a log. */
function placeOf({ s3 }: SunlightOptions, localdirectory: string): object {
  if (s3 === undefined) return { localdirectory };
  const { endpoint, bucket, prefix } = s3;
  return { s3endpoint: endpoint, s3bucket: bucket, s3keyprefix: prefix, s3region: "us-east-1" };
}

/** How it names its lock. */
function lockOf({ lock, directory }: SunlightOptions): object {
  if (lock === undefined) return { checkpoints: checkpointDatabase(directory) };
  return { etags3: { region: "us-east-1", ...lock } };
}

/** Starts a program of Sunlight's with this configuration. */
function startProgram(
  program: "sunlight" | "skylight",
  { directory, timeoutMs }: Pick<SunlightOptions, "directory" | "timeoutMs">,
  config: object,
): Promise<ServedProgram> {
  const file = join(directory, `${program}.yaml`);
  const args = async (port: number) => {
    await writeFile(file, JSON.stringify({ listen: [`127.0.0.1:${port}`], ...config }));
    return ["-c", file];
  };
  return startServer(program, { args, readyPath: "/health", timeoutMs, env: { TZ: "UTC" } });
}

/** Writes the files that the configuration of a log names, and returns it. */
async function writeLogFiles(options: SunlightOptions, places: object): Promise<object> {
  const { directory, origin, authorities, periodMs = 50 } = options;
  const [roots, secret, cache] = ["roots.pem", "secret", "cache.db"].map((name) => join(directory, name));
  await writeFile(roots as string, await rootsOf(authorities));
  await writeFile(secret as string, Buffer.from(secretOf(options), "hex"));
  return {
    ...places,
    roots,
    secret,
    cache,
    shortname: SHORT_NAME,
    inception: await today(),
    period: periodMs,
    submissionprefix: `https://${origin}`,
    notafterstart: "2049-01-01T00:00:00Z",
    notafterlimit: "2050-01-01T00:00:00Z",
  };
}

/** Today's date in UTC, which will still be today's when a program that is started with it looks. */
async function today(): Promise<string> {
  const left = DAY_MS - (Date.now() % DAY_MS);
  if (left < MIDNIGHT_MARGIN_MS) await sleep(left + 1);
  return new Date().toISOString().slice(0, "2026-01-01".length);
}

/** The database of locks, which Sunlight wants to find: made as its documentation says. */
export function checkpointDatabase(directory: string): string {
  const path = join(directory, "checkpoints.db");
  if (!existsSync(path)) {
    const database = new DatabaseSync(path);
    database.exec("CREATE TABLE checkpoints (logID BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT");
    database.close();
  }
  return path;
}

async function readReport(logDirectory: string): Promise<CtReport> {
  return reportOf(await readFile(join(logDirectory, "checkpoint"), "utf8"));
}
