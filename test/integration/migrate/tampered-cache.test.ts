/** Promise 1: bytes that do not authenticate are asked for again past every cache, and only so often. */

import { expect, test } from "vitest";
import { VerificationError } from "../../../lib/errors.ts";
import { type Interceptor, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, flippedBit, notFound } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { FAST_RETRY, failureOf, migrateLog } from "../../support/migration.ts";
import { differences, memoryDirectory } from "../../support/places/directory.ts";

const log = testLog({ size: 600, entrySize: 30 });

/** Answers the first `times` requests in the object's place, and then lets it through. */
function firstTimes(times: number, answer: Interceptor): Interceptor {
  let left = times;
  return (request, response, next) => (left-- > 0 ? answer(request, response, next) : next());
}

const PASSED_BY = "no-cache";

/** The Cache-Control of every request for an object of which the first two answers are wrong. */
const requests: Record<string, (string | undefined)[]> = {
  // The first read looks at its size alone, to estimate the room that the log takes.
  "tile/entries/001": [undefined, undefined, PASSED_BY],
  "tile/entries/002.p/88": [undefined, PASSED_BY, PASSED_BY],
  "tile/0/000": [undefined, PASSED_BY, PASSED_BY],
  // The last read is the one that `tiles: fetch` asks for.
  "tile/0/002.p/88": [undefined, PASSED_BY, PASSED_BY, undefined],
  "tile/1/000.p/2": [undefined, PASSED_BY, PASSED_BY],
};

test("a cache that answers wrong twice is passed by `Cache-Control: no-cache`, and the copy succeeds", async () => {
  for (const [path, expected] of Object.entries(requests)) {
    const server = await startLogServer(log.objects);
    server.intercept(path, firstTimes(2, answerWith(flippedBit(log.object(path), 5))));
    const target = memoryDirectory();
    const report = await migrateLog(log, server, target, { tiles: "fetch" });
    expect(differences(target, log)).toEqual([]);
    expect(report.retries).toBeGreaterThan(0);
    const asked = server.requests.filter((request) => request.path === path);
    expect(
      asked.map(({ headers }) => headers["cache-control"]),
      path,
    ).toEqual(expected);
  }
});

test("an object that is missing twice is asked for again past caches too", async () => {
  const server = await startLogServer(log.objects);
  const path = "tile/0/002.p/88";
  server.intercept(path, firstTimes(2, notFound));
  const target = memoryDirectory();
  await migrateLog(log, server, target);
  expect(differences(target, log)).toEqual([]);
  const asked = server.requests.filter((request) => request.path === path);
  expect(asked.map(({ headers }) => headers["cache-control"])).toEqual([undefined, "no-cache", "no-cache"]);
});

test("wrong bytes are asked for again as often as the policy says, and no more", async () => {
  const server = await startLogServer(log.objects);
  const path = "tile/entries/002.p/88";
  server.intercept(path, answerWith(flippedBit(log.object(path), 5)));
  const failure = await failureOf(migrateLog(log, server, memoryDirectory()));
  expect(failure).toBeInstanceOf(VerificationError);
  expect(server.requestCount(path)).toBe(1 + FAST_RETRY.contentAttempts);
});

test("the checkpoint is always read past caches", async () => {
  const server = await startLogServer(log.objects);
  await migrateLog(log, server, memoryDirectory());
  const asked = server.requests.filter(({ path }) => path === "checkpoint");
  expect(asked).toHaveLength(2);
  for (const { headers } of asked) expect(headers["cache-control"]).toBe("no-cache");
});
