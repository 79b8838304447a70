/** A live move, whole: a log that Tessera's Appender adds to is followed, cut over, and continued in its new place. */

import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type TargetStatus, targetStatus } from "../../lib/index.ts";
import { makeGrownLog } from "../../test/support/go/grown-log.ts";
import { freePort } from "../../test/support/go/guarded.ts";
import { stateOf } from "../../test/support/go/homes.ts";
import { randomShares } from "../../test/support/go/random-shares.ts";
import { fsck, startLive, takeOver } from "../../test/support/go/tessera.ts";
import type { EmptyTarget } from "../clouds/target-kinds.ts";
import { measure } from "../run/measure.ts";
import { startNginx } from "../servers/nginx.ts";
import { startNodeServer } from "../servers/node-server.ts";
import { FollowProcess } from "./follow-process.ts";
import { type LagSamples, LagWatch } from "./lag.ts";

export interface MoveOptions {
  /** The compiled program. */
  readonly program: string;
  /** A directory for the source, which does not exist yet. */
  readonly directory: string;
  readonly target: EmptyTarget;
  /** Entries that are there before. */
  readonly before: number;
  /** For how long lag is sampled. */
  readonly seconds: number;
  /** How often `follow` is killed meanwhile, at moments that the seed decides. */
  readonly kills: number;
  readonly seed: string;
}

export interface MoveFigures {
  readonly lag: LagSamples;
  /** From the request to the end of the command that waits for the handover. */
  readonly cutoverSeconds: number;
  readonly size: number;
}

export const ENTRIES_PER_SECOND = 200;
const APPENDED = 300;
const IDENTITY = { origin: "log.example/live", key: "bench" };
const LONG_MS = 600_000;
const POLL_MS = 50;

/** @throws Error if anything is not as it must be: the size handed over, the index of what is appended, Tessera's fsck. */
export async function moveLive(options: MoveOptions): Promise<MoveFigures> {
  const { program, directory, target, before } = options;
  await using parts = new AsyncDisposableStack();
  parts.defer(() => rmSync(directory, { recursive: true, force: true }));
  const identity = { dir: directory, ...IDENTITY };
  if (before > 0) await makeGrownLog({ ...identity, size: before, seed: options.seed });
  const live = parts.use(
    await startLive({ ...identity, entriesPerSecond: ENTRIES_PER_SECOND, garbageCollectionMs: 1_000 }),
  );
  const server = (await startNginx(directory)) ?? (await startNodeServer(directory));
  parts.defer(server.close);

  const { env, stateOptions } = target;
  const run = (...args: string[]) => ({
    file: process.execPath,
    args: [program, ...args, ...stateOptions],
    env,
  });
  const command = run("follow", server.url, target.target, "--vkey", live.vkey, "--quiet");
  const follow = parts.use(new FollowProcess(command, await freePort()));
  const watch = parts.use(
    new LagWatch({ directory, copied: () => copiedSize(target), said: () => follow.lag() }),
  );
  await until(() => follow.isReady());
  // What was added while the first of it was copied has arrived, too.
  const caughtUp = watch.published;
  await until(() => watch.copied >= caughtUp);
  const lag = watch.begin();
  await sampled(follow, options);
  const { size } = await live.stop();

  const asked = performance.now();
  const { stdout } = await measure(run("cutover", target.target, "--wait", "--json"), LONG_MS);
  const cutoverSeconds = (performance.now() - asked) / 1000;
  await follow.done();
  const handedOver = JSON.parse(stdout) as { readonly outcome: string; readonly size: number };
  requireFacts(handedOver, { outcome: "handed-over", size });

  const log = { ...target.logHome, ...IDENTITY, timeoutMs: LONG_MS };
  const taken = await takeOver({ ...log, add: APPENDED });
  requireFacts(taken, { sizeBefore: size, contiguous: true, size: size + APPENDED, vkey: live.vkey });
  const checked = await fsck({ ...target.logHome, vkey: live.vkey, timeoutMs: LONG_MS });
  requireFacts(checked, { ok: true, size: size + APPENDED, rootHash: taken.rootHash });
  return { lag, cutoverSeconds, size };
}

/** Lets the time of a sample pass, and kills meanwhile. */
async function sampled(follow: FollowProcess, { seconds, kills, seed }: MoveOptions): Promise<void> {
  const began = performance.now();
  const untilSecond = (second: number) => sleep(Math.max(0, began + second * 1000 - performance.now()));
  for (const share of randomShares(seed, kills)) {
    await untilSecond(share * seconds);
    await follow.killAndRestart();
  }
  await untilSecond(seconds);
}

/** Entries of the tree that the target is seen to have; undefined while it is being brought to another one. */
async function copiedSize({ target, logHome, env }: EmptyTarget): Promise<number | undefined> {
  // As of any program that is to find the cloud.
  Object.assign(process.env, env, "env" in logHome && logHome.env);
  const look = { target, targetOptions: stateOf(logHome), access: { userAgentVersion: "bench" } };
  const status: TargetStatus | undefined = await targetStatus(look).catch(() => undefined);
  return status?.state === "unfinished" && status.phase === "copied" ? status.aim.size : undefined;
}

async function until(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  for (const deadline = performance.now() + LONG_MS; !(await isTrue()); await sleep(POLL_MS)) {
    if (performance.now() > deadline) throw new Error("follow did not catch up");
  }
}

function requireFacts(found: object, expected: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(expected)) {
    const actual = (found as Record<string, unknown>)[name];
    if (actual !== value)
      throw new Error(`${name} is ${JSON.stringify(actual)}, not ${JSON.stringify(value)}`);
  }
}
