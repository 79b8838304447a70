/** Copies into S3 with MySQL, and what the real Tessera's driver for AWS makes of them. */

import { join } from "node:path";
import { expect, it } from "vitest";
import { copyShard, parseVkey, type VerifyOptions, verifyLog } from "../../../lib/index.ts";
import { copyTo, expectAppends } from "../../support/go/home-takeover.ts";
import { stateOf, urlOf } from "../../support/go/homes.ts";
import { makeLog, openAsMigrationTarget, takeOver } from "../../support/go/tessera.ts";
import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGcpEmulators } from "../../support/go/use-gcp-emulators.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { migrationOptions } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const identity = { origin: "log.example/aws", key: "the log's key" };
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
      const said: string[] = [];
      const report = await copyTo(home, dir, log, { notice: (text) => said.push(text) });
      expect(report).toMatchObject({ outcome: "handed-over", size, rootHash: log.rootHash, entries: size });
      const warning = /does not survive a crash.*Choose a bucket of the log's own/;
      const warned = prefix === undefined ? [] : [expect.stringMatching(warning)];
      expect([said, report.warnings]).toEqual([warned, warned]);
      await expectAppends(home, log, identity);
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
    await expectAppends(home, log, identity);
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
    await expectAppends(home, log, identity);
    expect(await copyTo(home, dir, log)).toMatchObject({ outcome: "taken-over" });
  });
});

describeWithMariaDb("a log that Tessera made", () => {
  useGoPrograms("awskit", "gcpkit", "tesserakit");
  const aws = useAws();
  const emulators = useGcpEmulators();

  it("on AWS goes to a directory, to AWS and to Google's cloud, and is taken over there", async () => {
    const from = await aws().newHome("source");
    const log = await makeLog({ ...from, ...identity, size: 700 });
    const finished = { outcome: "handed-over", size: 700, rootHash: log.rootHash };
    const dir = join(memoryDirectory(), "target");
    expect(await copyTo({ dir }, urlOf(from), log)).toMatchObject(finished);
    await expectAppends({ dir }, log, identity);
    const another = await aws().newHome();
    expect(await copyTo(another, urlOf(from), log)).toMatchObject(finished);
    await expectAppends(another, log, identity);
    const gcp = await emulators().newHome("target");
    expect(await copyTo(gcp, urlOf(from), log)).toMatchObject(finished);
    await expectAppends(gcp, log, identity);
  });

  it("in Google's cloud goes to AWS, and is taken over there", async () => {
    const from = await emulators().newHome();
    const log = await makeLog({ ...from, ...identity, size: 512 });
    const home = await aws().newHome("log");
    const report = await copyTo(home, urlOf(from), log);
    expect(report).toMatchObject({ outcome: "handed-over", size: 512, rootHash: log.rootHash });
    await expectAppends(home, log, identity);
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
    await home.sql.query("UPDATE SeqCoord SET next = 0");
    const report = await verifyLog(verification);
    expect(report.faults).toBe(1);
    expect(JSON.stringify(report)).toMatch(
      /SeqCoord of mysql:.*would make log software assign indexes again/,
    );
  });
});
