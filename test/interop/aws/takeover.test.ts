/** Copies into S3 with MySQL, and what the real Tessera's driver for AWS makes of them. */

import { join } from "node:path";
import { expect, it } from "vitest";
import {
  copyShard,
  type MigrationOptions,
  type MigrationReport,
  migrate,
  parseVkey,
  type VerifyOptions,
  verifyLog,
} from "../../../lib/index.ts";
import type { OptionValues } from "../../../lib/migrate/ports/backend.ts";
import {
  fsck,
  type Home,
  type LogReport,
  makeLog,
  openAsMigrationTarget,
  takeOver,
} from "../../support/go/tessera.ts";
import { type AwsHome, describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { migrationOptions } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const identity = { origin: "log.example/aws", key: "the log's key" };
const APPENDED = 300;

const urlOf = ({ bucket, prefix = "" }: AwsHome) => `s3://${bucket}/${prefix}`;
const stateOf = ({ sql }: AwsHome) => ({ mysql: sql.address, mysqlTls: false });

function copyTo(
  home: AwsHome,
  source: string,
  log: LogReport,
  overrides: Partial<MigrationOptions> = {},
): Promise<MigrationReport> {
  const known = { vkey: log.vkey, format: "tiles" as const };
  const options = { targetOptions: stateOf(home), workers: 2, ...overrides };
  return migrate(migrationOptions(known, source, urlOf(home), options));
}

/** Expects Tessera's Appender to go on at the log's size, and its fsck to pass. */
async function expectTakenOver(home: Home, log: LogReport): Promise<void> {
  const grown = log.size + APPENDED;
  const taken = await takeOver({ ...home, ...identity, add: APPENDED });
  expect(taken).toMatchObject({
    sizeBefore: log.size,
    indices: [log.size, grown - 1],
    contiguous: true,
    size: grown,
    vkey: log.vkey,
  });
  expect(await fsck({ ...home, vkey: log.vkey })).toMatchObject({ ok: true, size: grown });
}

describeWithMariaDb("a copy into S3 and MySQL", () => {
  useGoPrograms("awskit", "tesserakit");
  const aws = useAws();

  it.concurrent.each([
    [0, undefined],
    [1, "log"],
    [256, undefined],
    [512, "logs/of/2026"],
    [700, "log"],
    [65_793, undefined],
  ])(
    "of %i entries from a directory, below the prefix %s, is taken over by Tessera",
    async (size, prefix) => {
      const dir = join(memoryDirectory(), "source");
      const log = await makeLog({ dir, ...identity, size });
      const home = await aws().newHome(prefix);
      const report = await copyTo(home, dir, log);
      expect(report).toMatchObject({ outcome: "handed-over", size, rootHash: log.rootHash, entries: size });
      await expectTakenOver(home, log);
    },
  );

  it("in parts that start at once is finished by one more copy, and taken over", async () => {
    const dir = join(memoryDirectory(), "source");
    const log = await makeLog({ dir, ...identity, size: 2 * 65_536 + 300 });
    const home = await aws().newHome("log");
    const known = { vkey: log.vkey, format: "tiles" as const };
    const options = { targetOptions: stateOf(home), workers: 1 };
    const { handOver: _, ...part } = migrationOptions(known, dir, urlOf(home), options);
    const shards = [1, 2, 3].map((index) => copyShard({ ...part, shard: { index, count: 3 } }));
    const copied = (await Promise.all(shards)).map(({ outcome, entries }) => ({ outcome, entries }));
    const entries = [65_536, 65_536, 0];
    expect(copied).toEqual(entries.map((each) => ({ outcome: "part-copied", entries: each })));
    expect(await copyTo(home, dir, log)).toMatchObject({
      outcome: "handed-over",
      sealedEntries: 2 * 65_536,
      entries: 300,
    });
    await expectTakenOver(home, log);
  });

  it("is refused by Tessera while it is unfinished, and goes on all the same", async () => {
    const dir = join(memoryDirectory(), "source");
    const log = await makeLog({ dir, ...identity, size: 700 });
    const home = await aws().newHome();
    const unfinished = await copyTo(home, dir, log, { handOver: false });
    expect(unfinished).toMatchObject({ outcome: "ready-for-handover" });
    const refusal = "compatibilityVersion (0)";
    await expect(takeOver({ ...home, ...identity })).rejects.toThrow(refusal);
    await expect(openAsMigrationTarget(home)).rejects.toThrow(refusal);
    // They have left rows of zeroes all the same.
    expect(await copyTo(home, dir, log)).toMatchObject({ outcome: "handed-over", resumedEntries: 700 });
    expect(await copyTo(home, dir, log)).toMatchObject({ outcome: "already-handed-over" });
    await expectTakenOver(home, log);
    expect(await copyTo(home, dir, log)).toMatchObject({ outcome: "taken-over" });
  });
});

describeWithMariaDb("a log that Tessera made", () => {
  useGoPrograms("awskit", "gcpkit", "tesserakit");
  const aws = useAws();
  const emulators = useGcpEmulators();

  const copy = (log: LogReport, from: string, to: string, targetOptions?: OptionValues) => {
    const known = { vkey: log.vkey, format: "tiles" as const };
    return migrate(
      migrationOptions(known, from, to, { workers: 2, ...(targetOptions && { targetOptions }) }),
    );
  };

  it("on AWS goes to a directory, to AWS and to Google's cloud, and is taken over there", async () => {
    const from = await aws().newHome("source");
    const log = await makeLog({ ...from, ...identity, size: 700 });
    const finished = { outcome: "handed-over", size: 700, rootHash: log.rootHash };
    const dir = join(memoryDirectory(), "target");
    expect(await copy(log, urlOf(from), dir)).toMatchObject(finished);
    await expectTakenOver({ dir }, log);
    const another = await aws().newHome();
    expect(await copy(log, urlOf(from), urlOf(another), stateOf(another))).toMatchObject(finished);
    await expectTakenOver(another, log);
    const gcp = await emulators().newHome("target");
    const url = `gs://${gcp.bucket}/target`;
    expect(await copy(log, urlOf(from), url, { spanner: gcp.database })).toMatchObject(finished);
    await expectTakenOver(gcp, log);
  });

  it("in Google's cloud goes to AWS, and is taken over there", async () => {
    const from = await emulators().newHome();
    const log = await makeLog({ ...from, ...identity, size: 512 });
    const home = await aws().newHome("log");
    const report = await copy(log, `gs://${from.bucket}/`, urlOf(home), stateOf(home));
    expect(report).toMatchObject({ outcome: "handed-over", size: 512, rootHash: log.rootHash });
    await expectTakenOver(home, log);
  });

  it("is verified with its tree state: a row that is wrong is found", async () => {
    const home = await aws().newHome();
    const log = await makeLog({ ...home, ...identity, size: 700 });
    const verification: VerifyOptions = {
      log: urlOf(home),
      policy: { verifiers: [parseVkey(log.vkey)] },
      access: { userAgentVersion: "test" },
      targetOptions: stateOf(home),
      workers: 1,
      format: "tiles",
    };
    expect(await verifyLog(verification)).toMatchObject({ faults: 0, entries: 700 });
    await aws().sql.query(home.sql.name, "UPDATE SeqCoord SET next = 0");
    const report = await verifyLog(verification);
    expect(report.faults).toBe(1);
    expect(JSON.stringify(report)).toMatch(
      /SeqCoord of mysql:.*would make log software assign indexes again/,
    );
  });
});
