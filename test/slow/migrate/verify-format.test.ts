/** `verify` never reports faults of a sound log: what it needs to know is taken from the log, or asked for. */

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { UsageError, VerificationError } from "../../../lib/errors.ts";
import type { LogFormat } from "../../../lib/tlog/layout.ts";
import { HAND_OVER, runCli } from "../../support/cli.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { logDirectory, memoryDirectory, writeFiles } from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

const FORMATS: readonly LogFormat[] = ["tiles", "static-ct"];
const BUNDLES = /^tile\/(?:entries|data)\//;
const logs = {} as Record<`${LogFormat} ${number}`, TestLog>;
const sizes = [0, 5, 256, 600];

beforeAll(() => {
  for (const format of FORMATS) {
    for (const size of sizes) logs[`${format} ${size}`] = testLog({ size, format });
  }
});

const logOf = (format: LogFormat, size = 600): TestLog => logs[`${format} ${size}`] as TestLog;

async function handedOver(log: TestLog): Promise<string> {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target);
  return target;
}

const PLACES: [what: string, place: (log: TestLog) => Promise<string>][] = [
  ["a log that was handed over", handedOver],
  ["a directory of another tool", async (log) => logDirectory(log)],
  ["a log over HTTP", async (log) => (await startLogServer(log.objects)).url],
];

describe.each(PLACES)("%s", (_what, placeOf) => {
  test.each(FORMATS.flatMap((format) => sizes.map((size) => [format, size] as const)))(
    "of %s and size %i verifies without its format",
    async (format, size) => {
      const log = logOf(format, size);
      const report = await verify(log, await placeOf(log), { format: undefined });
      expect(report).toMatchObject({ faults: 0, findings: [], entries: size });
    },
  );

  test.each(FORMATS)("of %s is not read in the other format: the right one is named", async (format) => {
    const log = logOf(format);
    const place = await placeOf(log);
    const failure = await failureOf(
      verify(log, place, { format: format === "tiles" ? "static-ct" : "tiles" }),
    );
    expect(failure).toBeInstanceOf(UsageError);
    expect(failure.message).toMatch(new RegExp(`Pass --format ${format}$`));
    expect(await verify(log, place)).toMatchObject({ faults: 0 });
  });
});

test.each(FORMATS)(
  "a first bundle of %s that is lost or damaged is a fault, and not a format",
  async (format) => {
    const log = logOf(format);
    const [first = ""] = [...log.objects.keys()].filter((path) => BUNDLES.test(path)).sort();
    const target = await handedOver(log);
    for (const damage of [undefined, Buffer.from("<!doctype html><p>Not found")]) {
      const objects = new Map(log.objects);
      if (damage === undefined) objects.delete(first);
      else objects.set(first, damage);
      const server = await startLogServer(objects);
      rmSync(join(target, first), { force: true });
      if (damage !== undefined) writeFiles(target, [[first, damage]]);
      for (const place of [server.url, target]) {
        for (const passed of [undefined, format]) {
          const retry = { attempts: 0, minDelayMs: 1, maxDelayMs: 1, maxRetryAfterMs: 1, contentAttempts: 0 };
          expect(pathsOf(await verify(log, place, { format: passed, retry }))).toEqual([first]);
        }
      }
    }
  },
);

test("where no bundle shows the format, it has to be passed, and then all that is missing is listed", async () => {
  const log = logOf("static-ct");
  const without = [...log.objects].filter(([path]) => !BUNDLES.test(path));
  const place = logDirectory({ objects: new Map(without) });
  const failure = await failureOf(verify(log, place, { format: undefined }));
  expect(failure).toBeInstanceOf(UsageError);
  expect(failure.message).toMatch(/tile\/entries\/000 and tile\/data\/000\). Pass --format/);
  expect(pathsOf(await verify(log, place))).toEqual(["tile/data/000", "tile/data/001", "tile/data/002.p/88"]);
});

test("another origin than that of the record is named, not a fault", async () => {
  const log = logOf("tiles");
  const target = await handedOver(log);
  const failure = await failureOf(
    verify(log, target, { policy: { insecureNoSignature: true, origin: "other.example" } }),
  );
  expect(failure).toBeInstanceOf(UsageError);
  expect(failure.message).toContain(`expected other.example, found ${log.origin}`);
});

