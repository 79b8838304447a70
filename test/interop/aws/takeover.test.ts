/** Copies into S3 with MySQL, and what the real Tessera's driver for AWS makes of them. */

import { join } from "node:path";
import { expect, it } from "vitest";
import { type MigrationOptions, type MigrationReport, migrate } from "../../../lib/index.ts";
import { fsck, type Home, type LogReport, makeLog, takeOver } from "../../support/go/tessera.ts";
import { type Aws, describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { migrationOptions } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

type AwsHome = Awaited<ReturnType<Aws["newHome"]>>;

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
});
