/** A thread of `runStage`: takes units of bundles until there are no more. */

import { workerData } from "node:worker_threads";
import pLimit from "p-limit";
import { Counters } from "../../lib/migrate/counters.ts";
import type { TargetBatch } from "../../lib/migrate/ports/target.ts";
import { ByteBudget } from "../../lib/migrate/read/byte-budget.ts";
import { openReadContext, type ReadSpec } from "../../lib/migrate/read/context.ts";
import { hashBundle } from "../../lib/tlog/hasher/hasher.ts";
import {
  bundlePath,
  type EntryBundleCoordinate,
  tileCount,
  tilePath,
  tileWidth,
} from "../../lib/tlog/layout.ts";
import { HASH_SIZE } from "../../lib/tlog/merkle.ts";
import { PosixTarget } from "../../storage/posix/target.ts";
import type { Stage } from "./stages.ts";

/** Everything that a thread is told when it starts. */
export interface StageSpec extends ReadSpec {
  readonly stage: Stage;
  readonly size: number;
  /** An absolute path. */
  readonly target: string | undefined;
  /** Bundles that are taken, and become durable, together. */
  readonly bundlesAUnit: number;
  readonly unitsInFlight: number;
  /** Bytes in flight in this thread. */
  readonly budgetBytes: number;
  /** Units that were taken, by all threads. */
  readonly unitsTaken: SharedArrayBuffer;
}

const spec: StageSpec = workerData;
const { source } = await openReadContext(spec, new Counters(), new AbortController().signal);
const budget = new ByteBudget(spec.budgetBytes);
const limit = pLimit(spec.concurrency);
const unitsTaken = new Int32Array(spec.unitsTaken);

const writer =
  spec.stage === "fetch+write" && spec.target !== undefined
    ? new PosixTarget(spec.target).openWriter()
    : undefined;

await Promise.all(Array.from({ length: spec.unitsInFlight }, takeUnits));
await source.close();

async function takeUnits(): Promise<void> {
  for (;;) {
    const bundles = unitOf(Atomics.add(unitsTaken, 0, 1));
    if (bundles.length === 0) return;
    const batch = writer?.batch();
    await Promise.all(bundles.map((bundle) => limit(() => passBundle(bundle, batch))));
    await batch?.commit();
  }
}

/** The bundles of a unit; none beyond the last. */
function unitOf(unit: number): EntryBundleCoordinate[] {
  const first = unit * spec.bundlesAUnit;
  const count = Math.max(0, Math.min(spec.bundlesAUnit, tileCount(spec.size, 0) - first));
  return Array.from({ length: count }, (_, i) => ({
    index: first + i,
    width: tileWidth(spec.size, 0, first + i),
  }));
}

async function passBundle(bundle: EntryBundleCoordinate, batch: TargetBatch | undefined): Promise<void> {
  const reservation = budget.reserve();
  try {
    const bytes = await source.entryBundle(bundle, { reservation });
    const path = bundlePath(spec.format, bundle);
    if (bytes === undefined) throw new Error(`${source.locate(path)} is missing`);
    if (spec.stage === "fetch+hash") hashBundle(spec.format, bytes, bundle.width);
    await batch?.put(path, bytes);
    await batch?.put(tilePath({ level: 0, ...bundle }), new Uint8Array(bundle.width * HASH_SIZE));
  } finally {
    reservation.release();
  }
}
