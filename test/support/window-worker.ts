/**
 * A thread that takes part in a window: so many requests, all of which ask to start at once. It counts those that are
 * under way in all threads, and the most that ever were.
 */

import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { RequestWindow } from "../../lib/migrate/throttle/limiter.ts";
import { WindowState } from "../../lib/migrate/throttle/shared-limit.ts";

const { share, seen, requests } = workerData;
const [UNDER_WAY, MOST, DONE] = [0, 1, 2];
const counts = new Int32Array(seen);
const window = new RequestWindow(new WindowState(share), 8);
const { signal } = new AbortController();

async function ask(): Promise<void> {
  await window.enter(signal);
  const underWay = Atomics.add(counts, UNDER_WAY, 1) + 1;
  for (let most = Atomics.load(counts, MOST); underWay > most; most = Atomics.load(counts, MOST)) {
    Atomics.compareExchange(counts, MOST, most, underWay);
  }
  await setImmediate();
  Atomics.sub(counts, UNDER_WAY, 1);
  Atomics.add(counts, DONE, 1);
  window.leave(200);
}

// Nothing but this keeps a thread alive that waits for others.
parentPort?.on("message", () => {});
await Promise.all(Array.from({ length: requests }, ask));
parentPort?.close();
