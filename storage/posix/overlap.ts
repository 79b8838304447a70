/**
 * Whether two directories share files, by whatever paths they are named: one is the other or is inside it, through
 * links, bind mounts, or mounts of one file system in several places.
 */

import fs from "node:fs";
import { dirname, join } from "node:path";
import { ifPresent } from "./errno.ts";

/** A directory as part of its file system, through whatever mount it is reached. */
interface Extent {
  readonly device: string;
  /** From the root of the file system. */
  readonly path: string;
}

interface Mount extends Extent {
  readonly mountPoint: string;
}

/** How a target overlaps a source, as a clause; undefined if they have no file in common. */
export function overlapOf(target: string, source: string): string | undefined {
  const [targetPath, sourcePath] = [realPath(target), realPath(source)];
  const [targetNodes, sourceNodes] = [nodesOf(targetPath), nodesOf(sourcePath)];
  const [targetNode, sourceNode] = [targetNodes.get(targetPath), sourceNodes.get(sourcePath)];
  // A source that does not exist is reported when it is read.
  if (sourceNode === undefined) return undefined;
  if (targetNode === sourceNode) return "is the source's own directory";
  if ([...targetNodes.values()].includes(sourceNode)) return "is inside the source's directory";
  if (targetNode !== undefined && [...sourceNodes.values()].includes(targetNode)) {
    return "contains the source's directory";
  }
  const mounts = mountsOf(ifPresent(() => fs.readFileSync("/proc/self/mountinfo", "utf8")) ?? "");
  const sources = extentsOf(sourcePath, mounts);
  const isShared = extentsOf(targetPath, mounts).some((extent) =>
    sources.some((other) => isWithin(extent, other) || isWithin(other, extent)),
  );
  return isShared ? "shares files with the source's directory, through a mount" : undefined;
}

/** The path without symbolic links, as far as it exists. */
export function realPath(path: string): string {
  if (fs.existsSync(path) || dirname(path) === path) return fs.realpathSync(path);
  return join(realPath(dirname(path)), path.slice(dirname(path).length));
}

/** A directory and those above it, as far as they exist: device and inode by path. */
function nodesOf(path: string): Map<string, string> {
  const nodes = new Map<string, string>();
  for (let at = path; ; at = dirname(at)) {
    const stat = fs.statSync(at, { bigint: true, throwIfNoEntry: false });
    if (stat !== undefined) nodes.set(at, `${stat.dev} ${stat.ino}`);
    if (at === dirname(at)) return nodes;
  }
}

/** Linux: the mounts of this process, from the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function mountsOf(mountinfo: string): Mount[] {
  const lines = mountinfo.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [, , device = "", path = "", mountPoint = ""] = line.split(" ").map(unescaped);
    return { device, path, mountPoint };
  });
}

/** Where a directory is in its file system, and all that is mounted below it. Nothing where mounts are unknown. */
export function extentsOf(directory: string, mounts: readonly Mount[]): Extent[] {
  const own = mounts
    .filter(({ mountPoint }) => isBelow(directory, mountPoint))
    // Of two mounts in one place the later one is seen.
    .reduce<Mount | undefined>((a, b) => (a && a.mountPoint.length > b.mountPoint.length ? a : b), undefined);
  if (own === undefined) return [];
  const path = join(own.path, directory.slice(own.mountPoint.length));
  const below = mounts.filter(({ mountPoint }) => mountPoint !== directory && isBelow(mountPoint, directory));
  return [{ device: own.device, path }, ...below];
}

function isWithin(inner: Extent, outer: Extent): boolean {
  return inner.device === outer.device && isBelow(inner.path, outer.path);
}

/** Whether a path is another, or below it. */
function isBelow(path: string, other: string): boolean {
  return path === other || path.startsWith(other === "/" ? "/" : `${other}/`);
}

function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
