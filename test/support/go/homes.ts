/** Where logs of real log software live, and how commands of ours name the place. */

import type { OptionValues } from "../../../lib/migrate/ports/backend.ts";
import type { TestDatabase } from "./mariadb.ts";

/** A log's home below a directory: Tessera's POSIX driver. */
export interface Directory {
  readonly dir: string;
}

interface InBucket {
  readonly bucket: string;
  /** Prefix of the names of its objects, without a slash at the end; none unless told. */
  readonly prefix?: string;
  /** Variables that say where the cloud's services are on this machine. */
  readonly env: Readonly<Record<string, string>>;
}

/** A log's home in a bucket of Google's cloud, with its state in a Spanner database: Tessera's GCP driver. */
export interface GcpBucket extends InBucket {
  /** `projects/P/instances/I/databases/D`. */
  readonly database: string;
}

/** A log's home in a bucket of S3, with its state in a MySQL database: Tessera's AWS driver. */
export interface AwsBucket extends InBucket {
  readonly sql: Pick<TestDatabase, "address" | "dsn">;
}

export type Home = Directory | GcpBucket | AwsBucket;

/** A home as source or target of a command. */
export function urlOf(home: Home): string {
  if ("dir" in home) return home.dir;
  const scheme = "sql" in home ? "s3" : "gs";
  return `${scheme}://${home.bucket}${home.prefix === undefined ? "" : `/${home.prefix}`}`;
}

/** The options that name the database of a home; a directory has none. */
export function stateOf(home: Home): OptionValues {
  if ("dir" in home) return {};
  return "sql" in home ? mysqlState(home.sql) : { spanner: home.database };
}

/** The same, as commands take them. */
export function stateFlags(home: Home): string[] {
  if ("dir" in home) return [];
  return "sql" in home ? ["--mysql", home.sql.address, "--no-mysql-tls"] : ["--spanner", home.database];
}

/** The options that name a database of MySQL. */
export function mysqlState({ address }: Pick<TestDatabase, "address">): OptionValues {
  return { mysql: address, mysqlTls: false };
}

/** A database as TesseraCT's program and Tessera's own tool for AWS take it: `user:password@tcp(host:port)/name`. */
export function databaseFlags(dsn: string): string[] {
  const [, user = "", password = "", host = "", port = "", name = ""] =
    /^(.*?):(.*)@tcp\((.*):(.*)\)\/(.*)$/.exec(dsn) ?? [];
  const server = ["--db_name", name, "--db_host", host, "--db_port", port];
  return [...server, "--db_user", user, "--db_password", password];
}
