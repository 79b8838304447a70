import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// A short program spends most of its time on the compilation of its modules: what the tests start, their own
// processes, and the threads of both share them.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "node_modules/.cache/node-compile");

/** Unit tests that replace modules, which they must not share with other files. */
const MODULE_MOCKS = [
  "test/unit/bench/peers/commands.test.ts",
  "test/unit/bench/clouds/cloud.test.ts",
  "test/unit/storage/gcs/credentials.test.ts",
  "test/unit/storage/gcs/objects.test.ts",
];

/** They wait most of their time, which others use if they begin first. */
const WAITING = ["test/interop/live-moves.test.ts"];

class WaitingFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isWaiting = ({ moduleId }: TestSpecification) => WAITING.some((name) => moduleId.endsWith(name));
    return (await super.sort(files)).toSorted((a, b) => Number(isWaiting(b)) - Number(isWaiting(a)));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: WaitingFirst },
    // Most tests wait for processes of their own: on two cores vitest alone would run one file at a time.
    maxWorkers: availableParallelism() + 1,
    // Failures in full, and the counts.
    reporters: ["minimal"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          exclude: MODULE_MOCKS,
          // Many files share a process and its modules: loading them took longer than most of these tests.
          isolate: false,
          restoreMocks: true,
          testTimeout: 60_000,
        },
      },
      { test: { name: "unit-mocks", include: MODULE_MOCKS, restoreMocks: true, testTimeout: 60_000 } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          isolate: false,
          restoreMocks: true,
          testTimeout: 120_000,
        },
      },
      // What compiles, packs or runs for long.
      {
        test: { name: "slow", include: ["test/slow/**/*.test.ts"], restoreMocks: true, testTimeout: 600_000 },
      },
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
