/** A log that Tessera's Appender adds to, moved by the program while it runs: by commands on two machines. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import { type TargetStatus, targetStatus } from "../../../lib/index.ts";
import type { OptionValues } from "../../../lib/migrate/ports/backend.ts";
import { type CliResult, type RunningCli, spawnCli } from "../cli.ts";
import { memoryDirectory } from "../places/directory.ts";
import { makeGrownLog } from "./grown-log.ts";
import type { Home } from "./homes.ts";
import { randomShares } from "./random-shares.ts";
import { fsck, type LiveLog, type LogReport, makeLog, startLive, takeOver } from "./tessera.ts";

/** Where a log is moved from and to. */
export interface LiveMove {
  readonly from: Home;
  readonly to: Home;
  /** As commands name them. */
  readonly source: string;
  readonly target: string;
  /** What commands are told of the target's private state, and the same for the library. */
  readonly stateArguments?: readonly string[];
  readonly targetOptions?: OptionValues;
}

const IDENTITY = { origin: "log.example/live", key: "the log's key" };
const PACE = { entriesPerSecond: 200, garbageCollectionMs: 1_000 };
const APPENDED = 300;
const PATIENCE_MS = 120_000;
/** So long it is followed before all else, and killed so often. */
const GROWTH_MS = 120_000;
const KILLS = 6;
/** Larger ones are not made by Tessera. */
const MOST_MADE = 100_000;
const DAY_SECONDS = "86400";

/** Runs commands as a machine with files of its own would. */
type Machine = (...args: readonly string[]) => RunningCli;

export function newMachine(): Machine {
  const home = memoryDirectory();
  const env = { TMPDIR: home, HOME: home, XDG_CACHE_HOME: join(home, "cache") };
  return (...args) => spawnCli(args, { cwd: home, env, timeoutMs: 300_000 });
}

/** A live log in one place, and commands that move it to another. */
export class MovingLog {
  readonly #move: LiveMove;
  readonly #vkey: string;
  readonly live: LiveLog;
  readonly #follows = newMachine();
  readonly #asks = newMachine();
  #following: RunningCli | undefined;

  private constructor(move: LiveMove, live: LiveLog) {
    this.#move = move;
    this.#vkey = live.vkey;
    this.live = live;
  }

  /** @param size entries that are there before; from then on it grows. */
  static async start(move: LiveMove, size: number): Promise<MovingLog> {
    const { from } = move;
    if (size <= MOST_MADE) await makeLog({ ...from, ...IDENTITY, size });
    else if ("dir" in from) await makeGrownLog({ ...from, ...IDENTITY, size });
    else throw new Error("large logs are made in directories alone");
    const live = await startLive({ ...from, ...IDENTITY, ...PACE });
    onTestFinished(() => live[Symbol.asyncDispose]());
    return new MovingLog(move, live);
  }

