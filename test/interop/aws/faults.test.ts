/** Copies into S3 and MySQL that are killed, cut off and made to wait; promises 2 to 4 hold all the same. */

import { expect, it } from "vitest";
import { HAND_OVER as HANDOVER, spawnCli } from "../../support/cli.ts";
import { copyTo, opens } from "../../support/go/home-takeover.ts";
import { type AwsBucket, type Home, stateOf, urlOf } from "../../support/go/homes.ts";
import type { SqlFault } from "../../support/go/mariadb.ts";
import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { startMigration } from "../../support/migration-process.ts";
import { logDirectory } from "../../support/places/directory.ts";

/** A seal, a bundle beyond it, and a partial one at the edge. */
const log = testLog({ size: 65_536 + 256 + 7, entrySize: 20 });

const CLAIM = { contains: "COMMIT", behind: "INSERT INTO Tessera" } as const;
const HAND_OVER = { contains: "COMMIT", behind: "INSERT INTO IntCoord" } as const;

const copy = (from: string, home: Home) => copyTo(home, from, log);

describeWithMariaDb("a copy into S3 and MySQL", () => {
  useGoPrograms("awskit");
  const aws = useAws();

  /** Starts a copy, kills it when it has come to what is interfered with, and lets the next one go on. */
  async function killedAt(server: "s3" | "sql", from: string, home: AwsBucket): Promise<void> {
    const overrides = { targetOptions: stateOf(home), workers: 2 };
    const { child, result } = startMigration(log, { url: from }, urlOf(home), { overrides });
    await expect.poll(() => aws()[server].interferences(), { timeout: 30_000 }).toEqual([1]);
    child.kill("SIGKILL");
    expect(await result).toEqual({ kind: "killed" });
    aws()[server].interfere();
  }

  it("that is killed while it copies goes on where it stopped, and Tessera waits for it", async () => {
    const [from, home] = [logDirectory(log), await aws().newHome("log")];
    aws().s3.interfere({ method: "PUT", contains: "tile/", skip: 300, times: 1, hang: true });
    await killedAt("s3", from, home);
    expect(await opens(home, log)).toBe(false);
    const report = await copy(from, home);
    expect(report.outcome).toBe("handed-over");
    expect(report.resumedEntries).toBeGreaterThan(0);
    expect(report.entries + report.resumedEntries).toBe(log.size);
    expect(await opens(home, log)).toBe(true);
    expect(await copy(from, home)).toMatchObject({ outcome: "taken-over" });
  });

  it.each<[when: string, moment: SqlFault, outcome: string, openedMeanwhile: boolean]>([
    ["before the COMMIT of its claim starts over", CLAIM, "handed-over", false],
    ["before the COMMIT of its handover hands over then", HAND_OVER, "handed-over", false],
    ["before the answer to it finds it done", { ...HAND_OVER, after: true }, "already-handed-over", true],
  ])("that is killed %s", async (_when, moment, outcome, isHandedOver) => {
    const [from, home] = [logDirectory(log), await aws().newHome()];
    aws().sql.interfere(moment);
    await killedAt("sql", from, home);
    if (!isHandedOver && moment !== CLAIM) expect(await opens(home, log)).toBe(false);
    expect(await copy(from, home)).toMatchObject({ outcome });
    expect(await opens(home, log)).toBe(true);
  });

  it.each<[what: string, faults: readonly SqlFault[]]>([
    ["the answers to its COMMITs get lost", [CLAIM, HAND_OVER].map((moment) => ({ ...moment, after: true }))],
    ["its COMMITs get lost", [CLAIM, HAND_OVER]],
    [
      "connections break within its transactions",
      [
        { contains: "INSERT INTO TlogMigrate", behind: "INSERT INTO Tessera" },
        { contains: "INSERT INTO PubCoord" },
        { contains: "FOR UPDATE", after: true },
      ],
    ],
    ["connections break before its first look", [{ contains: "information_schema", after: true }]],
  ])("is done all the same when %s", async (_what, faults) => {
    const [from, home] = [logDirectory(log), await aws().newHome()];
    aws().sql.interfere(...faults.map((fault) => ({ ...fault, cut: true, times: 1 })));
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over", entries: log.size });
    expect(aws().sql.interferences()).toEqual(faults.map(() => 1));
    aws().sql.interfere();
    expect(await opens(home, log)).toBe(true);
  });

  it.each<[when: string, moment: SqlFault]>([
    ["when it is first asked", { contains: "SELECT" }],
    ["to the handover", HAND_OVER],
  ])("is stopped by one signal where the database gives no answer %s", async (_when, moment) => {
    const [from, home] = [logDirectory(log), await aws().newHome("log")];
    aws().sql.interfere(moment);
    const state = ["--mysql", home.sql.address, "--no-mysql-tls"];
    const running = spawnCli(
      ["copy", from, urlOf(home), "--vkey", log.vkey, ...HANDOVER, "--quiet", ...state],
      {},
    );
    await expect.poll(() => aws().sql.interferences()[0], { timeout: 30_000 }).toBeGreaterThan(0);
    running.child.kill("SIGINT");
    const { code, stdout } = await running.result;
    aws().sql.interfere();
    expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
    expect(await copy(from, home)).toMatchObject({ outcome: "handed-over" });
  });
});
