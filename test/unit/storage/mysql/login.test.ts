/** With what a MySQL database is logged in to; nothing here asks the network. */

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { parseMysqlAddress } from "../../../../storage/mysql/address.ts";
import { loginOf } from "../../../../storage/mysql/login.ts";
import { KEYS, withoutAws } from "../../../support/aws.ts";
import { stubEnvironment } from "../../../support/environment.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

const ADDRESS = parseMysqlAddress("mysql://tessera@db.example/log");
const RDS = parseMysqlAddress("mysql://tessera@log.cluster-abc.eu-west-1.rds.amazonaws.com/log");

it("a password comes from the environment, or from a file without the end of its line", async () => {
  stubEnvironment({ MYSQL_PWD: "from the environment" });
  expect(await loginOf(ADDRESS, {}).password()).toBe("from the environment");
  const file = join(memoryDirectory(), "password");
  writeFileSync(file, "from a file \n");
  chmodSync(file, 0o600);
  expect(await loginOf(ADDRESS, { mysqlPasswordFile: file }).password()).toBe("from a file ");
  stubEnvironment({ MYSQL_PWD: undefined });
  expect(await loginOf(ADDRESS, {}).password()).toBe("");
});

it("TLS is on, by the usual authorities, unless it is turned off", () => {
  expect(loginOf(ADDRESS, { mysqlTls: true }).authorities).toBeUndefined();
  expect(loginOf(ADDRESS, {}).authorities).toBeUndefined();
  expect(loginOf(ADDRESS, { mysqlTls: false }).authorities).toBe(false);
});

it("a token of IAM is for the host, the user and the region of the database, in whichever region we are", async () => {
  withoutAws();
  stubEnvironment({ ...KEYS, AWS_REGION: "us-east-1" });
  const login = loginOf(RDS, { mysqlIam: true });
  const token = await login.password();
  expect(login.isIam).toBe(true);
  expect(token).toMatch(
    /^log\.cluster-abc\.eu-west-1\.rds\.amazonaws\.com:3306\/\?Action=connect&DBUser=tessera&/,
  );
  expect(token).toMatch(/X-Amz-Credential=AKIDEXAMPLE%2F\d{8}%2Feu-west-1%2Frds-db%2Faws4_request/);
  expect(token).not.toContain("a secret");
  expect(await loginOf(ADDRESS, { mysqlIam: true }).password()).toContain("%2Fus-east-1%2Frds-db%2F");
});

it("where there are no credentials for one, a line says what to do", async () => {
  withoutAws();
  const token = loginOf(RDS, { mysqlIam: true }).password();
  await expect(token).rejects.toBeInstanceOf(OperationError);
  await expect(token).rejects.toThrow(
    /^an IAM login to mysql:\/\/log\.\S+: is unavailable: .*AWS_ACCESS_KEY_ID/,
  );
});
