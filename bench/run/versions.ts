/** Which programs are here, and in which versions. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TESSERA = /^\s*github\.com\/transparency-dev\/tessera v(\S+)/m;

/** The first line that a command prints; undefined if there is no such command or it fails. */
export function firstLine(file: string, args: readonly string[], cwd?: string): string | undefined {
  try {
    const stdio = ["ignore", "pipe", "ignore"] as const;
    const printed = execFileSync(file, args, { encoding: "utf8", stdio: [...stdio], cwd });
    return printed.split("\n")[0]?.trim();
  } catch {
    return undefined;
  }
}

/** Whether a command is there and succeeds. */
export function runs(file: string, args: readonly string[]): boolean {
  return firstLine(file, args) !== undefined;
}

/** What is measured: its version as it tells it (with its hasher), and the commit of this checkout. */
export function oursVersion(program: string): string {
  const version = firstLine(process.execPath, [program, "--version"]) ?? "unknown version";
  const commit = firstLine("git", ["rev-parse", "--short=10", "HEAD"], ROOT);
  const changed = firstLine("git", ["status", "--porcelain", "--", "cmd", "lib", "storage"], ROOT);
  if (commit === undefined) return version;
  return `${version}, commit ${commit}${changed ? " with changes" : ""}`;
}

export function goVersion(): string | undefined {
  return firstLine("go", ["version"])?.split(" ")[2]?.replace(/^go/, "");
}

/** Version of Tessera that the interop tests pin. */
export function tesseraVersion(): string | undefined {
  return TESSERA.exec(readFileSync(new URL("../../test/interop/go.mod", import.meta.url), "utf8"))?.[1];
}

export function cpVersion(): string | undefined {
  return firstLine("cp", ["--version"])?.replace(/^cp /, "");
}
