/** `plan` and `status` of a bucket: what they say of each kind of contents, and that they only read. */

import { expect, it } from "vitest";
import { migrate, planMigration, targetStatus } from "../../../lib/index.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { useS3Server } from "../../support/go/use-s3-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrationOptions } from "../../support/migration.ts";
import { logDirectory } from "../../support/places/directory.ts";

describeWithGo("a bucket", () => {
  const s3 = useS3Server();
  const log = testLog({ size: 65_536 + 700, entrySize: 20 });
  const targetOptions = { treeState: false };
  const access = { userAgentVersion: "test" };

  /** What plan and status say of a place, which they only read. */
  async function look(target: string, source: string) {
    const from = s3().requests.length;
    const overrides = { targetOptions, saveCheckpoint: true };
    const plan = await planMigration(migrationOptions(log, source, target, overrides));
    const status = await targetStatus({ target, access });
    const methods = new Set(
      s3()
        .requests.slice(from)
        .map((line) => line.split(" ")[0]),
    );
    expect([...methods].filter((method) => method !== "GET" && method !== "HEAD")).toEqual([]);
    return { plan, status };
  }

  it("is planned and looked at without a write: empty, unfinished, handed over, and somebody's", async () => {
    const source = logDirectory(log);
    const target = `s3://${s3().newBucket()}/log`;
    const empty = await look(target, source);
    expect(empty).toMatchObject({ plan: { outcome: "fresh" }, status: { state: "empty" } });
    expect(empty.plan).not.toHaveProperty("freeSpace");
    expect(empty.plan.handover).not.toHaveProperty("treeState");
    const copy = migrationOptions(log, source, target, { targetOptions, saveCheckpoint: true });
    const before = s3().requests.length;
    await migrate({ ...copy, handOver: false });
    const puts = s3()
      .requests.slice(before)
      .filter((line) => line.startsWith("PUT"));
    const { writes = 0 } = empty.plan.operations ?? {};
    expect(Math.abs(writes - puts.length)).toBeLessThan(0.05 * puts.length);
    const unfinished = await look(target, source);
    expect(unfinished).toMatchObject({
      plan: { outcome: "resume", sealedEntries: 65_536, entries: 700 },
      status: { state: "unfinished", phase: "copied", sealedEntries: 65_536, aim: { size: log.size } },
    });
    await migrate(copy);
    expect(await look(target, source)).toMatchObject({
      plan: { outcome: "already-handed-over" },
      status: { state: "handed-over", size: log.size, checkpoint: { origin: log.origin, size: log.size } },
    });
    const bucket = s3().newBucket();
    await s3().putObject(bucket, "checkpoint", log.object("checkpoint"));
    expect(await look(`s3://${bucket}`, source)).toMatchObject({
      plan: { outcome: "refused", refusal: { kind: "refused", found: "a checkpoint" } },
      status: { state: "occupied", checkpoint: { size: log.size } },
    });
  });
});
