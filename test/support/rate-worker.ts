/** A thread that asks a shared rate for leave so many times, and then ends. */

import { workerData } from "node:worker_threads";
import { RateLimiter } from "../../lib/migrate/throttle/rate-limiter.ts";

const { perSecond, shared, times } = workerData;
const rate = new RateLimiter(perSecond, shared);
for (let i = 0; i < times; i++) await rate.admit();
