/** A seal of a Static CT log tells of issuers and of the deep check only what the run that wrote it had asked for. */

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { TargetRefusedError } from "../../../lib/errors.ts";
import type { MigrationOptions, MigrationReport } from "../../../lib/index.ts";
import { requireSameGuarantees } from "../../../lib/migrate/target/seals.ts";
import { ENTRIES_PER_SEAL } from "../../../lib/tlog/layout.ts";
import { PosixTarget } from "../../../storage/posix/target.ts";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, expectNotVerified, flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, failureOf, migrateLog } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

/** One seal, and nothing at its right. */
const log = testLog({ size: ENTRIES_PER_SEAL, format: "static-ct" });
const ISSUERS = [...log.objects.keys()].filter((path) => path.startsWith("issuer/"));
const WITHOUT_ISSUERS = new Map([...log.objects].filter(([path]) => !path.startsWith("issuer/")));
const LIST = ".state/tlog-migrate-issuers.json";
const SEAL = "tile/1/000";

let server: LogServer;
let target: string;

beforeEach(async () => {
  server = await startLogServer(log.objects);
  target = memoryDirectory();
});

function copy(overrides: Partial<MigrationOptions> = {}): Promise<MigrationReport> {
  return migrateLog(log, server, target, { workers: 2, ...overrides });
}

function bundlesAskedFor(): number {
  return server.requests.filter(({ path }) => path.startsWith("tile/data/")).length;
}

describe("a resume of a sealed copy", () => {
  it("fetches an issuer again that has vanished, and no bundle", async () => {
    await copy({ handOver: false });
    for (const path of ISSUERS) rmSync(join(target, path));
    const asked = bundlesAskedFor();
    const report = await copy();
    expect(report).toMatchObject({ outcome: "handed-over", extraData: { issuers: ISSUERS.length } });
    expect(bundlesAskedFor()).toBe(asked);
    for (const path of ISSUERS) expect(readFileSync(join(target, path))).toEqual(log.object(path));
  });

  it("does not hand over where the source has lost it too", async () => {
    await copy({ handOver: false });
    rmSync(join(target, ISSUERS[0] as string));
    server.objects = WITHOUT_ISSUERS;
    await expectNotVerified(copy(), ISSUERS[0] as string);
    expect(existsSync(join(target, ".state/treeState"))).toBe(false);
  });

  it("reads all of it again where the list of issuers is gone or spoilt", async () => {
    await copy({ handOver: false });
    for (const spoil of [() => rmSync(join(target, LIST)), () => writeFileSync(join(target, LIST), "{}")]) {
      spoil();
      rmSync(join(target, ISSUERS[0] as string), { force: true });
      expect(await copy({ handOver: false })).toMatchObject({
        resumedEntries: log.size,
        extraData: { issuers: ISSUERS.length, missingIssuers: 0 },
      });
      expect(readdirSync(join(target, "issuer")).length).toBe(ISSUERS.length);
    }
  });

  it("that asks for the deep check believes no seal that was written without it", async () => {
    const bundle = "tile/data/234";
    // Within the signature of the first entry, a precertificate, as it was submitted; then within its TBSCertificate.
    const first = log.entry(234 * 256);
    const submitted = log.leaf(234 * 256).length - 2 + 3;
    expect(first.readUInt16BE(8)).toBe(1);
    server.intercept(bundle, answerWith(flippedBit(log.object(bundle), submitted + 200)));
    await copy({ handOver: false });
    const failure = await failureOf(copy({ deep: true }));
    expect(failure.message).toMatch(new RegExp(`${bundle}.*: entry ${234 * 256} `));
    expect(existsSync(join(target, SEAL))).toBe(false);
  });

  it("says how many entries it has checked itself, and believes a seal that was written with the check", async () => {
    expect((await copy({ deep: true, handOver: false })).extraData).toMatchObject({ deepEntries: log.size });
    const asked = bundlesAskedFor();
    expect((await copy({ deep: true, handOver: false })).extraData).toMatchObject({ deepEntries: 0 });
    expect(bundlesAskedFor()).toBe(asked);
    await copy({ handOver: false });
    expect((await copy({ deep: true })).extraData).toMatchObject({ deepEntries: log.size });
  });

  it("under the licence tells of the issuers that earlier runs found missing, and so does the record", async () => {
    server.objects = WITHOUT_ISSUERS;
    const licence = { allowMissingIssuers: true };
    await copy({ ...licence, handOver: false });
    const asked = bundlesAskedFor();
    expect((await copy(licence)).extraData).toMatchObject({ missingIssuers: ISSUERS.length });
    expect(bundlesAskedFor()).toBe(asked);
    const notices: string[] = [];
    expect(await copy({ notice: (line) => notices.push(line) })).toMatchObject({
      outcome: "already-handed-over",
    });
    expect(notices.join()).toContain(`${ISSUERS.length} issuers were missing`);
  });

  it("under a licence that is new leaves word of it, so that a strict one does not believe its seals", async () => {
    await copy({ handOver: false });
    rmSync(join(target, SEAL));
    for (const path of ISSUERS) rmSync(join(target, path));
    rmSync(join(target, LIST));
    server.objects = WITHOUT_ISSUERS;
    await copy({ allowMissingIssuers: true, handOver: false });
    expect(existsSync(join(target, SEAL))).toBe(true);
    expect((await failureOf(copy())).message).toContain("--allow-missing-issuers");
    expect(existsSync(join(target, SEAL))).toBe(false);
  });
});

it("a copy under whose feet another asks for more writes no seal, and has listed its issuers by then", async () => {
  const last = "tile/data/255";
  server.intercept(last, async (_request, _response, next) => {
    const place = new PosixTarget(target);
    const contents = await place.inspect();
    if (contents.kind !== "claimed") throw new Error("it was claimed");
    await place.replaceMarker(contents.marker, contents.marker.replace('"deep":false', '"deep":true'));
    await next();
  });
  await expectFailure(copy(), TargetRefusedError, "by another copy with other options");
  expect(existsSync(join(target, SEAL))).toBe(false);
  expect(existsSync(join(target, LIST))).toBe(true);
});

it("a copy that slept while another asked for more writes no seal", async () => {
  await copy({ allowMissingIssuers: true, handOver: false });
  const place = new PosixTarget(target);
  const guarantees = { format: "static-ct", allowMissingIssuers: true, deep: false } as const;
  await expect(requireSameGuarantees(place, guarantees)).resolves.toBeUndefined();
  await copy({ handOver: false });
  await expect(requireSameGuarantees(place, guarantees)).rejects.toBeInstanceOf(TargetRefusedError);
  await copy();
  await expect(
    requireSameGuarantees(place, { ...guarantees, allowMissingIssuers: false }),
  ).rejects.toBeInstanceOf(TargetRefusedError);
});
