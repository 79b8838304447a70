/** What Tessera's own migration leaves on AWS, which a copy of ours must not: the reason for what a handover sets. */

import { join } from "node:path";
import { expect, it } from "vitest";
import { copyTo } from "../../support/go/home-takeover.ts";
import { readLog } from "../../support/go/log-files.ts";
import { makeLog, takeOver, tesseraMigrateAws } from "../../support/go/tessera.ts";
import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { failureOf } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

describeWithMariaDb("Tessera v1.0.4's migration to AWS", () => {
  useGoPrograms("awskit", "tesserakit", "tessera-migrate-aws");
  const aws = useAws();

  it("ends without an error, and its Appender then refuses every entry; a copy of ours keeps off", async () => {
    const identity = { origin: "log.example/aws", key: "the log's key" };
    const dir = join(memoryDirectory(), "source");
    const log = await makeLog({ dir, ...identity, size: 700 });
    const { url } = await startLogServer(readLog(dir));
    const home = await aws().newHome();
    await tesseraMigrateAws({ ...home, sourceUrl: `${url}/` });
    const rows = (table: string) => home.sql.query(`SELECT * FROM ${table}`);
    expect(await rows("IntCoord")).toMatchObject([{ seq: 700 }]);
    expect(await rows("SeqCoord")).toMatchObject([{ next: 0 }]);
    // 0 − 700 wraps around: more entries seem to wait than may.
    const failure = await takeOver({ ...home, ...identity, add: 1, timeoutMs: 10_000 }).then(
      () => "",
      (error: Error) => error.message,
    );
    expect(failure).toMatch(/pushback/);
    expect((await failureOf(copyTo(home, dir, log))).message).toMatch(
      /log software has opened it \(version 1, size 700\)/,
    );
  });
});
