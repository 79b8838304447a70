/** Mirrors in directories: what their readers see. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { TestLog } from "./logs/generated-log.ts";

/** The size in the checkpoint that a mirror serves; undefined where it serves none. */
export function mirroredSize(directory: string): number | undefined {
  const path = join(directory, "checkpoint");
  return existsSync(path) ? Number(readFileSync(path, "utf8").split("\n")[1]) : undefined;
}

/** What a reader of the checkpoint that is there now would miss, or find wrong. */
export function faultsSeen(directory: string, log: TestLog): string[] {
  const size = mirroredSize(directory);
  return size === undefined ? [] : faultsAt(directory, log.atSize(size));
}

/** The same for a reader who has the checkpoint of a log. */
export function faultsAt(directory: string, { objects }: Pick<TestLog, "objects">): string[] {
  return [...objects].flatMap(([path, bytes]) => {
    if (path === "checkpoint") return [];
    if (!existsSync(join(directory, path))) return [`${path} is missing`];
    return readFileSync(join(directory, path)).equals(bytes) ? [] : [`${path} differs`];
  });
}

/** What every reader saw until now who looked again and again, in the order of the checkpoints. */
export interface WatchedMirror {
  readonly sizes: readonly number[];
  readonly faults: readonly string[];
}

/** Looks at a mirror whenever nothing else happens, until the test ends. Call it within a test. */
export function watchMirror(directory: string, log: TestLog): WatchedMirror {
  const [sizes, faults]: [number[], string[]] = [[], []];
  let isOver = false;
  const look = (): void => {
    if (isOver) return;
    const size = mirroredSize(directory);
    if (size !== undefined && size !== sizes.at(-1)) {
      faults.push(...faultsAt(directory, log.atSize(size)).map((fault) => `at size ${size}: ${fault}`));
      if (size < (sizes.at(-1) ?? 0)) faults.push(`size ${size} came after size ${sizes.at(-1)}`);
      sizes.push(size);
    } else if (size === undefined && sizes.length > 0) {
      faults.push(`nothing came after size ${sizes.at(-1)}`);
    }
    setImmediate(look);
  };
  setImmediate(look);
  onTestFinished(() => {
    isOver = true;
  });
  return { sizes, faults };
}
