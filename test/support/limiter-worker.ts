/**
 * A thread that works under a shared limit: so many requests, all of which ask to start at once. It counts those that
 * are under way in all threads, and the most that ever were.
 */

import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { ConcurrencyLimiter } from "../../lib/migrate/throttle/limiter.ts";
import { SharedLimit } from "../../lib/migrate/throttle/shared-limit.ts";

const { share, seen, requests } = workerData;
const [UNDER_WAY, MOST, DONE] = [0, 1, 2];
const counts = new Int32Array(seen);
const limiter = new ConcurrencyLimiter(new SharedLimit(share), 8, new AbortController().signal);

async function ask(): Promise<void> {
  await limiter.enter();
  const underWay = Atomics.add(counts, UNDER_WAY, 1) + 1;
  for (let most = Atomics.load(counts, MOST); underWay > most; most = Atomics.load(counts, MOST)) {
    Atomics.compareExchange(counts, MOST, most, underWay);
  }
  await setImmediate();
  Atomics.sub(counts, UNDER_WAY, 1);
  Atomics.add(counts, DONE, 1);
  // A failure, by which the limit does not grow.
  limiter.leave(500);
}

// Nothing but this keeps a thread alive that waits for others.
parentPort?.on("message", () => {});
await Promise.all(Array.from({ length: requests }, ask));
parentPort?.close();
