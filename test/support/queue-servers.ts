/** Servers of queues for tests: Debian's Redis and PostgreSQL, on the loopback, with nothing kept. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "vitest";

const STARTED_WITHIN_MS = 30_000;

export interface QueueServer extends AsyncDisposable {
  /** As `--queue` takes it. */
  readonly url: string;
  /** Kills it, and starts another at the same address that knows nothing. */
  restartEmpty(): Promise<void>;
  /** SIGSTOP: it answers nothing until SIGCONT. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
}

const REDIS = programIn("redis-server");
/** Of the newest version that is installed. */
const POSTGRES = globSync("/usr/lib/postgresql/*/bin").toSorted().at(-1);

/** `describe` for a kind of server; skipped where it is not installed, unless it must be. */
export function describeWithQueue(kind: "redis" | "postgres", tests: () => void): void {
  const isThere = kind === "redis" ? REDIS !== undefined : POSTGRES !== undefined;
  const missing = `no server of ${kind} is installed (Debian's packages redis-server and postgresql)`;
  if (!isThere && process.env.TLOG_MIGRATE_REQUIRE_QUEUES === "1") throw new Error(missing);
  if (!isThere) console.warn(`skipped: ${missing}`);
  describe.skipIf(!isThere)(`a queue on ${kind}`, tests);
}

export function startQueueServer(kind: "redis" | "postgres"): Promise<QueueServer> {
  return kind === "redis" ? startRedis() : startPostgres();
}

async function startRedis(): Promise<QueueServer> {
  const port = await freePort();
  const start = async (): Promise<ChildProcess> => {
    const options = ["--bind", "127.0.0.1", "--port", `${port}`, "--save", "", "--appendonly", "no"];
    const child = spawn(REDIS ?? "", options, { stdio: "ignore" });
    await answering(child, port, () => listens(port));
    return child;
  };
  let server = await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    async restartEmpty() {
      await ended(server, "SIGKILL");
      server = await start();
    },
    signal: (name) => void server.kill(name),
    [Symbol.asyncDispose]: () => ended(server, "SIGKILL"),
  };
}

async function startPostgres(): Promise<QueueServer> {
  const port = await freePort();
  const home = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tlog-migrate-pg-"));
  // It refuses to run as root.
  const asOther =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] : [];
  if (asOther.length > 0) spawnSync("chown", ["nobody", home]);
  const data = join(home, "data");
  const isReady = join(POSTGRES ?? "", "pg_isready");
  const start = async (): Promise<ChildProcess> => {
    rmSync(data, { recursive: true, force: true });
    const init = ["-D", data, "-U", "queue", "-A", "trust", "--no-sync", "-E", "UTF8"];
    run([...asOther, join(POSTGRES ?? "", "initdb"), ...init]);
    const options = ["-D", data, "-h", "127.0.0.1", "-p", `${port}`, "-k", home, "-F"];
    const [program = "", ...line] = [...asOther, join(POSTGRES ?? "", "postgres"), ...options];
    const child = spawn(program, line, { stdio: "ignore" });
    // It listens while it still starts, and refuses all until it has.
    await answering(child, port, () => succeeds([isReady, "-q", "-h", "127.0.0.1", "-p", `${port}`]));
    return child;
  };
  let server = await start();
  return {
    url: `postgres://queue@127.0.0.1:${port}/postgres`,
    async restartEmpty() {
      await ended(server, "SIGQUIT");
      server = await start();
    },
    signal: (name) => void server.kill(name),
    async [Symbol.asyncDispose]() {
      await ended(server, "SIGQUIT");
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function run([program = "", ...line]: readonly string[]): void {
  const { status, stderr } = spawnSync(program, line, { encoding: "utf8", cwd: "/" });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}

function programIn(name: string): string | undefined {
  return [...(process.env.PATH ?? "").split(":"), "/usr/bin"]
    .map((path) => join(path, name))
    .find((path) => existsSync(path));
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function answering(child: ChildProcess, port: number, answers: () => boolean | Promise<boolean>) {
  for (const deadline = Date.now() + STARTED_WITHIN_MS; !(await answers()); await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if (Date.now() > deadline) throw new Error(`no server answers at port ${port}`);
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const isOpen = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return isOpen;
}

function succeeds([program = "", ...line]: readonly string[]): boolean {
  return spawnSync(program, line, { stdio: "ignore" }).status === 0;
}
