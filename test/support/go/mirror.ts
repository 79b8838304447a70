/** Mirrors of live logs, kept by a program that is killed again and again, under the eyes of readers. */

import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import type { LogFormat } from "../../../lib/tlog/layout.ts";
import { type CliResult, spawnCli } from "../cli.ts";
import type { LogServer } from "../http/misbehaving-log-server.ts";
import { serveDirectory } from "./growing-source.ts";
import type { Home } from "./homes.ts";
import { type CallOptions, type RunningProgram, start } from "./run.ts";
import { type LogReport, startKit, startLive } from "./tessera.ts";
import { tesseraLog } from "./tessera-takeover.ts";

/** What a reader saw who read every checkpoint that is published, each completely and at once, and the one before again. */
export interface WatchReport {
  readonly checkpoints: number;
  readonly firstSize: number;
  readonly lastSize: number;
  readonly faults: readonly string[];
}

export type Reader = RunningProgram<unknown, WatchReport>;

/** Reads with Tessera's client and fsck, from its own home of a log. */
export function watchWithTessera(
  home: Home & CallOptions & { readonly vkey: string; readonly ct?: boolean },
): Promise<Reader> {
  return startKit(home, "watch", [...(home.ct ? ["--ct"] : []), "--vkey", home.vkey], home);
}

/** Reads with Sunlight's client, every issuer too. @param publicKey base64 DER SPKI. */
export function watchWithSunlight(url: string, publicKey: string): Promise<Reader> {
  return start("ctkit", ["watch", "--url", url, "--public-key", publicKey], {});
}

/** After so many requests to the source each run is killed: in its start, in its first round, in later ones. */
const KILLED_AFTER = [8, 30, 45, 90, 60];

/** Of the log, before the mirror begins. */
const SIZE = 1_500;

export interface MirrorPlace {
  readonly format: LogFormat;
  /** The target, and the options that it needs. */
  readonly target: string;
  readonly options?: readonly string[];
  watch(log: Pick<LogReport, "vkey" | "publicKey">): Promise<Reader>;
  /** The checkpoint that it serves now; undefined if there is none. */
  checkpoint(): Promise<string | undefined>;
}

/**
 * Has a log grow by 200 entries a second while a mirror of it is kept, killed and started again. Expects that every
 * checkpoint that was ever served was complete at once, and that the last one is the log's.
 */
export async function expectMirrored({ format, target, options = [], ...place }: MirrorPlace): Promise<void> {
  const log = await tesseraLog(SIZE, { format });
  const { dir, origin, key, vkey } = log;
  const ct = format === "static-ct";
  const pace = { entriesPerSecond: 200, garbageCollectionMs: 100 };
  const live = await startLive({ dir, origin, key, ct, ...pace });
  onTestFinished(() => live[Symbol.asyncDispose]());
  const server = await serveDirectory(dir);
  const reader = await place.watch(log);
  onTestFinished(() => reader[Symbol.asyncDispose]());
  const args = ["follow", server.url, target, "--mirror", "--vkey", vkey, "--interval", "0.1", ...options];
  if (ct) args.push("--format", format);
  for (const requests of KILLED_AFTER) {
    const { child, result } = spawnCli(args);
    await moreRequests(server, requests, result);
    child.kill("SIGKILL");
    expect(await result).toMatchObject({ signal: "SIGKILL" });
  }
  const { child, result } = spawnCli(args);
  await moreRequests(server, KILLED_AFTER[0] ?? 0, result);
  const final = await live.stop();
  await expect.poll(() => place.checkpoint(), { timeout: 120_000 }).toBe(final.checkpoint);
  // The reader has seen it too.
  await sleep(300);
  const report = await reader.stop();
  child.kill("SIGTERM");
  expect(await result).toMatchObject({ code: 143 });
  expect(report.faults).toEqual([]);
  expect(report).toMatchObject({ lastSize: final.size });
  expect(report.checkpoints).toBeGreaterThan(KILLED_AFTER.length);
  expect(await place.checkpoint()).toBe(final.checkpoint);
}

/** @param end of the run, which must not come before. */
async function moreRequests(server: LogServer, count: number, end: Promise<CliResult>): Promise<void> {
  const before = server.requests.length;
  const isOver = end.then(({ stderr }) => {
    throw new Error(`it ended by itself: ${stderr}`);
  });
  // Later it is meant to end.
  isOver.catch(() => {});
  const arrive = expect.poll(() => server.requests.length - before, { timeout: 120_000 });
  await Promise.race([arrive.toBeGreaterThan(count), isOver]);
}
