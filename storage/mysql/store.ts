/** How the operator, and a bucket, name a MySQL database as the state store of a log. */

import { UsageError } from "../../lib/errors.ts";
import type { OptionValues } from "../../lib/migrate/ports/backend.ts";
import type { StateStoreKind } from "../bucket/log-state.ts";
import { formatDatabase, formatMysqlAddress, parseMysqlAddress } from "./address.ts";

/** The key by which a bucket's document names a database, whoever logs in to it. */
const BINDING_KEY = "tlog-migrate-mysql";

const PREFIX_WARNING =
  "The log is to be below a prefix of its bucket: Tessera up to v1.0.4 with MySQL does not survive a crash there, and TesseraCT's " +
  "program for AWS takes no prefix. Choose a bucket of the log's own";

export const mysqlStores: StateStoreKind = {
  options: [
    {
      flags: "--mysql <address>",
      description:
        "MySQL database with the tree state of a log in a bucket: mysql://USER@HOST/DATABASE or USER@tcp(HOST:PORT)/DATABASE; its password is in MYSQL_PWD",
    },
    { flags: "--mysql-password-file <file>", description: "the password of its user, in place of MYSQL_PWD" },
    { flags: "--mysql-iam", description: "log in to it with a token of AWS's IAM in place of a password" },
    {
      flags: "--mysql-ca <file>",
      description:
        "certificates (PEM) of the authorities to trust for it in place of the usual ones and AWS's",
    },
    {
      flags: "--no-mysql-tls",
      description: "speak with it without TLS, where nobody can listen",
    },
  ],
  named(values) {
    const { mysql, mysqlPasswordFile, mysqlIam, mysqlCa, mysqlTls } = values;
    const others = {
      "--mysql-password-file": mysqlPasswordFile,
      "--mysql-iam": mysqlIam,
      "--mysql-ca": mysqlCa,
    };
    const flags = Object.entries({ ...others, "--no-mysql-tls": mysqlTls === false || undefined })
      .filter(([, value]) => value !== undefined && value !== false)
      .map(([flag]) => flag);
    if (mysql === undefined) {
      if (flags[0] === undefined) return undefined;
      throw new UsageError({
        object: flags[0],
        problem: "needs a database, but none was passed",
        advice: "Pass --mysql too, or leave it out",
      });
    }
    for (const [one, other] of [
      ["--mysql-iam", "--no-mysql-tls"],
      ["--mysql-iam", "--mysql-password-file"],
      ["--mysql-ca", "--no-mysql-tls"],
    ] as const) {
      if (!flags.includes(one) || !flags.includes(other)) continue;
      throw new UsageError({ object: other, problem: `contradicts ${one}`, advice: "Leave one of them out" });
    }
    const address = parseMysqlAddress(`${mysql}`);
    const database = formatDatabase(address);
    return {
      words: ` and the MySQL database ${database}`,
      options: ["--mysql", formatMysqlAddress(address), ...loginOptions(values, flags)],
      packages: ["mysql2", ...(mysqlIam === true ? ["@aws-sdk/rds-signer"] : [])],
      async open(location, signal) {
        const [{ MysqlTables }, { TableLogState }, { loginOf }] = await Promise.all([
          import("./tables.ts"),
          import("../bucket/table-state.ts"),
          import("./login.ts"),
        ]);
        const note =
          "The log in this bucket is, or is to be, written by log software that uses this database.";
        const tables = new MysqlTables(loginOf(address, values), signal);
        const [options, binding] = [`--mysql ${database}`, { [BINDING_KEY]: database, note }];
        return new TableLogState(tables, { options, binding, prefixWarning: PREFIX_WARNING }, location);
      },
    };
  },
  optionsIn({ [BINDING_KEY]: database }) {
    return typeof database === "string" ? `--mysql ${database}` : undefined;
  },
};

function loginOptions({ mysqlPasswordFile, mysqlCa }: OptionValues, flags: readonly string[]): string[] {
  const files: Record<string, unknown> = {
    "--mysql-password-file": mysqlPasswordFile,
    "--mysql-ca": mysqlCa,
  };
  return flags.flatMap((flag) => (files[flag] === undefined ? [flag] : [flag, `${files[flag]}`]));
}
