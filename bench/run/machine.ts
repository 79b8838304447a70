/** The facts of the machine that figures depend on. */

import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** Debian GNU/Linux 12, say. */
  readonly system: string;
  /** Of the places that copies are put into: tmpfs, ext4 and the like. */
  readonly fileSystems: Readonly<Record<"scratch" | "disk", string>>;
  /** Of the last minute before the run: what else was at work. */
  readonly loadBefore: number;
}

/** What must be the same for two measurements to stand beside each other, in words. */
export function machineFacts(machine: Machine): Readonly<Record<string, string>> {
  const { scratch, disk } = machine.fileSystems;
  return {
    CPU: `${machine.cpu}, ${machine.cores} cores`,
    Memory: `${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    System: `${machine.system}, ${machine.kernel}`,
    "File systems": `${scratch} (logs, and copies into memory), ${disk} (copies onto a disk)`,
  };
}

export function thisMachine(fileSystems: Machine["fileSystems"]): Machine {
  return {
    cpu: cpus()[0]?.model.trim() || "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    system: distribution() ?? type(),
    fileSystems,
    loadBefore: loadavg()[0] ?? 0,
  };
}

function distribution(): string | undefined {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
