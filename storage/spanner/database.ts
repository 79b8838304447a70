/** A Spanner database, through Google's client library, which is loaded when it is first used: it takes half a second. */

import type { Database, Spanner } from "@google-cloud/spanner";
import { OperationError, UsageError } from "../../lib/errors.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { oneLine } from "../../lib/tlog/errors.ts";
import { AbortWatch } from "../shared/abort-watch.ts";
import { authorizationHeaders, googleAuth } from "../shared/google-credentials.ts";
import { once } from "../shared/memoize.ts";
import { withinTime } from "../shared/within-time.ts";
import type { Schema } from "./schema.ts";

const RESOURCE = /^projects\/([a-z0-9.:-]+)\/instances\/([a-z0-9-]+)\/databases\/([a-z0-9_-]+)$/;

interface ColumnRow {
  readonly TABLE_NAME: string;
  readonly COLUMN_NAME: string;
}

const SCOPE = "https://www.googleapis.com/auth/spanner.data";

/** Longest wait for an answer: a database that is out of reach is asked again and again by the library. */
const TIMEOUT_MS = 20_000;

/** Longest wait for a change of the schema, which takes minutes where a database is busy. */
const SCHEMA_TIMEOUT_MS = 900_000;

/** Status codes of gRPC that an operator meets. */
const CODES = { timedOut: 4, notFound: 5, permissionDenied: 7, unavailable: 14, unauthenticated: 16 };

/** Every table of the database that is not the system's; the tables of views do no harm. */
const COLUMNS = "SELECT TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ''";

export class SpannerDatabase {
  /** `projects/P/instances/I/databases/D` */
  readonly name: string;
  readonly #project: string;
  readonly #instance: string;
  readonly #database: string;
  readonly #signal: AbortSignal | undefined;
  readonly #aborts = new AbortWatch();
  #client: Spanner | undefined;

  /**
   * @param signal ends the wait for an answer; what was asked may be done all the same.
   * @throws UsageError if the name is not that of a database.
   */
  constructor(name: string, signal?: AbortSignal) {
    const [, project, instance, database] = RESOURCE.exec(name) ?? [];
    if (project === undefined || instance === undefined || database === undefined) {
      throw new UsageError({
        object: "--spanner",
        problem: "does not name a database",
        expected: "projects/PROJECT/instances/INSTANCE/databases/DATABASE",
        found: name,
      });
    }
    this.name = name;
    this.#project = project;
    this.#instance = instance;
    this.#database = database;
    this.#signal = signal;
  }

  /** Does work with the database; a failure of the library's is reported in our words. */
  async use<T>(work: (database: Database) => Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
    try {
      const done = withinTime(this.#open().then(work), timeoutMs, () => timedOut(timeoutMs));
      return await this.#aborts.until(done, this.#signal);
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw this.#failure(error);
    }
  }

  /** Its tables with their columns. */
  async schema(): Promise<Schema> {
    const [rows] = await this.use((database) => database.run({ sql: COLUMNS, json: true }));
    const schema = new Map<string, Set<string>>();
    for (const { TABLE_NAME, COLUMN_NAME } of rows as unknown as readonly ColumnRow[]) {
      const [table, column] = [TABLE_NAME.toLowerCase(), COLUMN_NAME.toLowerCase()];
      schema.set(table, (schema.get(table) ?? new Set()).add(column));
    }
    return schema;
  }

  /** Changes its schema. */
  async changeSchema(statements: string[]): Promise<void> {
    await this.use(async (database) => {
      const [operation] = await database.updateSchema(statements);
      await operation.promise();
    }, SCHEMA_TIMEOUT_MS);
  }

  async close(): Promise<void> {
    this.#client?.close();
  }

  #open = once(async () => {
    // The library writes a stack trace on the standard error where it finds none.
    if ((process.env.SPANNER_EMULATOR_HOST ?? "") === "") await authorizationHeaders(await googleAuth(SCOPE));
    const { Spanner } = await import("@google-cloud/spanner");
    this.#client = new Spanner({ projectId: this.#project, disableBuiltInMetrics: true });
    return this.#client.instance(this.#instance).database(this.#database);
  });

  #failure(error: unknown): unknown {
    if (error instanceof SourceError) {
      const { message: problem, advice } = error;
      return new OperationError({ object: this.name, problem, advice }, { cause: error });
    }
    const code = codeOf(error);
    if (code === undefined || !(error instanceof Error)) return error;
    const said = oneLine(error.message).replace(/^\d+ [A-Z_]+: /, "");
    const problem = (what: string) => `${what}: ${said.slice(0, 300)}`;
    const failure = (what: string, advice: string) =>
      new OperationError({ object: this.name, problem: problem(what), advice }, { cause: error });
    switch (code) {
      case CODES.notFound:
        return failure("is not there", "Check --spanner; create the instance and the database first");
      case CODES.permissionDenied:
        return failure(
          "may not be used with these credentials",
          "Give their account the role roles/spanner.databaseUser on the database, as the log software needs it too",
        );
      case CODES.unauthenticated:
        return failure(
          "does not accept these credentials",
          "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
        );
      case CODES.unavailable:
      case CODES.timedOut:
        return failure("cannot be reached", "Check the network, then run the same command again");
      default:
        return failure("failed", "Run the same command again, it goes on where it stopped");
    }
  }
}

function codeOf(error: unknown): number | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "number" ? code : undefined;
}

function timedOut(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: CODES.timedOut });
}
