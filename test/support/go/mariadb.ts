/**
 * A MySQL of its own for a test: Debian's MariaDB, behind a proxy on the loopback that can keep a statement back, or its
 * answer, and break a connection off.
 */

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import { LOCALHOST, type TestCertificate } from "../http/test-certificates.ts";
import { freePort, type GuardedProcess, startQuietly } from "./guarded.ts";

const STARTED_WITHIN_MS = 60_000;

const USER = "tessera";
const PASSWORD = "hunter2";

/** Statements to interfere with, and how. */
export interface SqlFault {
  /** Part of the statement; COMMIT is one too. */
  readonly contains: string;
  /** Part of an earlier statement over the same connection. */
  readonly behind?: string;
  /** How many are interfered with; all unless told. */
  readonly times?: number;
  /** Lets the statement through, and interferes with its answer. */
  readonly after?: boolean;
  /** The connection ends; otherwise nothing comes until the interference is undone. */
  readonly cut?: boolean;
}

export interface TestDatabase {
  readonly name: string;
  /** As `--mysql` takes it. */
  readonly address: string;
  /** As Tessera takes it, past the proxy. */
  readonly dsn: string;
  /** As the server's administrator, past the proxy. */
  query(sql: string, values?: unknown[]): Promise<RowDataPacket[]>;
}

/** Where the programs are, undefined where they are not installed. */
export function mariaDbProgram(name: "mariadbd" | "mariadb-install-db"): string | undefined {
  const paths = [...(process.env.PATH ?? "").split(":"), "/usr/sbin"].map((path) => join(path, name));
  return paths.find((path) => existsSync(path));
}

export class MariaDb implements AsyncDisposable {
  /** What a process gets to log in. */
  readonly env = { MYSQL_PWD: PASSWORD };
  readonly #home: string;
  readonly #server: GuardedProcess;
  readonly #port: number;
  readonly #proxy: Server;
  readonly #sockets = new Set<Socket>();
  #faults: (SqlFault & { hits: number })[] = [];
  #changed = Promise.withResolvers<void>();
  #named = 0;

  private constructor(home: string, server: GuardedProcess, port: number, proxy: Server) {
    this.#home = home;
    this.#server = server;
    this.#port = port;
    this.#proxy = proxy;
    proxy.on("connection", (socket) => this.#pass(socket));
  }

  /** @param certificate for TLS; null: there is none. */
  static async start(certificate: TestCertificate | null = LOCALHOST): Promise<MariaDb> {
    const home = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tlog-migrate-sql-"));
    const data = join(home, "data");
    // Each server that starts removes what it takes for leftovers there.
    const temporary = `--tmpdir=${join(home, "tmp")}`;
    mkdirSync(join(home, "tmp"));
    const asRoot = process.getuid?.() === 0 ? ["--user=root"] : [];
    const { status, stderr } = spawnSync(
      mariaDbProgram("mariadb-install-db") ?? "",
      [
        ...["--no-defaults", ...asRoot, `--datadir=${data}`, temporary, "--skip-test-db"],
        ...["--auth-root-authentication-method=normal", "--innodb-log-file-size=16M"],
      ],
      { encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`mariadb-install-db: ${stderr}`);
    for (const [name, pem] of Object.entries(certificate ?? {})) writeFileSync(join(home, name), pem);
    const tls = [`--ssl-cert=${join(home, "cert")}`, `--ssl-key=${join(home, "key")}`];
    const port = await freePort();
    const child = await startQuietly(
      [
        mariaDbProgram("mariadbd") ?? "",
        ...["--no-defaults", ...asRoot, `--datadir=${data}`, `--socket=${join(home, "socket")}`],
        ...[
          temporary,
          "--bind-address=127.0.0.1",
          `--port=${port}`,
          "--skip-log-bin",
          "--performance-schema=OFF",
        ],
        ...["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=16M", "--aria-pagecache-buffer-size=1M"],
        // Nothing of a test outlives it.
        ...["--innodb-flush-log-at-trx-commit=0", "--max-connections=1500", "--max-allowed-packet=64M"],
        ...(certificate === null ? ["--skip-ssl"] : tls),
      ],
      { remove: home },
    );
    const proxy = createServer().listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const server = new MariaDb(home, child, port, proxy);
    await server.#becomeReady();
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.interfere();
    for (const socket of this.#sockets) socket.destroy();
    this.#proxy.close();
    await this.#server.close();
  }

  /** A new database, for a user with all rights in it. */
  async newDatabase(): Promise<TestDatabase> {
    const name = `log-${++this.#named}`;
    await this.query(undefined, `CREATE DATABASE \`${name}\``);
    return this.databaseNamed(name);
  }

  databaseNamed(name: string, user = USER): TestDatabase {
    return {
      name,
      address: `mysql://${user}@127.0.0.1:${this.proxyPort}/${name}`,
      dsn: `${user}:${PASSWORD}@tcp(127.0.0.1:${this.#port})/${name}`,
      query: (sql, values) => this.query(name, sql, values),
    };
  }

  get pid(): number {
    return this.#server.pid;
  }

  get proxyPort(): number {
    const address = this.#proxy.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** As the server's administrator, past the proxy. */
  async query(database: string | undefined, sql: string, values: unknown[] = []): Promise<RowDataPacket[]> {
    const socketPath = join(this.#home, "socket");
    const connection = await createConnection({ user: "root", socketPath, ...(database && { database }) });
    try {
      const [rows] = await connection.query<RowDataPacket[]>(sql, values);
      return rows;
    } finally {
      connection.destroy();
    }
  }

  /** Interferes with statements as these rules say, and no others, until the next call; with none, no more. */
  interfere(...faults: readonly SqlFault[]): void {
    this.#faults = faults.map((fault) => ({ ...fault, hits: 0 }));
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** How many statements each of the present rules has interfered with. */
  interferences(): number[] {
    return this.#faults.map(({ hits }) => hits);
  }

  #pass(client: Socket): void {
    const server = connect(this.#port, "127.0.0.1");
    let said = "";
    let mute: SqlFault | undefined;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on("data", async (bytes) => {
      const text = bytes.toString("latin1");
      const fault = this.#meet(text, said);
      said += text;
      if (fault?.after) mute = fault;
      else if (fault?.cut) return client.destroy();
      else if (fault !== undefined) await this.#changed.promise;
      server.write(bytes);
    });
    server.on("data", async (bytes) => {
      if (mute?.cut) return client.destroy();
      if (mute !== undefined) await this.#changed.promise;
      client.write(bytes);
    });
  }

  #meet(text: string, earlier: string): SqlFault | undefined {
    const fault = this.#faults.find(
      ({ contains, behind = "", times = Number.POSITIVE_INFINITY, hits }) =>
        text.includes(contains) && earlier.includes(behind) && hits < times,
    );
    if (fault !== undefined) fault.hits++;
    return fault;
  }

  async #becomeReady(): Promise<void> {
    for (const deadline = Date.now() + STARTED_WITHIN_MS; Date.now() < deadline; await sleep(20)) {
      const isUp = await this.query(undefined, "SELECT 1").then(
        () => true,
        () => false,
      );
      if (isUp) {
        await this.query(undefined, `CREATE USER '${USER}'@'%' IDENTIFIED BY '${PASSWORD}'`);
        await this.query(undefined, `GRANT ALL ON *.* TO '${USER}'@'%'`);
        return;
      }
      if (this.#server.isOver) break;
    }
    await this[Symbol.asyncDispose]();
    throw new Error("mariadbd did not start");
  }
}
