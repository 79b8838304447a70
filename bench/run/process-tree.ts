/** What Linux tells of a process and all that it started; undefined on other systems. */

import { readFileSync } from "node:fs";

/** Linux counts CPU time for users of /proc in hundredths of a second, whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;
const BYTES_PER_KIB = 1024;

/** The largest peak of resident memory that one process of the tree has had so far. */
export function peakRssBytes(pid: number): number | undefined {
  const peaks = tree(pid).map(ownPeak).filter(isKnown);
  return peaks.length === 0 ? undefined : Math.max(...peaks);
}

/** User and system seconds that the processes of the tree, and their ended children, have had so far. */
export function cpuSeconds(pid: number): number | undefined {
  const seconds = tree(pid).map(ownCpuSeconds).filter(isKnown);
  return seconds.length === 0 ? undefined : seconds.reduce((sum, value) => sum + value, 0);
}

/** The process and its descendants, as far as they were started by main threads: a shell's, or a server's. */
function tree(pid: number): number[] {
  const children = readProc(`${pid}/task/${pid}/children`) ?? "";
  return [pid, ...children.split(" ").filter(Boolean).map(Number).flatMap(tree)];
}

function ownPeak(pid: number): number | undefined {
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readProc(`${pid}/status`) ?? "")?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * BYTES_PER_KIB;
}

/** proc_pid_stat(5): utime, stime, cutime and cstime are the fields 14 to 17; field 2 may hold spaces. */
function ownCpuSeconds(pid: number): number | undefined {
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / TICKS_PER_SECOND;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "latin1");
  } catch {
    // It has ended, or this is no Linux.
    return undefined;
  }
}

function isKnown(value: number | undefined): value is number {
  return value !== undefined;
}
