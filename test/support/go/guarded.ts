/** Servers in processes of their own, which end with this one at the latest, however it ends. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

export interface GuardedProcess {
  readonly pid: number;
  /** Whether it has ended. */
  readonly isOver: boolean;
  /** Kills it; resolves when it has ended. */
  close(): Promise<void>;
}

export interface GuardOptions {
  /** Set in addition to the variables of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** A directory that is removed when it has ended. */
  readonly remove?: string;
}

/**
 * Runs a command under a shell that kills it when the shell's standard input ends, which it does however this
 * process ends; then removes $REMOVE. The command's process id goes to descriptor 4.
 */
const GUARD = `
exec 3<&0
"$@" 3<&- 4>&- &
server=$!
echo $server >&4
exec 4>&-
{ cat; kill -KILL $server; } <&3 >/dev/null 2>&1 &
guard=$!
wait $server 2>/dev/null
kill $guard 2>/dev/null
rm -rf "$REMOVE"`;

/** A command under the guard, whose standard output is read from the shell's. */
export function startGuarded(
  command: readonly string[],
  { env = {}, remove = "" }: GuardOptions = {},
): { readonly shell: ChildProcess; close(): Promise<void> } {
  return guarded(command, { env, remove }, ["pipe", "inherit"]);
}

/** A command under the guard that is to be quiet. @throws Error if it cannot be started. */
export async function startQuietly(
  command: readonly string[],
  { env = {}, remove = "" }: GuardOptions = {},
): Promise<GuardedProcess> {
  const { shell, close } = guarded(command, { env, remove }, ["ignore", "ignore"]);
  const pid = Number(await text(shell.stdio[4] as Readable));
  return {
    pid,
    get isOver() {
      return shell.exitCode !== null;
    },
    close,
  };
}

function guarded(
  command: readonly string[],
  { env, remove }: Required<GuardOptions>,
  output: ["pipe" | "ignore", "inherit" | "ignore"],
): { readonly shell: ChildProcess; close(): Promise<void> } {
  const shell = spawn("sh", ["-c", GUARD, "sh", ...command], {
    // No signal of a terminal reaches it: it serves until its parent, which gets them too, has stopped in order.
    detached: true,
    stdio: ["pipe", ...output, "ignore", "pipe"],
    env: { ...process.env, ...env, REMOVE: remove },
  });
  const exited = once(shell, "exit");
  return {
    shell,
    async close() {
      shell.stdin?.end();
      await exited;
    },
  };
}

/** A port on the loopback that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, "close");
  return port;
}