test("a checkpoint smaller than what was handed over is a fault", async () => {
  const log = logOf("tiles");
  const target = await handedOver(log);
  const smaller = log.atSize(256);
  writeFiles(target, [["checkpoint", smaller.object("checkpoint")]]);
  const { findings } = await verify(log, target, { format: undefined });
  expect(findings).toContainEqual({
    path: "checkpoint",
    problem: expect.stringMatching(
      /^is of size 256, smaller than the 600 entries that were handed over on 20/,
    ),
  });
});

test("issuers that were missing at the handover, as was allowed, are no faults; one more is", async () => {
  const log = logOf("static-ct");
  const [absent = "", lost = ""] = [...log.objects.keys()].filter((path) => path.startsWith("issuer/"));
  const { server, target } = await newCopy(log);
  server.objects = new Map([...log.objects].filter(([path]) => path !== absent));
  await migrateLog(log, server, target, { allowMissingIssuers: true });
  const report = await verify(log, target, { format: undefined });
  expect(report).toMatchObject({ faults: 0, extraData: { missingIssuers: 1 } });
  rmSync(join(target, lost));
  expect(pathsOf(await verify(log, target, { format: undefined }))).toEqual([absent, lost].sort());
});

test("a record that is damaged, which only copy and abandon need, is done without", async () => {
  const log = logOf("static-ct");
  const target = await handedOver(log);
  writeFiles(target, [[".state/tlog-migrate.json", "{"]]);
  expect(await verify(log, target, { format: undefined })).toMatchObject({ faults: 0 });
});

describe("the command", () => {
  test("needs no format for a Static CT log that it has moved, and says which to pass instead of a wrong one", async () => {
    const log = logOf("static-ct");
    const target = join(memoryDirectory(), "ct");
    const key = ["--public-key", log.publicKey ?? "", "--origin", `https://${log.origin}/`];
    const copied = await runCli([
      "copy",
      logDirectory(log),
      target,
      "--format",
      "static-ct",
      "--save-checkpoint",
      ...key,
      ...HAND_OVER,
      "--quiet",
    ]);
    expect(copied).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(join(target, "checkpoint"))).toEqual(log.object("checkpoint"));
    for (const trust of [key, ["--vkey", log.vkey], ["--vkey", log.vkey, ...key.slice(2)]]) {
      const { code, stderr } = await runCli(["verify", target, ...trust, "--no-deep", "--quiet"]);
      expect([code, stderr]).toEqual([0, ""]);
    }
    const wrong = await runCli(["verify", target, "--vkey", log.vkey, "--format", "tiles", "--quiet"]);
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    expect(wrong.stderr).toMatch(
      /^tlog-migrate: [^\n]*is a Static CT log, not [^\n]*Pass --format static-ct\n$/,
    );
  });
});

test("a failure to read the log says nothing about its format", async () => {
  const log = logOf("static-ct");
  const server = await startLogServer(log.objects);
  server.intercept(
    (path) => BUNDLES.test(path),
    (_request, response) => void response.writeHead(503, { "content-length": "0" }).end(),
  );
  const retry = { attempts: 0, minDelayMs: 1, maxDelayMs: 1, maxRetryAfterMs: 1, contentAttempts: 0 };
  const failure = await failureOf(verify(log, server.url, { format: undefined, retry }));
  expect(failure).not.toBeInstanceOf(VerificationError);
  expect(failure.message).toMatch(/answered 503/);
});

test.each(FORMATS)(
  "a log of %s at a server that refuses what is not there verifies without its format",
  async (format) => {
    const log = logOf(format);
    const server = await startLogServer(log.objects);
    server.intercept(
      (path) => !log.objects.has(path),
      (_request, response) => void response.writeHead(403).end(),
    );
    expect(await verify(log, server.url, { format: undefined })).toMatchObject({
      faults: 0,
      entries: log.size,
    });
    server.intercept(
      (path) => BUNDLES.test(path),
      (_request, response) => void response.writeHead(403).end(),
    );
    const failure = await failureOf(verify(log, server.url, { format: undefined }));
    expect(failure.message).toMatch(/answered 403 Forbidden. Access is denied, or the object is missing/);
  },
);
