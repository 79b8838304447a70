/** What an operator is told when MySQL is not as the command says; one line each, with what to do, and no secret. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MariaDb } from "../../support/go/mariadb.ts";
import { describeWithMariaDb, useAws } from "../../support/go/use-aws.ts";
import { closedPlace } from "../../support/http/servers.ts";
import { LOCALHOST, OTHER_HOST } from "../../support/http/test-certificates.ts";
import { MARKER } from "../../support/places/bucket-targets.ts";
import { memoryDirectory } from "../../support/places/directory.ts";
import { openTarget } from "../../support/places/open.ts";

describeWithMariaDb("an operator is told of", () => {
  const aws = useAws();

  /** What comes of a claim of a database that is named so. */
  async function claim(mysql: string, options: object = { mysqlTls: false }): Promise<void> {
    const target = await openTarget(`s3://${aws().s3.newBucket()}/`, { mysql, ...options });
    await target.inspect();
    await target.claim(MARKER);
  }

  async function expectMessage(claimed: Promise<void>, words: RegExp): Promise<void> {
    const message = await claimed.then(
      () => "no failure",
      (error: Error) => error.message,
    );
    expect(message).toMatch(words);
    expect(message).not.toMatch(/\n|hunter2/);
  }

  function fileOf(text: string): string {
    const path = join(memoryDirectory(), "file");
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  it("a database that is not there", async () => {
    const { address } = aws().sql.databaseNamed("no-such");
    await expectMessage(
      claim(address),
      /mysql:\/\/127\.0\.0\.1:\d+\/no-such: is not there.*CREATE DATABASE `no-such`/,
    );
  });

  it.each(["", "hunter2-and-more\n"])("a wrong password, or none: %j", async (password) => {
    const { address } = await aws().sql.newDatabase();
    const options = { mysqlTls: false, mysqlPasswordFile: fileOf(password) };
    await expectMessage(claim(address, options), /does not accept the login: Access denied.*MYSQL_PWD/);
  });

  it("a server that is not there", async () => {
    await expectMessage(
      claim(`mysql://tessera@${await closedPlace()}/log`),
      /cannot be reached.*Check --mysql/,
    );
  });

  describe("rights that are missing", () => {
    it.each([
      [
        [],
        /does not allow what a copy needs.*GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `log-\d+`\.\* TO 'some'@'%'/,
      ],
      [["SELECT"], /CREATE command denied.*GRANT SELECT, INSERT/],
      [["SELECT", "CREATE", "UPDATE"], /INSERT command denied.*GRANT SELECT, INSERT/],
    ])("where there are %j", async (rights, words) => {
      const { name } = await aws().sql.newDatabase();
      await aws().sql.query(undefined, "CREATE OR REPLACE USER 'some'@'%' IDENTIFIED BY 'hunter2'");
      if (rights.length > 0) {
        await aws().sql.query(undefined, `GRANT ${rights.join(", ")} ON \`${name}\`.* TO 'some'@'%'`);
      }
      await expectMessage(claim(aws().sql.databaseNamed(name, "some").address), words);
    });

    it("but for ALTER and DELETE, which a copy does not need", async () => {
      const { name } = await aws().sql.newDatabase();
      await aws().sql.query(undefined, "CREATE OR REPLACE USER 'some'@'%' IDENTIFIED BY 'hunter2'");
      await aws().sql.query(undefined, `GRANT SELECT, INSERT, UPDATE, CREATE ON \`${name}\`.* TO 'some'@'%'`);
      await claim(aws().sql.databaseNamed(name, "some").address);
    });
  });

  it("a server that can only be read, as a reader endpoint can", async () => {
    const { name } = await aws().sql.newDatabase();
    await aws().sql.query(undefined, "CREATE OR REPLACE USER 'some'@'%' IDENTIFIED BY 'hunter2'");
    await aws().sql.query(undefined, `GRANT ALL ON \`${name}\`.* TO 'some'@'%'`);
    await aws().sql.query(undefined, "SET GLOBAL read_only = 1");
    try {
      const { address } = aws().sql.databaseNamed(name, "some");
      await expectMessage(
        claim(address),
        /can only be read.*name the writer in --mysql, of Aurora the cluster's endpoint/,
      );
    } finally {
      await aws().sql.query(undefined, "SET GLOBAL read_only = 0");
    }
  });

  describe("TLS", () => {
    it("that cannot be trusted, and not where the authority is known", async () => {
      const { address } = await aws().sql.newDatabase();
      await expectMessage(claim(address, {}), /cannot be trusted.*self-signed.*--mysql-ca/);
      for (const mysql of [address, address.replace("127.0.0.1", "localhost")]) {
        await claim(mysql.replace(/[^/]+$/, (await aws().sql.newDatabase()).name), {
          mysqlCa: fileOf(LOCALHOST.cert),
        });
      }
    });

    it("for another name, whether the host is an address or a name", async () => {
      await using server = await MariaDb.start(OTHER_HOST);
      const { address } = await server.newDatabase();
      const options = { mysqlCa: fileOf(OTHER_HOST.cert) };
      for (const mysql of [address, address.replace("127.0.0.1", "localhost")]) {
        await expectMessage(
          claim(mysql, options),
          /cannot be trusted.*Name it in --mysql as its certificate does/,
        );
      }
    });

    it("that is missing", async () => {
      await using server = await MariaDb.start(null);
      const { address } = await server.newDatabase();
      await expectMessage(claim(address, {}), /offers no TLS.*--no-mysql-tls/);
    });

    it("that is wanted there, and was declined", async () => {
      await aws().sql.query(undefined, "SET GLOBAL require_secure_transport = 1");
      try {
        await expectMessage(claim((await aws().sql.newDatabase()).address), /leave --no-mysql-tls out$/);
      } finally {
        await aws().sql.query(undefined, "SET GLOBAL require_secure_transport = 0");
      }
    });
  });
});
