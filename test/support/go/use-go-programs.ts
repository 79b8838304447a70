import { beforeAll } from "vitest";
import { build, type Program } from "./programs.ts";

/**
 * Builds programs before the first test of a `describe` block, or of a file: from an empty cache that takes longer than
 * a test may.
 */
export function useGoPrograms(...programs: readonly Program[]): void {
  beforeAll(async () => {
    for (const program of programs) await build(program);
  });
}
