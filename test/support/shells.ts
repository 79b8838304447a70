/** Shells in which completion is tried. */

import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { shellWord } from "../../lib/errors.ts";
import { temporaryDirectory } from "./places/directory.ts";

export const hasShell = (name: string): boolean => spawnSync(name, ["--version"]).status === 0;

/**
 * Types at the prompt of an interactive shell that has loaded a completion script of tlog-migrate, which is replaced
 * by a function that prints its arguments. Needs `hasTerminals`.
 * @param keys a command line, with tabs where the shell is to complete.
 * @returns the arguments of tlog-migrate.
 */
export async function typeAtPrompt(shell: "bash" | "zsh", script: string, keys: string): Promise<string[]> {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "log list.json"), "");
  writeFileSync(join(directory, "script"), script);
  const begin = shell === "zsh" ? "autoload -U compinit; compinit -u -D" : "";
  const lines = [begin, ". ./script", "tlog-migrate() { printf '{%s}' \"$@\"; echo '{}'; }", "PS1='ready: '"];
  const start = join(directory, shell === "zsh" ? ".zshrc" : "bashrc");
  writeFileSync(start, lines.join("\n"));
  const command = shell === "zsh" ? "zsh -i" : "bash --rcfile bashrc -i";
  const child = spawn("script", ["--quiet", "--flush", "--command", command, "/dev/null"], {
    cwd: directory,
    env: { ...process.env, TERM: "xterm", ZDOTDIR: directory, HOME: directory, SHELL: "/bin/sh" },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let shown = "";
  child.stdout.on("data", (chunk: Buffer) => {
    shown += chunk;
  });
  const sees = (pattern: RegExp) =>
    vi.waitUntil(() => pattern.exec(shown), { timeout: 30_000, interval: 20 });
  await sees(/ready: /);
  child.stdin.write(`${keys}\r`);
  const [printed] = await sees(/(\{[^{}]+\})+\{\}/);
  child.stdin.end("exit\r");
  return [...printed.matchAll(/\{([^{}]+)\}/g)].map(([, argument = ""]) => argument);
}

/** What bash completes the last of the words to, by the script's function alone. */
export function bashReplies(script: string, words: readonly string[]): string[] {
  const call = `COMP_WORDS=(${words.map(shellWord).join(" ")}); COMP_CWORD=${words.length - 1}`;
  const run = `${script}\n${call}; _tlog_migrate; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return linesOf(spawnSync("bash", ["-c", run], { encoding: "utf8" }));
}

/** What fish completes a line to, without descriptions. */
export function fishReplies(script: string, line: string): string[] {
  const given = ["--no-config", "-c", "cat | source; complete -C $argv", line];
  const run = spawnSync("fish", given, {
    input: script,
    encoding: "utf8",
    env: { ...process.env, HOME: temporaryDirectory() },
  });
  return linesOf(run).map((reply) => reply.replace(/\t.*/, ""));
}

function linesOf({ status, stdout, stderr }: ReturnType<typeof spawnSync>): string[] {
  if (status !== 0 || `${stderr}` !== "") throw new Error(`ended with ${status}: ${stderr}`);
  return `${stdout}`.split("\n").filter((line) => line !== "");
}
