/** The seals that stand in a target, and what they cover. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseResourcePath } from "../../../lib/tlog/layout.ts";

export function sealsIn(target: string): Set<number> {
  const directory = join(target, "tile/1");
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return new Set(names.filter((name) => /^\d{3}$/.test(name)).map(Number));
}

/** Whether an object stands below one of these seals, or is one. */
export function isSealed(path: string, seals: ReadonlySet<number>): boolean {
  const resource = parseResourcePath(path);
  if (resource === undefined) return false;
  const { index, width } = resource.kind === "tile" ? resource.tile : resource.bundle;
  if (width < 256) return false;
  const level = resource.kind === "tile" ? resource.tile.level : 0;
  if (level === 1) return seals.has(index);
  return level === 0 && seals.has(Math.floor(index / 256));
}
