/** Runs the program on a pseudo-terminal, as an operator does. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { onTestFinished, vi } from "vitest";
import { shellWord } from "../../lib/errors.ts";
import { PROGRAM } from "./cli.ts";

/** `script` of util-linux gives a program a terminal. */
export const hasTerminals = /util-linux/.test(
  spawnSync("script", ["--version"], { encoding: "utf8" }).stdout ?? "",
);

/** Modes of a terminal: set by `h`, reset by `l`. */
const [CURSOR, WRAPPING] = ["\x1b[?25", "\x1b[?7"];

/** Starts `tlog-migrate` on a terminal, where it does not outlive the test. */
export async function startOnTerminal(args: readonly string[]) {
  const words = [process.execPath, PROGRAM, ...args].map(shellWord).join(" ");
  // Its process is the one that the shell was.
  const command = `ulimit -c 0; echo "pid $$ "; exec ${words}`;
  const child = spawn("script", ["--quiet", "--flush", "--return", "--command", command, "/dev/null"], {
    env: { ...process.env, TERM: "xterm", NODE_OPTIONS: undefined, SHELL: "/bin/sh" },
  });
  child.stdin.on("error", () => {});
  let shown = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      shown += chunk;
    });
  }
  const ended = once(child, "close").then(([code]) => code as number);
  const sees = (pattern: RegExp) =>
    vi.waitUntil(() => pattern.exec(shown), { timeout: 30_000, interval: 20 });
  const pid = Number((await sees(/pid (\d+) /))[1]);
  onTestFinished(() => {
    for (const each of [pid, child.pid ?? pid]) spawnSync("kill", ["-KILL", `${each}`]);
  });
  return {
    ended,
    sees,
    text: () => shown,
    type: (keys: string) => void child.stdin.write(keys),
    send: (signal: NodeJS.Signals) => void process.kill(pid, signal),
    isStopped: () => vi.waitUntil(() => stateOf(pid) === "T", { timeout: 10_000, interval: 20 }),
    /** As a shell's `fg` does. */
    goOn: () => [child.pid ?? pid, pid].forEach((each) => void process.kill(each, "SIGCONT")),
    /** Whether the cursor is shown, and lines wrap. */
    isAsItWas: () =>
      [CURSOR, WRAPPING].every((mode) => shown.lastIndexOf(`${mode}h`) >= shown.lastIndexOf(`${mode}l`)),
    /** How often it was left like that. */
    timesRestored: () => Math.min(...[CURSOR, WRAPPING].map((mode) => shown.split(`${mode}h`).length - 1)),
  };
}

function stateOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
}
