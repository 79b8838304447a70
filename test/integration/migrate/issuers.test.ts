/** The issuers of a Static CT log: copied whole, each once, and before anything counts as done that names them. */

import { hash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, expectNotVerified, flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { FAST_RETRY, failureOf, migrateLog } from "../../support/migration.ts";
import { logDirectory, memoryDirectory } from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

const log = testLog({ size: 600, format: "static-ct" });
const ISSUERS = [...log.objects.keys()].filter((path) => path.startsWith("issuer/")).sort();
const [ISSUER = ""] = ISSUERS;

let server: LogServer;
let target: string;

beforeEach(async () => {
  server = await startLogServer(log.objects);
  target = memoryDirectory();
});

function treeStateIn(directory: string): boolean {
  return existsSync(join(directory, ".state/treeState"));
}

describe("copy", () => {
  it.each([1, 2])("brings each issuer byte for byte, asked once a worker at most: %i", async (workers) => {
    expect(ISSUERS.length).toBeGreaterThan(1);
    const report = await migrateLog(log, server, target, { workers });
    expect(report.extraData).toMatchObject({ issuers: ISSUERS.length, missingIssuers: 0 });
    for (const path of ISSUERS) {
      expect(readFileSync(join(target, path))).toEqual(log.object(path));
      expect(server.requestCount(path)).toBeGreaterThan(0);
      expect(server.requestCount(path)).toBeLessThanOrEqual(workers);
    }
    expect(readdirSync(join(target, "issuer")).length).toBe(ISSUERS.length);
  });

  it("hands nothing over where an issuer is missing, and names it with an entry that needs it", async () => {
    server.objects = new Map([...log.objects].filter(([path]) => path !== ISSUER));
    await expectNotVerified(
      migrateLog(log, server, target),
      new RegExp(
        `^tile/data/00[0-2].*: entry \\d+ names an issuer that is missing: ${ISSUER}.*--allow-missing-issuers`,
      ),
    );
    expect(treeStateIn(target)).toBe(false);
    expect(existsSync(join(target, ISSUER))).toBe(false);
  });

  it("looks once for an issuer that a directory does not have", async () => {
    const source = logDirectory({ objects: new Map([...log.objects].filter(([path]) => path !== ISSUER)) });
    const report = await migrateLog(log, { url: source }, target, { allowMissingIssuers: true });
    expect(report).toMatchObject({ retries: 0, extraData: { missingIssuers: 1 } });
  });

  it("takes an issuer that is refused for one that is missing, where those are allowed", async () => {
    server.intercept(ISSUER, (_request, response) => void response.writeHead(403).end());
    const refused = /answered 403 Forbidden\. Access is denied, or the object is missing/;
    expect((await failureOf(migrateLog(log, server, target))).message).toMatch(refused);
    const report = await migrateLog(log, server, target, { allowMissingIssuers: true });
    expect(report).toMatchObject({ outcome: "handed-over", extraData: { missingIssuers: 1 } });
    expect((await failureOf(verify(log, server.url))).message).toMatch(refused);
    expect(await verify(log, server.url, { allowMissingIssuers: true })).toMatchObject({ faults: 0 });
  });

  it("stores nothing under an issuer's name that does not hash to it", async () => {
    server.intercept(ISSUER, answerWith(Buffer.from("another certificate")));
    await expectNotVerified(
      migrateLog(log, server, target),
      /names an issuer that does not hash to its name: issuer\//,
    );
    expect(existsSync(join(target, ISSUER))).toBe(false);
    expect(treeStateIn(target)).toBe(false);
  });

  it("asks again past every cache for an issuer that was spoilt on the way", async () => {
    let spoilt = 0;
    server.intercept(ISSUER, (_request, response, next) => {
      if (spoilt++ > 0) return next();
      response.end("spoilt");
    });
    await migrateLog(log, server, target);
    expect(readFileSync(join(target, ISSUER))).toEqual(log.object(ISSUER));
    const last = server.requests.findLast(({ path }) => path === ISSUER);
    expect(last?.headers["cache-control"]).toBe("no-cache");
  });

  it("goes on without an issuer where that is allowed, and lists it", async () => {
    server.objects = new Map([...log.objects].filter(([path]) => path !== ISSUER));
    const report = await migrateLog(log, server, target, { allowMissingIssuers: true, deep: true });
    expect(report).toMatchObject({
      outcome: "handed-over",
      extraData: {
        missingIssuers: 1,
        firstMissingIssuers: [{ fingerprint: ISSUER.slice("issuer/".length), problem: "is missing" }],
      },
    });
    expect(report.notChecked.join()).toMatch(/Missing issuers: 1/);
    expect(existsSync(join(target, ISSUER))).toBe(false);
  });

  it("under that licence reads a bundle again whose fingerprints were spoilt on the way", async () => {
    // Full ones are read for an estimate too.
    const path = "tile/data/002.p/88";
    const good = log.object(path);
    let asked = 0;
    server.intercept(path, (request, response, next) => {
      const bytes = asked++ === 0 ? flippedBit(good, good.length - 1) : good;
      return answerWith(bytes)(request, response, next);
    });
    const report = await migrateLog(log, server, target, { allowMissingIssuers: true });
    expect(asked).toBe(2);
    expect(readFileSync(join(target, path))).toEqual(good);
    expect(report.extraData).toMatchObject({ issuers: ISSUERS.length, missingIssuers: 0 });
  });

  it("does not hand over where an issuer vanishes while it copies", async () => {
    server.intercept("tile/data/002.p/88", async (_request, _response, next) => {
      await expect.poll(() => existsSync(join(target, ISSUER))).toBe(true);
      rmSync(join(target, ISSUER));
      await next();
    });
    await expectNotVerified(migrateLog(log, server, target), `${ISSUER}: is missing, though it was stored`);
    expect(treeStateIn(target)).toBe(false);
  });

  it("does not believe what was copied under that licence once it is withdrawn", async () => {
    server.objects = new Map([...log.objects].filter(([path]) => path !== ISSUER));
    await migrateLog(log, server, target, { allowMissingIssuers: true, handOver: false });
    const seal = join(target, "tile/1/000");
    writeFileSync(seal, "a seal of that run");
    expect((await failureOf(migrateLog(log, server, target))).message).toContain("--allow-missing-issuers");
    expect(treeStateIn(target)).toBe(false);
    expect(existsSync(seal)).toBe(false);
    server.objects = log.objects;
    await migrateLog(log, server, target);
    expect(readFileSync(join(target, ISSUER))).toEqual(log.object(ISSUER));
  });

  it("keeps an issuer that is in place, and replaces one that has other bytes", async () => {
    await migrateLog(log, server, target, { handOver: false });
    const [kept = "", spoilt = ""] = ISSUERS;
    writeFileSync(join(target, spoilt), "debris of a crash");
    const before = [server.requestCount(kept), server.requestCount(spoilt)] as const;
    const report = await migrateLog(log, server, target);
    expect(report.replacedObjects).toBe(1);
    expect(readFileSync(join(target, spoilt))).toEqual(log.object(spoilt));
    expect([server.requestCount(kept), server.requestCount(spoilt)]).toEqual([before[0], before[1] + 1]);
  });
});

describe("verify", () => {
  it("names the issuers that are missing or wrong, each once, with an entry that needs it", async () => {
    const directory = logDirectory(log);
    expect(await verify(log, directory)).toMatchObject({ faults: 0, extraData: { issuers: ISSUERS.length } });
    const [missing = "", wrong = ""] = ISSUERS;
    rmSync(join(directory, missing));
    writeFileSync(join(directory, wrong), "wrong");
    const { findings } = await verify(log, directory);
    expect(findings.map(({ path }) => path).toSorted()).toEqual([missing, wrong].toSorted());
    const problems = new Map(findings.map(({ path, problem }) => [path, problem]));
    expect(problems.get(missing)).toMatch(/^is missing, and entry \d+ names it$/);
    expect(problems.get(wrong)).toMatch(/^does not hash to its name.*, and entry \d+ names it$/);
  });

  it("does the same over HTTP", async () => {
    server.objects = new Map([...log.objects].filter(([path]) => path !== ISSUER));
    const retry = { ...FAST_RETRY, attempts: 0, contentAttempts: 0 };
    expect(pathsOf(await verify(log, server.url, { retry }))).toEqual([ISSUER]);
  });
});

it("issuers are named by what they hash to", () => {
  for (const issuer of ISSUERS) expect(issuer).toBe(`issuer/${hash("sha256", log.object(issuer))}`);
});
