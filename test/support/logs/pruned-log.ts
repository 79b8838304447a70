/** Logs of which a part is pruned, as tlog-tiles describes it, counted here for itself. */

import type { TestLog } from "./generated-log.ts";

/** The first index after the entries below a full tile or bundle; undefined for anything else. */
export function endOf(path: string): number | undefined {
  const [, kind = "", digits] = /^tile\/(entries|data|\d+)\/((?:x\d{3}\/)*\d{3})$/.exec(path) ?? [];
  if (digits === undefined) return undefined;
  const level = kind === "entries" || kind === "data" ? 0 : Number(kind);
  return (Number(digits.replaceAll(/[x/]/g, "")) + 1) * 256 ** (level + 1);
}

/** The objects of a log without those that it may lack. @param keeps objects that it has nevertheless. */
export function prunedObjects(
  { objects }: Pick<TestLog, "objects">,
  minIndex: number,
  keeps: (path: string) => boolean = () => false,
): Map<string, Buffer> {
  return new Map([...objects].filter(([path]) => keeps(path) || (endOf(path) ?? Infinity) > minIndex));
}

/** A log of which only these objects are left. */
export function prunedLog(
  log: TestLog,
  ...rest: [minIndex: number, keeps?: (path: string) => boolean]
): TestLog {
  return { ...log, objects: prunedObjects(log, ...rest) };
}
