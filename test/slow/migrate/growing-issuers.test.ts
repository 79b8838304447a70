/** Issuers that only later entries name: whatever grows or is killed, all are there before the handover is. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { type EntryKind, entryOf, testAuthorities } from "../../support/logs/certificates.ts";
import { entryLog } from "../../support/logs/single-tile-log.ts";
import { migrateLog } from "../../support/migration.ts";
import { killAt, killedAfter, type ProcessOptions, startMigration } from "../../support/migration-process.ts";
import { memoryDirectory, temporaryFiles } from "../../support/places/directory.ts";

const authorities = testAuthorities("growing");
const { root, intermediate, signer } = authorities;
/** Named by entries of the grown log alone. */
const LATE = `issuer/${signer.fingerprint}`;

const entries = (kind: EntryKind, from: number, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => entryOf(authorities, kind, from + i));
const early = entries("certificate", 0, 100);
const late = entries("precertificate signed on behalf", 100, 50);
const small = entryLog(early, [root.der, intermediate.der]);
const grown = entryLog([...early, ...late], [root.der, intermediate.der, signer.der]);

/** Serves the small log until its checkpoint has been read once. */
async function growingServer(): Promise<LogServer> {
  const server = await startLogServer(small.objects);
  let reads = 0;
  server.intercept("checkpoint", async (_request, _response, next) => {
    if (reads++ > 0) server.objects = new Map([...small.objects, ...grown.objects]);
    await next();
  });
  return server;
}

/** Every object of the grown log that a target lacks, or has other bytes of. */
function lacking(target: string): string[] {
  return [...grown.objects]
    .filter(([path]) => path !== "checkpoint")
    .filter(([path, bytes]) => {
      const file = join(target, path);
      return !existsSync(file) || !readFileSync(file).equals(bytes);
    })
    .map(([path]) => path);
}

function isHandedOver(target: string): boolean {
  return existsSync(join(target, ".state/treeState"));
}

/** Kills a copy, looks at what it left, and runs it again. Returns whether it was killed before its end. */
async function killAndGoOn(requests: number, options: ProcessOptions = {}): Promise<boolean> {
  const server = await growingServer();
  const target = memoryDirectory();
  const killed = await killedAfter(requests, server, () => startMigration(grown, server, target, options));
  if (isHandedOver(target)) expect(lacking(target)).toEqual([]);
  const report = await migrateLog(grown, server, target);
  expect(report).toMatchObject({ size: 150, outcome: expect.stringMatching(/handed-over$/) });
  expect(lacking(target)).toEqual([]);
  expect(temporaryFiles(target)).toEqual([]);
  return killed.kind === "killed";
}

test("an issuer that only a later round's entries name is copied in that round, before the handover", async () => {
  const server = await growingServer();
  const target = memoryDirectory();
  let stoodBeforeIssuer: boolean | undefined;
  server.intercept(LATE, async (_request, _response, next) => {
    // Time enough for a bundle that does not wait for its issuers; one that does never comes before the answer.
    await delay(100);
    stoodBeforeIssuer = existsSync(join(target, grown.bundle));
    await next();
  });
  const report = await migrateLog(grown, server, target);
  expect(stoodBeforeIssuer).toBe(false);
  expect(report).toMatchObject({ outcome: "handed-over", size: 150, extraData: { missingIssuers: 0 } });
  expect(lacking(target)).toEqual([]);
  const paths = server.requests.map(({ path }) => path);
  const rounds = paths.flatMap((path, at) => (path === "checkpoint" ? [at] : []));
  expect(paths.indexOf(LATE)).toBeGreaterThan(rounds[1] as number);
  expect(paths.indexOf(LATE)).toBeLessThan(rounds.at(-1) as number);
  for (const { fingerprint } of [root, intermediate, signer]) {
    expect(server.requestCount(`issuer/${fingerprint}`)).toBe(1);
  }
});

test("killed at any of its requests, the same command brings every issuer", async () => {
  let moment = 1;
  while (await killAndGoOn(moment)) moment++;
  // Two rounds ask for three checkpoints, four tiles and bundles, and three issuers.
  expect(moment).toBeGreaterThan(10);
});

test.each([
  ["before the first issuer is in place", killAt("before", "rename", `issuer/${intermediate.fingerprint}`)],
  ["before the late issuer is in place", killAt("before", "rename", LATE)],
  ["when the late issuer is in place", killAt("after", "rename", LATE)],
  ["before the bundle that names it is in place", killAt("before", "rename", grown.bundle)],
  ["when the bundle that names it is in place", killAt("after", "rename", grown.bundle)],
  ["when the tree state is written", killAt("after", "link", ".state/treeState")],
])("killed %s, the same command brings every issuer", async (_, moment) => {
  expect(await killAndGoOn(Number.POSITIVE_INFINITY, moment)).toBe(true);
});
