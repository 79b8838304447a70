/** A Spanner database, through Google's client library, which is loaded when it is first used: it takes half a second. */

import type { Database, Spanner } from "@google-cloud/spanner";
import { OperationError, UsageError } from "../../lib/errors.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { oneLine } from "../../lib/tlog/errors.ts";
import type { Schema } from "../bucket/table-schema.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { authorizationHeaders, googleAuth } from "../shared/google-credentials.ts";
import { once } from "../shared/memoize.ts";
import { withinTime } from "../shared/within-time.ts";

const RESOURCE = /^projects\/([a-z0-9.:-]+)\/instances\/([a-z0-9-]+)\/databases\/([a-z0-9_-]+)$/;

const SCOPE = "https://www.googleapis.com/auth/spanner.data";

/** Longest wait for an answer: the library asks a database that is out of reach again and again. */
const TIMEOUT_MS = 20_000;

/** Longest wait for a change of the schema, which takes minutes where a database is busy. */
const SCHEMA_TIMEOUT_MS = 900_000;

/** A status code of gRPC. */
const TIMED_OUT = 4;

const UNREACHABLE = ["cannot be reached", "Check the network, then run the same command again"] as const;
const LASTING = [
  "failed",
  "It would fail again: check the database, and that its tables are those of the log software",
] as const;
const FAILED = ["failed", "Run the same command again: it continues where it stopped"] as const;

/** What is wrong with a database, and what to do about it, by status codes of gRPC. */
const FAILURES: Readonly<Record<number, readonly [problem: string, advice: string]>> = {
  3: LASTING,
  [TIMED_OUT]: UNREACHABLE,
  5: ["does not exist", "Check --spanner; create the instance and the database first"],
  7: [
    "may not be used with these credentials",
    "Grant their account the role roles/spanner.databaseUser on the database; the log software needs it too",
  ],
  9: LASTING,
  12: LASTING,
  14: UNREACHABLE,
  16: [
    "does not accept these credentials",
    "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
  ],
};

/** Without the tables of the system's own schemas. */
const COLUMNS = "SELECT TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ''";

export class SpannerDatabase {
  readonly name: string;
  /** Of its project, its instance and itself. */
  readonly #ids: readonly string[];
  readonly #signal: AbortSignal | undefined;
  #client: Spanner | undefined;

  /** @param signal ends the wait for an answer, not what was asked. @throws UsageError if it names no database. */
  constructor(name: string, signal?: AbortSignal) {
    const [, ...ids] = RESOURCE.exec(name) ?? [];
    if (ids.length === 0) {
      const expected = "projects/PROJECT/instances/INSTANCE/databases/DATABASE";
      throw new UsageError({
        object: "--spanner",
        problem: "does not name a database",
        expected,
        found: name,
      });
    }
    this.name = name;
    this.#ids = ids;
    this.#signal = signal;
  }

  /** A failure of the library's is reported in our words. */
  async use<T>(work: (database: Database) => Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
    try {
      const done = withinTime(this.#open().then(work), timeoutMs, () => timedOut(timeoutMs));
      return await untilAborted(done, this.#signal);
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw this.#failure(error);
    }
  }

  /** Its tables with their columns. */
  async schema(): Promise<Schema> {
    const [rows] = await this.use((database) => database.run({ sql: COLUMNS, json: true }));
    const schema = new Map<string, Set<string>>();
    for (const row of rows as unknown as Record<"TABLE_NAME" | "COLUMN_NAME", string>[]) {
      const table = row.TABLE_NAME.toLowerCase();
      schema.set(table, (schema.get(table) ?? new Set()).add(row.COLUMN_NAME.toLowerCase()));
    }
    return schema;
  }

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
    const [projectId = "", instance = "", database = ""] = this.#ids;
    try {
      this.#client = new Spanner({ projectId, disableBuiltInMetrics: true });
      return this.#client.instance(instance).database(database);
    } catch (error) {
      if ((process.env.SPANNER_EMULATOR_HOST ?? "") === "") throw error;
      // The library's message has a part of the value.
      throw new UsageError({
        object: "SPANNER_EMULATOR_HOST",
        problem: "is not the address of an emulator",
        expected: "HOST:PORT",
        advice: "Unset it to use Spanner itself",
      });
    }
  });

  #failure(error: unknown): unknown {
    if (error instanceof SourceError) {
      const { message: problem, advice } = error;
      return new OperationError({ object: this.name, problem, advice }, { cause: error });
    }
    const code = codeOf(error);
    if (code === undefined || !(error instanceof Error)) return error;
    const [what, advice] = FAILURES[code] ?? FAILED;
    const said = oneLine(error.message).replace(/^\d+ [A-Z_]+: /, "");
    const problem = `${what}: ${said.slice(0, 300)}`;
    return new OperationError({ object: this.name, problem, advice }, { cause: error });
  }
}

function codeOf(error: unknown): number | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "number" ? code : undefined;
}

function timedOut(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: TIMED_OUT });
}
