/** What figures depend on: the machine, and the versions of programs. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";
import type { Place } from "./places.ts";

/** By the words for them. */
export type Machine = Readonly<Record<string, string>>;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The facts that must be the same for two measurements to be comparable. */
export function thisMachine({ scratch, disk }: { readonly scratch: Place; readonly disk: Place }): Machine {
  return {
    CPU: `${cpus()[0]?.model.trim() || "unknown"}, ${availableParallelism()} cores`,
    Memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    System: `${distribution() ?? "unknown"}, ${type()} ${release()}`,
    "File systems": `${scratch.fileSystem} (logs, and copies into memory), ${disk.fileSystem} (copies onto a disk)`,
  };
}

function distribution(): string | undefined {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/** The first line that a command prints; undefined if there is no such command, or it fails. */
export function firstLine(file: string, args: readonly string[], cwd?: string): string | undefined {
  try {
    const printed = execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], cwd });
    return printed.split("\n")[0]?.trim();
  } catch {
    return undefined;
  }
}

/** What is measured: the version that it prints (with its hasher), and the commit of this checkout. */
export function versionOf(program: string): string {
  const version = firstLine(process.execPath, [program, "--version"]) ?? "unknown version";
  const commit = firstLine("git", ["rev-parse", "--short=10", "HEAD"], ROOT);
  const changed = firstLine("git", ["status", "--porcelain", "--", "cmd", "lib", "storage"], ROOT);
  if (commit === undefined) return version;
  return `${version}, commit ${commit}${changed ? " with changes" : ""}`;
}
