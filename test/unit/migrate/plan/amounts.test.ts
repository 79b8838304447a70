import { availableParallelism } from "node:os";
import { expect, it } from "vitest";
import { amountsOf } from "../../../../lib/migrate/plan/amounts.ts";
import { exactly } from "../../../../lib/migrate/plan/estimate.ts";
import type { SampledLog } from "../../../../lib/migrate/plan/sampled-log.ts";
import type { CopySession } from "../../../../lib/migrate/session.ts";

const BUNDLES = 1_000;

/** Seconds of a copy whose bundles took 1 ms of a processor each, from a source on this machine. */
function secondsInto(target: object, workers: number): number {
  const session = {
    options: { tiles: "compute" },
    context: { source: {}, isLocal: true },
    target,
    parallelism: { workers, concurrency: 64 },
    progress: {},
  } as unknown as CopySession;
  const sampled: SampledLog = {
    bundleBytes: exactly(BUNDLES * 1_000),
    absentBundles: 0,
    edgeBytes: 0,
    read: { bundles: 16, bytes: 16_000 },
    wireRatio: 1,
    pace: { medianMs: 1, processorMs: 1 },
    issuers: { count: 0, bytes: 0, missing: [] },
  };
  const none = { sealedBundles: 0, looksInTarget: false };
  return amountsOf(session, BUNDLES * 256, sampled, none).seconds.measured;
}

it("the time of a copy into a bucket has that of its uploads: a bundle and a tile, half a millisecond each", () => {
  const directory = { freeSpace: async () => ({ bytes: 1e12 }) };
  expect(secondsInto(directory, 1)).toBeCloseTo(1.3);
  expect(secondsInto({}, 1)).toBeCloseTo(2.3);
  const processors = Math.min(2, availableParallelism());
  expect(secondsInto({}, 2)).toBeCloseTo(0.3 + 2 / processors);
});
