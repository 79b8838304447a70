/**
 * Whether a process of this machine is seen to hold a lock on a file. Tessera v1.0.4 takes record locks of fcntl(2), later
 * versions flock(2): Node has neither, and Linux lists both. That none is seen proves nothing: it may be another
 * machine's, or another process namespace's.
 */

import fs from "node:fs";
import { ifPresent } from "./errno.ts";

export function lockIsHeld(path: string): boolean {
  const { ino } = fs.lstatSync(path, { bigint: true });
  // By the inode alone: some file systems show another device here than stat(2) does.
  const words = ifPresent(() => fs.readFileSync("/proc/locks", "utf8"))?.split(/\s+/);
  return words?.some((word) => word.endsWith(`:${ino}`)) ?? false;
}
