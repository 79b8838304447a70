/** A copy keeps to the limits that it is given. */

import { expect, test } from "vitest";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { FAST_RETRY, migrateLog } from "../../support/migration.ts";
import { differences, memoryDirectory } from "../../support/places/directory.ts";

const log = testLog({ size: 30 * 256, entrySize: 100 });

test("requests a second are limited over all threads together", async () => {
  const server = await startLogServer(log.objects);
  const perSecond = 40;
  const start = performance.now();
  await migrateLog(log, server, memoryDirectory(), { requestsPerSecond: perSecond, workers: 2 });
  const seconds = (performance.now() - start) / 1000;
  // A tenth of a second's worth may start at once, and the first starts the clock.
  const held = server.requests.length - perSecond / 10 - 1;
  expect(seconds).toBeGreaterThanOrEqual(held / perSecond - 0.01);
});

test("what waits for its turn in the rate does not start during a pause that the source asks for", async () => {
  const server = await startLogServer(log.objects);
  const starts: number[] = [];
  let refusedAt = 0;
  server.intercept(
    (path) => path.startsWith("tile/entries/"),
    async (_request, response, next) => {
      starts.push(performance.now());
      if (starts.length !== 12) return await next();
      refusedAt = performance.now();
      response.writeHead(429, { "retry-after": "1" }).end();
    },
  );
  const retry = { ...FAST_RETRY, maxRetryAfterMs: 1_000 };
  const limits = { requestsPerSecond: 20, workers: 1, concurrency: 8, retry };
  await migrateLog(log, server, memoryDirectory(), limits);
  const within = starts.map((at) => at - refusedAt).filter((at) => at > 100 && at < 990);
  expect(within).toEqual([]);
});

test("no more requests are under way than the concurrency allows, the main thread's own aside", async () => {
  const server = await startLogServer(log.objects, { latencyMs: 5 });
  let underWay = 0;
  let most = 0;
  server.intercept(
    (path) => path.startsWith("tile/entries/"),
    async (_request, _response, next) => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await next();
      underWay--;
    },
  );
  await migrateLog(log, server, memoryDirectory(), { concurrency: 6, workers: 2 });
  expect(most).toBeLessThanOrEqual(6);
  expect(most).toBeGreaterThanOrEqual(2);
});

test("a budget smaller than any bundle slows a copy down, and does not stop it", async () => {
  const server = await startLogServer(log.objects, { gzip: true });
  const target = memoryDirectory();
  await migrateLog(log, server, target, { budgetBytes: 1_000, workers: 2, concurrency: 8 });
  expect(differences(target, log)).toEqual([]);
});
