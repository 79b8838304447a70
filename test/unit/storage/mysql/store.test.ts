/** How a MySQL database is named by options and by a bucket's document, whose form stays readable for ever. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { mysqlStores } from "../../../../storage/mysql/store.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

const mysql = "mysql://tessera@db.example:3307/log";

const DOCUMENT =
  '{"tlog-migrate-mysql":"mysql://db.example:3307/log",' +
  '"note":"The log in this bucket is, or is to be, written by log software that uses this database."}';

it("is named by a bucket whoever logs in, and without anything secret", async () => {
  stubEnvironment({ MYSQL_PWD: "hunter2" });
  for (const user of ["tessera", "another"]) {
    const named = mysqlStores.named({ mysql: `${user}@tcp(db.example:3307)/log`, mysqlTls: true });
    const state = await named?.open("s3://bucket/log/");
    expect(JSON.stringify(state?.binding)).toBe(DOCUMENT);
    expect(state?.options).toBe("--mysql mysql://db.example:3307/log");
    expect(mysqlStores.optionsIn(JSON.parse(DOCUMENT))).toBe(state?.options);
    expect(state?.name).toBe("the database mysql://db.example:3307/log");
  }
});

it.each([{}, { "tlog-migrate-mysql": 7 }, { "tlog-migrate-database": "d" }])(
  "is not named by the document %j",
  (other) => {
    expect(mysqlStores.optionsIn(other)).toBeUndefined();
  },
);

it("is named in full for a command to come", () => {
  const files = { mysqlPasswordFile: "/run/password", mysqlCa: "/etc/ca.pem" };
  expect(mysqlStores.named({ mysql, mysqlTls: true, ...files })).toMatchObject({
    words: " and the MySQL database mysql://db.example:3307/log",
    options: ["--mysql", mysql, "--mysql-password-file", "/run/password", "--mysql-ca", "/etc/ca.pem"],
    packages: ["mysql2"],
  });
  expect(mysqlStores.named({ mysql, mysqlTls: true, mysqlIam: true })).toMatchObject({
    options: ["--mysql", mysql, "--mysql-iam"],
    packages: ["mysql2", "@aws-sdk/rds-signer"],
  });
  expect(mysqlStores.named({ mysql, mysqlTls: false })?.options).toEqual([
    "--mysql",
    mysql,
    "--no-mysql-tls",
  ]);
  expect(mysqlStores.named({ mysqlTls: true })).toBeUndefined();
});

it.each([
  [{ mysqlIam: true }, /^--mysql-iam: needs a database, but none was passed/],
  [{ mysqlTls: false }, /^--no-mysql-tls: needs a database/],
  [{ mysqlCa: "ca.pem" }, /^--mysql-ca: needs a database/],
  [{ mysqlPasswordFile: "p" }, /^--mysql-password-file: needs a database/],
  // A token is sent as it is.
  [{ mysql, mysqlIam: true, mysqlTls: false }, /^--no-mysql-tls: contradicts --mysql-iam/],
  [{ mysql, mysqlIam: true, mysqlPasswordFile: "p" }, /^--mysql-password-file: contradicts --mysql-iam/],
  [{ mysql, mysqlCa: "ca.pem", mysqlTls: false }, /^--no-mysql-tls: contradicts --mysql-ca/],
])("%j is refused", (values, message) => {
  expect(() => mysqlStores.named(values)).toThrow(UsageError);
  expect(() => mysqlStores.named(values)).toThrow(message);
});

it.each(["mysqlPasswordFile", "mysqlCa"])(
  "a file of %s that is not there is a usage error",
  async (option) => {
    const named = mysqlStores.named({ mysql, [option]: join(memoryDirectory(), "missing") });
    await expect(named?.open("s3://bucket/log/")).rejects.toThrow(UsageError);
  },
);

it("certificates that are none are a usage error", async () => {
  const file = join(memoryDirectory(), "ca.pem");
  writeFileSync(file, "hunter2");
  const named = mysqlStores.named({ mysql, mysqlCa: file });
  await expect(named?.open("s3://bucket/log/")).rejects.toThrow(/--mysql-ca.*certificate/);
  await expect(named?.open("s3://bucket/log/")).rejects.not.toThrow("hunter2");
});
