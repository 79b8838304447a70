/**
 * Whether some process holds a lock on a file. Tessera v1.0.4 takes record locks of fcntl(2), later versions flock(2);
 * Node has neither, and on Linux the kernel lists both.
 */

import fs from "node:fs";
import { ifPresent } from "./errno.ts";

/** The first process namespace: in any other, the locks of processes outside it are not listed. */
const INITIAL_NAMESPACE = "pid:[4026531836]";

/** statfs(2) types of file systems that other machines may have mounted too, or that answer for another one. */
const SHARED_TYPES: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xfe534d42, // SMB 2
  0xff534d42, // CIFS
  0x65735546, // FUSE
  0x0bd00bd0, // Lustre
  0x00c36400, // Ceph
  0x01021997, // 9P
  0x47504653, // GPFS
  0x7461636f, // OCFS2
  0x01161970, // GFS2
]);

/** Undefined where it cannot be seen from here. */
export function lockIsHeld(path: string): boolean | undefined {
  const listed = ifPresent(() => fs.readFileSync("/proc/locks", "utf8"));
  const namespace = ifPresent(() => fs.readlinkSync("/proc/self/ns/pid"));
  const { ino } = fs.lstatSync(path, { bigint: true });
  // By the inode alone: some file systems show another device here than stat(2) does.
  const held = listed?.split("\n").some((line) => line.split(/\s+/).some((word) => word.endsWith(`:${ino}`)));
  if (held === true) return true;
  const isShared = SHARED_TYPES.has(fs.statfsSync(path).type);
  return held === undefined || namespace !== INITIAL_NAMESPACE || isShared ? undefined : false;
}
