import { afterAll, beforeAll, vi } from "vitest";
import { describeWithGo } from "./describe-with-go.ts";
import type { AwsBucket } from "./homes.ts";
import { MariaDb, mariaDbProgram, type TestDatabase } from "./mariadb.ts";
import { S3Server } from "./s3-server.ts";
import type { CtAwsBucket } from "./tesseract-homes.ts";

const missing = "no MariaDB: Debian's mariadb-server-core and mariadb-client-core have it";

/** `describe` for tests that need MariaDB, and Go; without them they are skipped, or fail, as with `describeWithGo`. */
export function describeWithMariaDb(name: string, tests: () => void): void {
  if (mariaDbProgram("mariadbd") !== undefined) {
    describeWithGo(name, tests);
    return;
  }
  if (process.env.TLOG_MIGRATE_REQUIRE_GO === "1") {
    throw new Error(`${missing}, and TLOG_MIGRATE_REQUIRE_GO=1 says that these tests must run`);
  }
  console.warn(`skipped: ${name}: ${missing}`);
}

export interface AwsHome extends AwsBucket {
  readonly sql: TestDatabase;
}

/** AWS for a log: S3, and MySQL for its state. */
export interface Aws {
  readonly s3: S3Server;
  readonly sql: MariaDb;
  newHome(prefix?: string): Promise<AwsHome>;
  /** One for TesseraCT. */
  newCtHome(): Promise<CtAwsBucket>;
}

/**
 * An S3 and a MariaDB for all tests of a `describe` block, or of a file: they start before the first and end after the
 * last. Meanwhile this process, and what it starts, takes them for AWS's.
 */
export function useAws(): () => Aws {
  let aws: Aws | undefined;
  beforeAll(async () => {
    const [s3, sql] = await Promise.all([S3Server.start(), MariaDb.start()]);
    for (const [name, value] of Object.entries({ ...s3.env, ...sql.env })) vi.stubEnv(name, value);
    aws = {
      s3,
      sql,
      async newHome(prefix) {
        const place = { bucket: s3.newBucket(), ...(prefix !== undefined && { prefix }) };
        return { ...place, env: s3.env as Record<string, string>, sql: await sql.newDatabase() };
      },
      async newCtHome() {
        const home = await this.newHome();
        await s3.publish(home.bucket);
        return { ...home, antispam: await sql.newDatabase() };
      },
    };
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await Promise.all([aws?.s3[Symbol.asyncDispose](), aws?.sql[Symbol.asyncDispose]()]);
  });
  return () => {
    if (aws === undefined) throw new Error("S3 and MariaDB have not started");
    return aws;
  };
}

/** A MariaDB alone, for tests that have another S3. */
export function useMariaDb(): () => MariaDb {
  let sql: MariaDb | undefined;
  beforeAll(async () => {
    sql = await MariaDb.start();
    for (const [name, value] of Object.entries(sql.env)) vi.stubEnv(name, value);
  });
  afterAll(() => sql?.[Symbol.asyncDispose]());
  return () => {
    if (sql === undefined) throw new Error("MariaDB has not started");
    return sql;
  };
}
