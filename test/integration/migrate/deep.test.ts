/** What no leaf hash of Static CT covers is held against rules of its own: by `copy --deep`, and by `verify`. */

import { hash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, expectNotVerified, flippedBit } from "../../support/http/tampering.ts";
import {
  ENTRY_KINDS,
  entryOf,
  entryParts,
  staticCtEntry,
  testAuthorities,
} from "../../support/logs/certificates.ts";
import { type EntryLog, entryLog } from "../../support/logs/single-tile-log.ts";
import { failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { logDirectory, memoryDirectory } from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

const authorities = testAuthorities("deep");
const ISSUERS = [authorities.root, authorities.intermediate, authorities.signer].map(({ der }) => der);
/** Entry 2 of the logs below. */
const parts = entryParts(authorities, "precertificate", 2);

const entries = (third: Buffer) => [
  entryOf(authorities, "certificate", 0),
  entryOf(authorities, "precertificate signed on behalf", 1),
  third,
];
const logWith = (third: Buffer): EntryLog => entryLog(entries(third), ISSUERS);

const submitted = parts.submitted;
if (submitted === undefined) throw new Error("a precertificate was submitted");
const flipped = flippedBit(submitted.precertificate, Math.floor(submitted.precertificate.length / 2));

/** Entries that a leaf hash does not tell from right ones, but for the last, which a log has signed. */
const WRONG = {
  "a changed byte of a precertificate as it was submitted": {
    entry: staticCtEntry({ ...parts, submitted: { ...submitted, precertificate: flipped } }),
    problem: /precertificate/,
  },
  "another issuer that is there": {
    entry: staticCtEntry({ ...parts, chain: [authorities.root] }),
    problem: /key/,
  },
  "a leaf_index of another entry": {
    entry: entryOf(authorities, "precertificate", 7),
    problem: /index.*7/,
  },
};

describe("a log of entries of every kind", () => {
  const log = entryLog(
    ENTRY_KINDS.map((kind, index) => entryOf(authorities, kind, index)),
    ISSUERS,
  );

  it("passes, and what re-encoding explains is counted and not called wrong", async () => {
    const server = await startLogServer(log.objects);
    const report = await migrateLog(log, server, memoryDirectory(), { deep: true });
    expect(report.extraData?.deep).toBe(true);
    const kinds = ENTRY_KINDS.filter((kind) => kind.includes("re-encoded")).length;
    expect(report.extraData?.reencodedEntries).toBe(kinds);
    expect(kinds).toBeGreaterThan(0);
    expect(await verify(log, logDirectory(log))).toMatchObject({
      faults: 0,
      extraData: { deep: true, reencodedEntries: kinds, uncheckedEntries: 0 },
    });
  });
});

describe.each(Object.entries(WRONG))("%s", (_name, { entry, problem }) => {
  const log = logWith(entry);
  const message = (directory: string) =>
    new RegExp(`^${log.bundle} \\(${directory}.*: entry 2 .*${problem.source}`);

  it("ends copy --deep, stores nothing of the bundle, and says so", async () => {
    const { server, target } = await newCopy(log);
    await expectNotVerified(migrateLog(log, server, target, { deep: true }), message(server.url));
    expect(existsSync(join(target, log.bundle))).toBe(false);
  });

  it("is found by verify, and passed over where that is asked for", async () => {
    const directory = logDirectory(log);
    const report = await verify(log, directory);
    expect(pathsOf(report)).toEqual([log.bundle]);
    expect(report.findings[0]?.problem).toMatch(new RegExp(`^entry 2 .*${problem.source}`));
    expect(await verify(log, directory, { deep: false })).toMatchObject({ faults: 0 });
  });
});

it("a fingerprint that was changed on the way is asked for again past every cache", async () => {
  const log = logWith(staticCtEntry(parts));
  const server = await startLogServer(log.objects);
  const good = Buffer.from(log.objects.get(log.bundle) ?? []);
  const bad = flippedBit(good, good.length - 1, 7);
  let asked = 0;
  server.intercept(log.bundle, (request, response, next) => {
    // The first is to see whether the source has entries at all: no leaf hash covers what was changed.
    if (asked++ > 1) expect(request.headers["cache-control"]).toBe("no-cache");
    return answerWith(asked <= 2 ? bad : good)(request, response, next);
  });
  const target = memoryDirectory();
  await migrateLog(log, server, target);
  expect(asked).toBe(3);
  expect(readFileSync(join(target, log.bundle))).toEqual(good);
});

it("an issuer that is no certificate switches no check off", async () => {
  const text = Buffer.from("not a certificate");
  const named = { ...authorities.root, der: text, fingerprint: hash("sha256", text) };
  const log = entryLog([staticCtEntry({ ...parts, chain: [named] })], [text]);
  const server = await startLogServer(log.objects);
  const failure = await failureOf(migrateLog(log, server, memoryDirectory(), { deep: true }));
  expect(failure.message).toMatch(/names an issuer that is not a certificate that can be read: issuer\//);
  expect(pathsOf(await verify(log, logDirectory(log)))).toContain(`issuer/${named.fingerprint}`);
  expect((await migrateLog(log, server, memoryDirectory())).outcome).toBe("handed-over");
});

it("a precertificate whose issuer is missing, as was allowed, is counted as not checked", async () => {
  const log = entryLog(entries(staticCtEntry(parts)), ISSUERS.slice(0, 1));
  const server = await startLogServer(log.objects);
  const report = await migrateLog(log, server, memoryDirectory(), { deep: true, allowMissingIssuers: true });
  expect(report.extraData).toMatchObject({ missingIssuers: 2 });
  expect(report.extraData?.uncheckedEntries).toBeGreaterThan(0);
});
