/** What an operator is told of a database's failures, and which of them are worth another try. */

import { expect, it } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { isPassing, mysqlFailure } from "../../../../storage/mysql/failures.ts";

const PLACE = {
  shown: "mysql://db.example/log",
  user: "tessera",
  database: "log",
  isIam: false,
  isPlain: false,
};

const WRITTEN = { wasReached: true, wasWritten: true };

const failure = (facts: object, message = "in words") => Object.assign(new Error(message), facts);

it.each<[object, RegExp]>([
  [
    { errno: 1045 },
    /does not accept the login: in words\. Check the user in --mysql, and the password in MYSQL_PWD/,
  ],
  [{ errno: 1862 }, /does not accept the login.*has expired.*ALTER USER 'tessera'@'%' IDENTIFIED BY/],
  [{ errno: 3118 }, /does not accept the login.*ALTER USER 'tessera'@'%' ACCOUNT UNLOCK/],
  [{ errno: 1044 }, /GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `log`\.\* TO 'tessera'@'%'/],
  [{ errno: 1142 }, /GRANT SELECT/],
  [{ errno: 1049 }, /is not there.*CREATE DATABASE `log`/],
  [{ errno: 1146 }, /has lost a table/],
  [{ errno: 1290 }, /can only be read.*reader endpoint/],
  [{ errno: 1836 }, /can only be read/],
  [{ errno: 1205 }, /keeps rows for another transaction.*Run the same command again/],
  [{ errno: 3159 }, /with TLS alone.*Leave --no-mysql-tls out/],
  [{ code: "HANDSHAKE_NO_SSL_SUPPORT", fatal: true }, /offers no TLS.*--no-mysql-tls/],
  [{ code: "HANDSHAKE_SSL_ERROR", fatal: true }, /cannot be trusted.*--mysql-ca/],
  [{ code: "ECONNREFUSED", errno: -111, fatal: true }, /cannot be reached.*Check --mysql and the network/],
  [{ fatal: true }, /failed: in words\. Run the same command again/],
])("%j", (facts, message) => {
  const error = mysqlFailure(failure(facts), PLACE);
  expect(error).toBeInstanceOf(OperationError);
  expect(`${error}`).toContain("mysql://db.example/log: ");
  expect(`${error}`).toMatch(message);
});

it("a login by IAM that is not accepted has other reasons", () => {
  expect(`${mysqlFailure(failure({ errno: 1045 }), { ...PLACE, isIam: true })}`).toMatch(
    /rds-db:connect for tessera.*AWSAuthenticationPlugin/,
  );
});

it("what is not the library's stays as it is", () => {
  const error = new TypeError("a fault of ours");
  expect(mysqlFailure(error, PLACE)).toBe(error);
  expect(isPassing(error, WRITTEN)).toBe(false);
  expect(isPassing("nothing", WRITTEN)).toBe(false);
});

it.each([
  [{ errno: 1213 }, true, true],
  [{ errno: 1205 }, true, true],
  [{ errno: 1062 }, true, true],
  // Log software that starts changes a table.
  [{ errno: 1412 }, true, true],
  [{ errno: 1684 }, true, true],
  [{ errno: 1040 }, true, true],
  [{ code: "ECONNRESET", fatal: true }, true, true],
  [{ code: "PROTOCOL_CONNECTION_LOST", fatal: true }, true, true],
  // Killed between two queries.
  [{ fatal: true }, false, true],
  // Where the database never was, it is its address that is wrong.
  [{ code: "ECONNREFUSED", fatal: true }, false, true],
  [{ errno: 1045 }, false, false],
  [{ errno: 1142 }, false, false],
  [{ errno: 3032 }, true, true],
  [{ errno: 1290 }, false, false],
  [{ errno: 1836 }, false, false],
  [{ code: "HANDSHAKE_SSL_ERROR", fatal: true }, false, false],
])("%j is tried again: %s at first, %s later", (facts, atFirst, later) => {
  expect(isPassing(failure(facts), { wasReached: false, wasWritten: false })).toBe(atFirst);
  expect(isPassing(failure(facts), { wasReached: true, wasWritten: false })).toBe(later);
});

it.each([1290, 1792, 1836])("%i is tried again where the database could be written before", (errno) => {
  expect(isPassing(failure({ errno }), WRITTEN)).toBe(true);
});
