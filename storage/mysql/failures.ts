/** Failures of a MySQL database in our words, with what to do about them. */

import { OperationError } from "../../lib/errors.ts";
import { oneLine } from "../../lib/tlog/errors.ts";

/** Where a failure was met. */
export interface FailedDatabase {
  /** As messages call it. */
  readonly shown: string;
  readonly user: string;
  readonly database: string;
  readonly isIam: boolean;
  /** Without TLS. */
  readonly isPlain: boolean;
}

/**
 * A duplicate key, rows that others changed, a lock that was waited for too long, a deadlock, a table that somebody is
 * changing, as log software does when it starts: run again.
 */
const CONTENTION = [1062, 1020, 1205, 1213, 1412, 1684];

/** Too many connections, a server that shuts down or is offline for a while, a connection that the server ended. */
const BUSY = [1040, 1053, 1203, 1226, 1927, 3032, 3169, 4031];

/** A server that can only be read: a replica, or the writer of before a failover, until its name leads to the new one. */
const READ_ONLY = [1290, 1792, 1836];

/** Codes of Node's and of the library's for a connection that breaks. */
const BROKEN = ["PROTOCOL_CONNECTION_LOST", "PROTOCOL_SEQUENCE_TIMEOUT", "ECONNRESET", "EPIPE"];

const UNREACHABLE = ["ECONNREFUSED", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"];

/** Of a failure of the library's. */
interface Failure {
  readonly errno?: number;
  readonly code?: string;
  readonly fatal?: boolean;
  readonly message: string;
}

/** What has been done in a database so far: where nothing has, it is its address or the network that is wrong. */
export interface Past {
  readonly wasReached: boolean;
  readonly wasWritten: boolean;
}

/** Whether the work may be run again. */
export function isPassing(error: unknown, { wasReached, wasWritten }: Past): boolean {
  if (!(error instanceof Error)) return false;
  const { errno = 0, code = "", fatal = false } = error as Failure;
  if (CONTENTION.includes(errno) || BUSY.includes(errno) || BROKEN.includes(code)) return true;
  if (READ_ONLY.includes(errno)) return wasWritten;
  if (UNREACHABLE.includes(code)) return wasReached;
  // A connection that was killed between two queries has no code.
  return wasReached && fatal && code === "";
}

/** The failure for the operator; what is not the library's stays as it is. */
export function mysqlFailure(error: unknown, place: FailedDatabase): unknown {
  if (!(error instanceof Error)) return error;
  const { errno, code, fatal } = error as Failure;
  if (errno === undefined && code === undefined && fatal === undefined) return error;
  const [what, advice] = wordsFor(errno ?? 0, code ?? "", place);
  const problem = `${what}: ${oneLine(error.message).slice(0, 300)}`;
  return new OperationError({ object: place.shown, problem, advice }, { cause: error });
}

const AGAIN = "Run the same command again: it continues where it stopped";

function wordsFor(
  errno: number,
  code: string,
  place: FailedDatabase,
): readonly [problem: string, advice: string] {
  const { user, database, isIam, isPlain } = place;
  // MariaDB does not say more.
  const declined = isPlain ? ". Where the server wants TLS, leave --no-mysql-tls out" : "";
  const account = `'${user}'@'%'`;
  switch (errno) {
    case 1045:
    case 1698:
    case 1130:
      return [
        "does not accept the login",
        isIam
          ? `Allow rds-db:connect for ${user}, and make it with the plugin AWSAuthenticationPlugin`
          : `Check the user in --mysql, and the password in MYSQL_PWD or --mysql-password-file${declined}`,
      ];
    case 1820:
    case 1862:
      return [
        "does not accept the login",
        `Its password has expired. As its administrator, set a new password: ALTER USER ${account} IDENTIFIED BY …`,
      ];
    case 3118:
    case 3955:
    case 4151:
      return ["does not accept the login", `As its administrator: ALTER USER ${account} ACCOUNT UNLOCK`];
    case 1044:
    case 1142:
    case 1143:
    case 1227:
    case 1370:
      return [
        "does not allow what a copy needs",
        `As its administrator: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON \`${database}\`.* TO ${account}; ` +
          "Tessera needs ALTER too",
      ];
    case 1049:
      return ["is not there", `Check --mysql; create it first: CREATE DATABASE \`${database}\``];
    case 1146:
    case 1054:
      return ["has lost a table or a column", "Find out who else changes the tables there"];
    case 3159:
      return ["accepts connections with TLS alone", "Leave --no-mysql-tls out"];
  }
  if (READ_ONLY.includes(errno)) {
    return [
      "can only be read",
      "It is a reader endpoint or a replica: name the writer in --mysql, of Aurora the cluster's endpoint",
    ];
  }
  if (CONTENTION.includes(errno)) return ["keeps rows for another transaction", AGAIN];
  switch (code) {
    case "HANDSHAKE_NO_SSL_SUPPORT":
      return [
        "offers no TLS",
        "Configure it there; only where nobody can listen, as to this machine itself, pass --no-mysql-tls",
      ];
    case "HANDSHAKE_SSL_ERROR":
      return [
        "cannot be trusted",
        "Name it in --mysql as its certificate does, and pass --mysql-ca with the authority's certificate if it is not a public one or AWS's",
      ];
    case "AUTH_SWITCH_PLUGIN_ERROR":
      return [
        "wants another kind of login",
        "Give the user a password, or pass --mysql-iam if it is an IAM user",
      ];
  }
  if (UNREACHABLE.includes(code)) return ["cannot be reached", `Check --mysql and the network. ${AGAIN}`];
  return ["failed", AGAIN];
}
