/**
 * Servers of the benchmark that run in processes of their own. One says as a line of JSON on its standard output
 * what is to be known of it once it is ready, and ends on a signal, when the pipe on its standard input closes
 * (its parent died), or when nobody has asked it for anything for a while.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fstatSync } from "node:fs";
import { createInterface } from "node:readline";

/** A process that was started, as its parent sees it. */
export interface OwnProcess {
  readonly pid: number;
  /** Ends it; resolves when it has ended. */
  close(): Promise<void>;
}

/**
 * Starts a module of this folder as a process and waits until it is ready.
 * @returns what it has announced, and the way to end it.
 * @throws Error if it ends before it is ready.
 */
export async function startOwnProcess<Announced extends { readonly pid: number }>(
  file: string,
  args: readonly string[],
): Promise<Announced & OwnProcess> {
  const child = spawn(process.execPath, [file, ...args], {
    // No signal of a terminal reaches it: it serves until its parent, which gets them too, has stopped in order.
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([
    once(lines, "line") as Promise<[string]>,
    exited.then(() => Promise.reject(new Error(`${file} ${args.join(" ")} did not start`))),
  ]);
  return {
    ...(JSON.parse(line) as Announced),
    async close() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** The signals that end such a process. */
export const END_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * Says that this process is ready, and what is to be known of it.
 * @param end ends it: called on a signal, and when its parent has died.
 */
export function announce(facts: Readonly<Record<string, unknown>>, end = (): void => process.exit()): void {
  // Before it is said: whoever hears it may want this process to end at once.
  for (const signal of END_SIGNALS) process.on(signal, end);
  // The parent holds the other end of the pipe; a terminal or a file on standard input means nothing.
  const input = fstatSync(0);
  if (input.isFIFO() || input.isSocket()) process.stdin.on("end", end).resume();
  process.stdout.write(`${JSON.stringify({ pid: process.pid, ...facts })}\n`);
}

/** Ends this process when it was asked for nothing for so long. */
export function exitWhenIdle(idleSeconds: number, lastRequest: () => number): void {
  setInterval(() => {
    if (Date.now() - lastRequest() > idleSeconds * 1000) process.exit();
  }, 1000);
}
