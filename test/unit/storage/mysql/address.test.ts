/** How a MySQL database is named, and that a password in its address is neither taken nor shown. */

import { expect, it } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { formatDatabase, formatMysqlAddress, parseMysqlAddress } from "../../../../storage/mysql/address.ts";

it.each([
  ["mysql://tessera@db.example/log", "mysql://db.example/log"],
  ["mysql://tessera@DB.example:3306/log", "mysql://db.example/log"],
  ["mysql://tessera@127.0.0.1:3307/log", "mysql://127.0.0.1:3307/log"],
  ["mysql://tessera@[::1]:3307/log", "mysql://[::1]:3307/log"],
  ["mysql://tes%20sera@db_1/my%20log", "mysql://db_1/my%20log"],
  ["tessera@tcp(db.example:3306)/log", "mysql://db.example/log"],
  ["tessera@tcp(db.example)/log", "mysql://db.example/log"],
  ["tessera@tcp([::1]:3307)/log", "mysql://[::1]:3307/log"],
])("%s is %s", (text, database) => {
  const address = parseMysqlAddress(text);
  expect(formatDatabase(address)).toBe(database);
  expect(parseMysqlAddress(formatMysqlAddress(address))).toEqual(address);
});

it.each([
  "",
  "log",
  "db.example/log",
  "mysql://db.example/log",
  "mysql://tessera@/log",
  "mysql://tessera@db.example",
  "mysql://tessera@db.example/",
  "mysql://tessera@db.example/a/b",
  "mysql://tessera@db.example/log?ssl=false",
  "mysql://tessera@db.example:0/log",
  "mysql://tessera@db.example:65536/log",
  "mysql://tessera@db.example:port/log",
  "mysql://tessera@-/log",
  "mysql://tessera@db.example/%ff",
  "mysql://tessera@db.example/a%60b",
  "mysql://tessera@db.example/a%0ab",
  `mysql://tessera@db.example/${"a".repeat(65)}`,
  "tessera@unix(/run/mysqld.sock)/log",
  "tessera@tcp(db.example:3306)/log?tls=skip-verify",
])("%j names no database", (text) => {
  expect(() => parseMysqlAddress(text)).toThrow(UsageError);
  expect(() => parseMysqlAddress(text)).toThrow(/^--mysql: does not name a database \(expected mysql:/);
});

it.each([
  "mysql://tessera:hunter2@db.example/log",
  "mysql://:hunter2@db.example/log",
  "mysql://tessera:hunter2/more@db.example/log",
  "mysql://tessera:hunter2@more@db.example/log",
  "tessera:hunter2@tcp(db.example:3306)/log",
  "tessera:hunter2@db.example/log",
  "tessera:hunter2@tcp(db.example:3306)/log?tls=true",
])("%j has a password, which is refused and not shown", (text) => {
  expect(() => parseMysqlAddress(text)).toThrow(
    /has a password.*set MYSQL_PWD or pass --mysql-password-file/,
  );
  expect(() => parseMysqlAddress(text)).not.toThrow("hunter2");
});
