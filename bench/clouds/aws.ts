/** AWS: S3, which versitygw speaks, and MariaDB as its MySQL. */

import { type MariaDb, mariaDbProgram } from "../../test/support/go/mariadb.ts";
import { migrateAwsFlags } from "../../test/support/go/tessera.ts";
import { environmentOf, Versitygw } from "../../test/support/go/versitygw.ts";
import { SkipError } from "../run/places.ts";
import type { CloudHome, CloudKind } from "./cloud.ts";

/** A database as the program, and as Tessera's, takes it. */
interface Database {
  readonly address: string;
  readonly dsn: string;
}

const NAMED: Database = { address: "$DATABASE", dsn: "$USER:$PASSWORD@tcp($HOST:$PORT)/$DATABASE" };

/** @param sql serves all runs, each with a database of its own. */
export function aws(sql: Pick<MariaDb, "newDatabase" | "query" | "pid" | "env">): CloudKind {
  return {
    names: homeOf("$BUCKET", NAMED, { AWS_ENDPOINT_URL_S3: "$S3", MYSQL_PWD: "$PASSWORD" }),
    async start() {
      const store = await Versitygw.start({ listens: "port", logs: true });
      const bucket = store.newBucket();
      const database = await sql.newDatabase();
      const statementsBefore = await statementsOf(sql);
      return {
        homeBehind: (s3) => homeOf(bucket, database, { ...environmentOf(s3, store.home), ...sql.env }),
        storePort: Number(store.address.split(":")[1]),
        objectsDirectory: store.directoryOf(bucket),
        pids: [store.pid, sql.pid],
        async stop() {
          const requests = store.requestCounts();
          const statements = (await statementsOf(sql)) - statementsBefore;
          await store[Symbol.asyncDispose]();
          return { ...requests, "SQL statements": statements };
        },
      };
    },
  };
}

/** @throws SkipError where it is not installed. */
export function requireMariaDb(): void {
  if (mariaDbProgram("mariadbd") === undefined) throw new SkipError("MariaDB is not installed");
}

function homeOf(bucket: string, database: Database, env: Readonly<Record<string, string>>): CloudHome {
  const { address, dsn } = database;
  return {
    bucket,
    target: `s3://${bucket}`,
    stateOptions: ["--mysql", address, "--no-mysql-tls"],
    tesseraOptions: migrateAwsFlags({ bucket, dsn, env }),
    env,
    logHome: { bucket, sql: database, env },
  };
}

/** Statements of clients so far. */
async function statementsOf(sql: Pick<MariaDb, "query">): Promise<number> {
  const [row] = await sql.query(undefined, "SHOW GLOBAL STATUS LIKE 'Questions'");
  return Number(row?.Value);
}
