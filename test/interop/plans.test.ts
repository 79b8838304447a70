/** `plan` and `status` of buckets with their databases: what they say of each kind of contents, and that they only read. */

import { expect, it } from "vitest";
import { migrate, planMigration, targetStatus } from "../../lib/index.ts";
import { type Home, stateOf, urlOf } from "../support/go/homes.ts";
import { makeLog } from "../support/go/tessera.ts";
import { describeWithMariaDb, useAws } from "../support/go/use-aws.ts";
import { useGcpEmulators } from "../support/go/use-gcp-emulators.ts";
import { useGoPrograms } from "../support/go/use-go-programs.ts";
import { testLog } from "../support/logs/generated-log.ts";
import { migrationOptions } from "../support/migration.ts";
import { logDirectory } from "../support/places/directory.ts";

const log = testLog({ size: 65_536 + 700, entrySize: 20 });
const SOMEBODYS = 300;

/** @param writes requests and statements so far that change something. */
async function expectOnlyLookedAt(
  newHome: () => Promise<Home>,
  writes: () => Promise<readonly string[]>,
): Promise<void> {
  const source = logDirectory(log);
  const home = await newHome();
  const [target, targetOptions] = [urlOf(home), stateOf(home)];
  const copy = migrationOptions(log, source, target, { targetOptions });
  const look = async (place: Home) => {
    const before = await writes();
    const there = { target: urlOf(place), targetOptions: stateOf(place) };
    const plan = await planMigration({ ...copy, ...there });
    const status = await targetStatus({ ...there, access: { userAgentVersion: "test" } });
    expect(await writes()).toEqual(before);
    return { plan, status };
  };
  const empty = await look(home);
  expect(empty).toMatchObject({
    plan: { outcome: "fresh", entries: log.size, handover: { treeState: { size: log.size } } },
    status: { state: "empty" },
  });
  const { bytes } = await migrate({ ...copy, handOver: false });
  expect(await writes()).not.toEqual([]);
  expect(Math.abs(empty.plan.bytes.likely - bytes)).toBeLessThan(0.1 * bytes);
  expect(await look(home)).toMatchObject({
    plan: { outcome: "resume", sealedEntries: 65_536, entries: 700 },
    status: { state: "unfinished", phase: "copied", sealedEntries: 65_536, aim: { size: log.size } },
  });
  await migrate(copy);
  expect((await writes()).join()).toMatch(/spanner Commit|Com_insert/);
  expect(await look(home)).toMatchObject({
    plan: { outcome: "already-handed-over" },
    status: { state: "handed-over", size: log.size, tree: { size: log.size } },
  });
  const somebodys = await newHome();
  await makeLog({ ...somebodys, origin: "log.example/somebody", key: "k", size: SOMEBODYS });
  expect(await look(somebodys)).toMatchObject({
    plan: { outcome: "refused", refusal: { kind: "refused" } },
    status: { state: "occupied", checkpoint: { origin: "log.example/somebody", size: SOMEBODYS } },
  });
}

describeWithMariaDb("a bucket with its database is planned and looked at without a write", () => {
  useGoPrograms("awskit", "gcpkit");
  const [emulators, aws] = [useGcpEmulators(), useAws()];

  it("Cloud Storage and Spanner: empty, unfinished, handed over, and somebody's log", async () => {
    const reads =
      /^(storage (GET|HEAD)|spanner (.*Read|BeginTransaction|.*Session.*|Execute.*Sql|Rollback))$/;
    await expectOnlyLookedAt(
      () => emulators().newHome("log"),
      async () => {
        const counts = Object.entries(await emulators().callCounts());
        return counts
          .map(([kind, count]) => `${kind}: ${count}`)
          .filter((line) => !reads.test(line.split(":")[0] ?? ""));
      },
    );
  });

  it("S3 and MySQL: empty, unfinished, handed over, and somebody's log", async () => {
    await expectOnlyLookedAt(
      () => aws().newHome("log"),
      async () => {
        const requests = aws().s3.requests.filter((line) => !/^(GET|HEAD) /.test(line));
        const statements = await aws().sql.query(
          undefined,
          "SHOW GLOBAL STATUS WHERE Variable_name REGEXP '^Com_(insert|update|delete|replace|create|drop|alter|truncate)' AND Value > 0",
        );
        return [...requests, ...statements.map(({ Variable_name, Value }) => `${Variable_name} ${Value}`)];
      },
    );
  });
});
