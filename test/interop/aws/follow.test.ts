/** A log in S3 with MySQL is moved there while Tessera's Appender adds entries to it. */

import { it } from "vitest";
import { expectMovedLive } from "../../support/go/live-move.ts";
import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";

const SIZE = 3_000;

describeWithMariaDb("a live log in S3", () => {
  useGoPrograms("awskit");
  const aws = useAws();

  it("is moved to another bucket and another database, whatever is killed, and Tessera goes on there", async () => {
    const [from, to] = [await aws().newHome("source"), await aws().newHome("target")];
    const { address } = to.sql;
    await expectMovedLive(
      {
        from,
        to,
        source: `s3://${from.bucket}/source`,
        target: `s3://${to.bucket}/target`,
        stateArguments: ["--mysql", address, "--no-mysql-tls"],
        targetOptions: { mysql: address, mysqlTls: false },
      },
      SIZE,
    );
  });
});