  follow(settleSeconds: string): RunningCli {
    const { source, target, stateArguments = [] } = this.#move;
    const pace = ["--settle", settleSeconds, "--interval", "0.2", "--workers", "1"];
    const args = ["follow", source, target, "--vkey", this.#vkey, ...stateArguments, ...pace];
    this.#following = this.#follows(...args);
    return this.#following;
  }

  /** On another machine. */
  startCutover(...more: readonly string[]): RunningCli {
    return this.#asks("cutover", this.#move.target, ...(this.#move.stateArguments ?? []), ...more);
  }

  cutover(...more: readonly string[]): Promise<CliResult> {
    return this.startCutover(...more).result;
  }

  status(): Promise<TargetStatus> {
    const { target, targetOptions = {} } = this.#move;
    return targetStatus({ target, targetOptions, access: { userAgentVersion: "test" } });
  }

  /** Waits until at least so many entries are wholly in the target, which is no log yet. Gives their number. */
  async reached(size: number): Promise<number> {
    let copied = 0;
    const following = this.#following;
    const look = async () => {
      if (following !== undefined && following.child.exitCode !== null) {
        throw new Error(`follow ended: ${(await following.result).stderr}`);
      }
      const status = await this.status();
      copied = status.state === "unfinished" && status.phase === "copied" ? status.aim.size : 0;
      return copied;
    };
    await expect
      .poll(look, { timeout: PATIENCE_MS, interval: 100, message: this.#move.target })
      .toBeGreaterThanOrEqual(size);
    return copied;
  }

  /** Waits until so many larger trees have been copied. */
  async grown(times: number): Promise<void> {
    let size = await this.reached(1);
    for (let i = 0; i < times; i++) size = await this.reached(size + 1);
  }

  /** Tessera goes on in the target where the source has ended, and its fsck passes. */
  async expectTakenOver({ size, rootHash, vkey }: LogReport): Promise<void> {
    expect(await this.status()).toMatchObject({ state: "handed-over", size, rootHash });
    const grown = size + APPENDED;
    const taken = await takeOver({ ...this.#move.to, ...IDENTITY, add: APPENDED });
    expect(taken).toMatchObject({
      sizeBefore: size,
      indices: [size, grown - 1],
      contiguous: true,
      size: grown,
      vkey,
    });
    expect(await fsck({ ...this.#move.to, vkey })).toMatchObject({ ok: true, size: grown });
  }
}

/** Resolves when a command has printed this; rejects if it ends before. */
export async function printed({ child, result }: RunningCli, text: RegExp): Promise<void> {
  const found = Promise.withResolvers<void>();
  let all = "";
  child.stderr.on("data", (chunk: Buffer) => {
    all += chunk.toString();
    if (text.test(all)) found.resolve();
  });
  const ended = result.then(({ stderr }) => Promise.reject(new Error(`it ended before ${text}:\n${stderr}`)));
  await Promise.race([found.promise, ended]);
}

export async function killed({ child, result }: RunningCli): Promise<void> {
  child.kill("SIGKILL");
  await result;
}

/**
 * The whole of a live move, with what may go wrong: `follow` is killed at random moments while the log grows; a cutover is
 * refused while its writer is alive, one is cancelled, and one is fulfilled although those who asked and answered were
 * killed.
 */
export async function expectMovedLive(move: LiveMove, size: number): Promise<void> {
  const moving = await MovingLog.start(move, size);
  const began = performance.now();
  for (const share of randomShares(move.target, KILLS)) {
    const follow = moving.follow("1");
    await sleep(Math.max(0, began + share * GROWTH_MS - performance.now()));
    await killed(follow);
  }
  const first = moving.follow("2");
  await sleep(Math.max(0, began + GROWTH_MS - performance.now()));
  // How often it signs is known then.
  await moving.grown(5);
  const refused = await moving.cutover("--wait");
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/refuses the cutover: .*its writer is alive/),
  });
  const final = await moving.live.stop();
  await moving.reached(final.size);
  await killed(first);

  const second = moving.follow(DAY_SECONDS);
  const accepted = printed(second, /A cutover is asked for/);
  expect(await moving.cutover("--json")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"accepted"'),
  });
  await accepted;
  const cancelled = printed(second, /The cutover was cancelled/);
  expect(await moving.cutover("--cancel")).toMatchObject({ code: 0 });
  await cancelled;
  const acceptedAgain = printed(second, /A cutover is asked for/);
  const [asking, waiting] = [moving.startCutover("--wait"), moving.startCutover("--wait")];
  await acceptedAgain;
  await killed(second);
  await killed(asking);
  expect(await moving.status()).toMatchObject({ state: "unfinished", phase: "copied" });

  const third = moving.follow("1");
  expect(await third.result).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^The log is handed over/),
  });
  await killed(waiting);
  expect(await moving.cutover("--json")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('"handed-over"'),
  });
  await moving.expectTakenOver(final);
}
