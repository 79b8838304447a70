/** `tlog-migrate follow` as a service: killed now and then, and started again at once. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { Command } from "../shell.ts";

const ANSWER_MS = 5_000;

export class FollowProcess implements AsyncDisposable {
  readonly #command: Command;
  readonly #page: string;
  #child: ChildProcess;
  #end: Promise<number | null>;
  #said = Promise.resolve("");

  /** @param port of its page. */
  constructor(command: Command, port: number) {
    this.#command = { ...command, args: [...command.args, "--http", `127.0.0.1:${port}`] };
    this.#page = `http://127.0.0.1:${port}`;
    [this.#child, this.#end] = this.#start();
  }

  /** Resolves when it has ended by itself. @throws Error unless it has done what it was to do. */
  async done(): Promise<void> {
    const code = await this.#end;
    if (code !== 0) throw new Error(`follow ended with exit code ${code}: ${await this.#said}`);
  }

  /** @throws Error if it has ended by itself. */
  async killAndRestart(): Promise<void> {
    await this.#kill();
    [this.#child, this.#end] = this.#start();
  }

  /** Whether it has caught up since it was started. */
  async isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null) await this.done();
    return (await this.#ask("/readyz"))?.ok === true;
  }

  /** Seconds that it is behind, by its own metric; undefined where it does not answer. */
  async lag(): Promise<number | undefined> {
    const metrics = await (await this.#ask("/metrics"))?.text().catch(() => undefined);
    const value = /^tlog_migrate_lag_seconds\{.*\} (\S+)$/m.exec(metrics ?? "")?.[1];
    return value === undefined ? undefined : Number(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#end;
  }

  async #ask(path: string): Promise<Response | undefined> {
    return await fetch(this.#page + path, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);
  }

  #start(): [ChildProcess, Promise<number | null>] {
    const { file, args, env } = this.#command;
    const child = spawn(file, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env },
    });
    this.#said = text(child.stderr as NodeJS.ReadableStream);
    return [child, once(child, "exit").then(([code]) => code as number | null)];
  }

  async #kill(): Promise<void> {
    if (this.#child.exitCode !== null) await this.done();
    this.#child.kill("SIGKILL");
    await this.#end;
  }
}
