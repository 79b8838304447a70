/** A copy asks a source for no more than the source says it can do, and for nothing while it asks for a pause. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { Progress, verifyLog } from "../../../lib/index.ts";
import { runCli } from "../../support/cli.ts";
import { EVERYTHING, refuseBeyond } from "../../support/http/few-at-a-time.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { FAST_RETRY, failureOf, migrateLog, migrationOptions, newCopy } from "../../support/migration.ts";
import { differences, memoryDirectory, temporaryDirectory } from "../../support/places/directory.ts";

test("a source that answers one request in twenty by 503 is asked for no less", async () => {
  const log = testLog({ size: 400 * 256, entrySize: 8 });
  const { server, target } = await newCopy(log);
  let [asked, refused] = [0, 0];
  server.intercept(EVERYTHING, async (_request, response, next) => {
    if (++asked % 20 !== 0) return await next();
    refused++;
    response.writeHead(503, { "content-length": 0 }).end();
  });
  const progress = new Progress();
  const retry = { ...FAST_RETRY, attempts: 30 };
  const { retries } = await migrateLog(log, server, target, { workers: 2, retry, progress });
  expect(differences(target, log)).toEqual([]);
  expect(refused).toBeGreaterThan(20);
  expect(retries).toBe(refused);
  expect(progress.total().get("throttles")).toBe(0);
  expect(progress.window?.limit).toBe(32);
});

describe("while a source asks for a pause, no thread sends anything, whichever received the refusal:", () => {
  const seconds = 1;
  test.each([
    ["Retry-After in seconds", 429, () => ({ "retry-after": `${seconds}` }), () => performance.now() + 1000],
    [
      "Retry-After as a date",
      503,
      () => ({ "retry-after": inFourSeconds().toUTCString() }),
      () => performance.now() + inFourSeconds().getTime() - Date.now(),
    ],
    ["no Retry-After", 429, () => ({}), () => performance.now() + 700],
  ])("%s", async (_how, status, headers, endOfPause) => {
    const concurrency = 12;
    const log = testLog({ size: 60 * 256 });
    const server = await startLogServer(log.objects);
    const progress = new Progress();
    const isPaused = (): boolean => progress.total().get("throttles") > 0;
    const waiting: (() => void)[] = [];
    const laterMs: number[] = [];
    let pauseEndsMs = Number.POSITIVE_INFINITY;
    let last = Promise.resolve();
    server.intercept(EVERYTHING, async (_request, response, next) => {
      if (progress.phase !== "copying") return await next();
      // On a starved machine, what was refused first may be tried again before the last is refused.
      if (waiting.length === concurrency && !isPaused()) return await next();
      if (waiting.length === concurrency) laterMs.push(performance.now());
      else {
        // Until all connections of both threads carry a request.
        await new Promise<void>((go) => {
          if (waiting.push(go) === concurrency) for (const each of waiting) each();
        });
        const before = last;
        const refused = Promise.withResolvers<void>();
        last = refused.promise;
        await before;
        // One after the other, until that is too much for strays. The others get what they asked for.
        if (!isPaused()) {
          pauseEndsMs = endOfPause();
          response.writeHead(status, { ...headers(), "content-length": 0 }).end();
          for (let look = 0; look < 100 && !isPaused(); look++) await sleep(1);
          refused.resolve();
          return;
        }
        refused.resolve();
      }
      await next();
    });
    const retry = { ...FAST_RETRY, minDelayMs: 700, maxDelayMs: 700, maxRetryAfterMs: 60_000 };
    const target = memoryDirectory();
    await migrateLog(log, server, target, { workers: 2, concurrency, retry, progress });
    expect(differences(target, log)).toEqual([]);
    expect(laterMs.length).toBeGreaterThan(40);
    expect(Math.min(...laterMs)).toBeGreaterThanOrEqual(pauseEndsMs - 1);
  });
});

/** On a whole second, as HTTP has it; the same for as long as a second lasts. */
function inFourSeconds(): Date {
  return new Date(Math.floor(Date.now() / 1000) * 1000 + 4000);
}

test("a small limit and a small budget do not wait for each other", async () => {
  // So large that no bundle comes in one read: the server has to wait until there is room for the rest.
  const log = testLog({ size: 40 * 256, entrySize: 2000 });
  const { server, target } = await newCopy(log);
  refuseBeyond(2, server, {});
  await migrateLog(log, server, target, {
    workers: 2,
    concurrency: 12,
    budgetBytes: 1_000,
    tiles: "fetch",
    retry: { ...FAST_RETRY, attempts: 100 },
  });
  expect(differences(target, log)).toEqual([]);
});

test("what reports the limit stops when a run ends, however it ends", async () => {
  const started = vi.spyOn(globalThis, "setInterval");
  const stopped = vi.spyOn(globalThis, "clearInterval");
  const log = testLog({ size: 300 });
  const server = await startLogServer(log.objects);
  await migrateLog(log, server, memoryDirectory());
  await verifyLog({ ...migrationOptions(log, server.url, ""), log: server.url });
  await failureOf(migrateLog(log, { url: "ftp://127.0.0.1/" }, memoryDirectory()));
  server.objects = new Map();
  await failureOf(migrateLog(log, server, memoryDirectory()));
  expect(started.mock.results.length).toBeGreaterThanOrEqual(3);
  const cleared = stopped.mock.calls.map(([timer]) => timer);
  for (const { value } of started.mock.results) expect(cleared).toContain(value);
});

describe("the operator", () => {
  test.each(["copy", "verify"])("of %s is told, and sees it in the metrics", async (command) => {
    const log = testLog({ size: 80 * 256 });
    const server = await startLogServer(log.objects);
    const directory = temporaryDirectory();
    refuseBeyond(3, server, {});
    const place = command === "copy" ? [join(directory, "log")] : [];
    const file = join(directory, "run.prom");
    const options = ["--vkey", log.vkey, "--concurrency", "8", "--workers", "2", "--metrics-file", file];
    const { code, stderr } = await runCli([command, server.url, ...place, ...options]);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^\S+Z WARN {2}The source asks for fewer requests \(429\): [1-4] in flight instead of 8$/m,
    );
    const metrics = readFileSync(file, "utf8");
    expect(metrics).toMatch(/^tlog_migrate_throttles_total\{[^}]+\} [1-9]/m);
    expect(metrics).toMatch(/^tlog_migrate_request_window\{[^}]+\} [1-8]$/m);
  });
});
