/** Faults of the network and busy servers are waited out; a source that stays away leaves the target resumable. */

import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { OperationError } from "../../../lib/errors.ts";
import { type Interceptor, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { expectUnfinished } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, migrateLog } from "../../support/migration.ts";
import { differences, memoryDirectory } from "../../support/places/directory.ts";

const log = testLog({ size: 600, entrySize: 30 });

const status =
  (code: number, headers: Record<string, string> = {}): Interceptor =>
  (_request, response) => {
    response.writeHead(code, { "content-length": "0", ...headers }).end();
  };

const reset: Interceptor = (_request, response) => void response.socket?.resetAndDestroy();

/** Ends the connection after a part of the body that was announced. */
const brokenOff: Interceptor = ({ path }, response) => {
  const bytes = log.object(path);
  response.writeHead(200, { "content-length": String(bytes.length) });
  response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
};

/** The same without an announcement of the length: only the missing last chunk tells. */
const brokenChunks: Interceptor = ({ path }, response) => {
  response.writeHead(200);
  response.write(log.object(path).subarray(0, 64), () => response.destroy());
};

const hiccups: Record<string, Interceptor> = {
  "503 with Retry-After in seconds": status(503, { "retry-after": "1" }),
  "429 with Retry-After as a date": status(429, {
    "retry-after": new Date(Date.now() + 60_000).toUTCString(),
  }),
  "429 without Retry-After": status(429),
  "a Retry-After that is neither": status(503, { "retry-after": "soon" }),
  "408": status(408),
  "500": status(500),
  "a reset connection": reset,
  "a body that breaks off": brokenOff,
  "a chunked body that breaks off": brokenChunks,
};

test.each(Object.entries(hiccups))("%s, once for every object, does not end the copy", async (_, hiccup) => {
  const server = await startLogServer(log.objects);
  const met = new Set<string>();
  server.intercept(
    () => true,
    (request, response, next) => {
      if (met.has(request.path)) return next();
      met.add(request.path);
      return hiccup(request, response, next);
    },
  );
  const target = memoryDirectory();
  const report = await migrateLog(log, server, target);
  expect(report.outcome).toBe("handed-over");
  expect(differences(target, log)).toEqual([]);
  for (const path of met) expect(server.requestCount(path)).toBeGreaterThanOrEqual(2);
});

test("a server that asks for patience is not asked again before", async () => {
  const server = await startLogServer(log.objects);
  const path = "tile/0/002.p/88";
  const askedAt: number[] = [];
  server.intercept(path, async (request, response, next) => {
    askedAt.push(performance.now());
    if (askedAt.length === 1) await status(503, { "retry-after": "1" })(request, response, next);
    else await next();
  });
  const retry = { attempts: 1, minDelayMs: 1, maxDelayMs: 1, maxRetryAfterMs: 60_000, contentAttempts: 0 };
  await migrateLog(log, server, memoryDirectory(), { retry });
  const [first = 0, second = 0] = askedAt;
  // A timer may fire a little early by the clock that is read here.
  expect(second - first).toBeGreaterThan(990);
});

test("a source that stays away is an operation failure, after which the same command goes on", async () => {
  for (const answer of [status(503), reset, status(403)]) {
    const server = await startLogServer(log.objects);
    const undo = server.intercept("tile/entries/001", answer);
    const target = memoryDirectory();
    await expectFailure(migrateLog(log, server, target), OperationError, /tile\/entries\/001: .*/);
    expectUnfinished(target);
    undo();
    const report = await migrateLog(log, server, target);
    expect(report.outcome).toBe("handed-over");
    expect(differences(target, log)).toEqual([]);
  }
});

test("a body that stalls is given up after the time that is allowed, and asked for again", async () => {
  const server = await startLogServer(log.objects);
  const path = "tile/entries/002.p/88";
  let stalled = 0;
  server.intercept(path, async ({ path: asked }, response, next) => {
    if (stalled++ > 0) return next();
    response.writeHead(200, { "content-length": String(log.object(asked).length) });
    response.write(log.object(asked).subarray(0, 10));
    await delay(30_000, undefined, { ref: false });
  });
  const target = memoryDirectory();
  const access = { userAgentVersion: "test", timeouts: { bodyMs: 300 } };
  await migrateLog(log, server, target, { access });
  expect(differences(target, log)).toEqual([]);
});
