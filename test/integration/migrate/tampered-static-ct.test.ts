/** Promise 1 for Static CT: every byte that a leaf hash covers is authenticated. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pLimit from "p-limit";
import { expect, test } from "vitest";
import { VerificationError } from "../../../lib/errors.ts";
import { ByteBudget } from "../../../lib/migrate/read/byte-budget.ts";
import { copyBundles } from "../../../lib/migrate/unit/bundle-copier.ts";
import { expectedBundles } from "../../../lib/migrate/unit/expected-bundle.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import {
  answerWith,
  expectNotVerified,
  expectTamperingFound,
  flippedBit,
} from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { MemoryWriter, memoryContext } from "../../support/logs/in-memory-log.ts";
import { FAST_RETRY, migrateLog, newCopy } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

/** One entry in 16 is a precertificate: a partial bundle of this size has both kinds. */
const SIZE = 20;
const BUNDLE = `tile/data/000.p/${SIZE}`;

interface EntryPlace {
  readonly isPrecertificate: boolean;
  /** Where it starts in the bundle, and where what its leaf hash covers ends. */
  readonly start: number;
  readonly leafEnd: number;
}

function placesOf(log: TestLog): EntryPlace[] {
  let start = 0;
  return Array.from({ length: log.size }, (_, index) => {
    const entry = log.entry(index);
    // The leaf begins with two bytes that the bundle does not hold.
    const leafEnd = start + log.leaf(index).length - 2;
    const place = { isPrecertificate: entry.readUInt16BE(8) === 1, start, leafEnd };
    start += entry.length;
    return place;
  });
}

/** Copies a bundle in this thread, without network or disk, and gives what was stored. */
async function copyBundle(log: TestLog, bundle: Uint8Array): Promise<Map<string, Uint8Array>> {
  const writer = new MemoryWriter();
  const retry = { ...FAST_RETRY, attempts: 0, contentAttempts: 0 };
  const context = memoryContext(new Map([[BUNDLE, bundle]]), "static-ct", { retry });
  const parts = { context, writer, budget: new ByteBudget(1 << 30), limit: pLimit(1) };
  const leafHashes = formatHash(log.object(`tile/0/000.p/${SIZE}`));
  const unit = { kind: "edge", bundle: { index: 0, width: SIZE }, leafHashes } as const;
  await copyBundles({ ...parts, tiles: "derive", resume: false }, expectedBundles(unit, "static-ct"));
  return writer.objects;
}

test("a bit flipped in any byte that a leaf hash covers keeps the whole bundle out", async () => {
  const log = testLog({ size: SIZE, format: "static-ct" });
  const bundle = log.object(BUNDLE);
  expect((await copyBundle(log, bundle)).get(BUNDLE)).toEqual(Uint8Array.from(bundle));
  const places = placesOf(log);
  const [x509, precertificate] = [false, true].map((kind) =>
    places.find(({ isPrecertificate }) => isPrecertificate === kind),
  ) as [EntryPlace, EntryPlace];
  for (const { start, leafEnd } of [x509, precertificate]) {
    for (let position = start; position < leafEnd; position++) {
      const copied = copyBundle(log, flippedBit(bundle, position, position % 8));
      await expect(copied, `byte ${position - start}`).rejects.toThrow(VerificationError);
    }
  }
});

test("over HTTP a flip in each field of both kinds of entry is found, by the data tile's path", async () => {
  const log = testLog({ size: SIZE, format: "static-ct" });
  const server = await startLogServer(log.objects);
  const bundle = log.object(BUNDLE);
  const places = placesOf(log);
  for (const isPrecertificate of [false, true]) {
    const entry = places.find((place) => place.isPrecertificate === isPrecertificate) as EntryPlace;
    const keyHash = isPrecertificate ? 32 : 0;
    const fields = {
      timestamp: 7,
      entryType: 9,
      issuerKeyHash: 10,
      certificateLength: 10 + keyHash + 2,
      certificate: 10 + keyHash + 3 + 100,
      extensions: entry.leafEnd - entry.start - 1,
    };
    for (const offset of Object.values(fields)) {
      const position = entry.start + offset;
      const bad = flippedBit(bundle, position);
      const badBytes = bad.subarray(position - 16, position + 16);
      const run = { log, server, path: BUNDLE, answer: answerWith(bad) };
      await expectTamperingFound(position < 16 ? run : { ...run, badBytes });
    }
  }
});

test("a gzipped data tile is authenticated as what it decodes to, and stored decoded", async () => {
  const log = testLog({ size: 300, format: "static-ct" });
  const server = await startLogServer(log.objects, { gzip: true });
  const target = memoryDirectory();
  await migrateLog(log, server, target);
  expect(readFileSync(join(target, "tile/data/000"))).toEqual(log.object("tile/data/000"));
});

test("what no leaf hash covers is not called checked unless it was", async () => {
  const log = testLog({ size: SIZE, format: "static-ct" });
  const server = await startLogServer(log.objects);
  const { notChecked } = await migrateLog(log, server, memoryDirectory());
  expect(notChecked.join("\n")).toMatch(/does not cover: precertificates as submitted.*--deep/);
  const deep = await migrateLog(log, server, memoryDirectory(), { deep: true });
  expect(deep.notChecked.join("\n")).not.toContain("precertificates");
  expect(deep.extraData).toMatchObject({ deep: true, reencodedEntries: 0, uncheckedEntries: 0 });
});

test("a length that no leaf hash covers is found where it breaks the data tile", async () => {
  const log = testLog({ size: SIZE, format: "static-ct" });
  const { server, target } = await newCopy(log);
  const { leafEnd } = placesOf(log)[0] as EntryPlace;
  server.intercept(BUNDLE, answerWith(flippedBit(log.object(BUNDLE), leafEnd + 2)));
  await expectNotVerified(migrateLog(log, server, target), BUNDLE);
  expect(existsSync(join(target, BUNDLE))).toBe(false);
});
