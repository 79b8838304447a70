/** A worker thread: opens its own source and writer, and works on the units that it is sent. */

import { parentPort, workerData } from "node:worker_threads";
import { openTarget, type TargetSpec } from "../options/places.ts";
import type { WorkUnit } from "../ports/executor.ts";
import { openReadContext, type ReadSpec } from "../read/context.ts";
import { Counters } from "../report/counters.ts";
import type { Retry, RetryObserver } from "../throttle/backoff.ts";
import { openUnitRunner, type UnitEnvironment, type UnitRunner, type UnitSpec } from "../unit/run-unit.ts";
import { type FromWorker, type ToWorker, toWire } from "./messages.ts";

/** Everything that a worker is given when it starts. */
export interface WorkerSpec extends ReadSpec, UnitSpec {
  /** The target to copy to; undefined for a verification. */
  readonly target?: TargetSpec | undefined;
  readonly counters: SharedArrayBuffer;
}

/** The source is opened at once, the writer only with the first unit: before the claim, the target may not exist. */
interface OpenPlaces {
  openEnvironment(): UnitEnvironment;
  close(): Promise<unknown>;
}

async function openPlaces(
  spec: WorkerSpec,
  signal: AbortSignal,
  retried: RetryObserver,
): Promise<OpenPlaces> {
  const context = await openReadContext(spec, new Counters(spec.counters), signal, retried);
  const further = { connections: spec.concurrency, signal, retried };
  const target = spec.target && (await openTarget(spec.target, further));
  const close = () => Promise.all([context.source.close(), target?.close()]);
  return {
    openEnvironment() {
      const writer = target?.openWriter(signal);
      return { context, writer, close: () => Promise.all([writer?.close(), close()]) };
    },
    close,
  };
}

if (parentPort !== null) {
  const port = parentPort;
  const spec: WorkerSpec = workerData;
  const stop = new AbortController();
  const retried = (retry: Retry) => port.postMessage({ retry } satisfies FromWorker);
  const opening = openPlaces(spec, stop.signal, retried);
  // A failure here is reported with the first unit.
  opening.catch(() => {});
  let runner: UnitRunner | undefined;

  const answer = async (id: number, unit: WorkUnit): Promise<FromWorker> => {
    try {
      const places = await opening;
      runner ??= openUnitRunner(spec, places.openEnvironment());
      return { id, result: await runner.run(unit) };
    } catch (error) {
      return { id, failure: toWire(error) };
    }
  };

  port.on("message", async (message: ToWorker) => {
    if (message !== "stop") return port.postMessage(await answer(message.id, message.unit));
    stop.abort(new Error("the migration stops"));
    port.close();
    const places = await opening.catch(() => undefined);
    await (runner ?? places)?.close();
  });
}
