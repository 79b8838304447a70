/**
 * `npm run demo`: the main job on a small log, from nothing and without a network. Generates a signed log,
 * serves it on loopback, has the real command copy it and verify the copy, and says what to try next. `npm run
 * demo:queue`: the same by three workers and a queue, for which redis-server must be installed.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeLog } from "../test/logs/generate.ts";
import { startNodeServer } from "./servers/node-server.ts";
import { redisVersion, startRedis } from "./servers/redis.ts";

const ENTRIES = 200_000;
const WORKERS = 3;
const PROGRAM = fileURLToPath(new URL("../cmd/tlog-migrate.ts", import.meta.url));

const options = process.argv.slice(2);
const isDivided = options.length === 1 && options[0] === "--queue";
if (options.length > 0 && !isDivided) {
  const asksForHelp = ["--help", "-h"].includes(options[0] ?? "");
  process.stdout.write(
    "Usage: npm run demo, or npm run demo:queue, which have no options: a small log is generated, copied and verified\n",
  );
  process.exit(asksForHelp ? 0 : 2);
}
if (isDivided) requireRedis();

// What is interrupted ends too, and the directory is removed; whoever reads the output may exit.
let interruption: NodeJS.Signals | undefined;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    interruption = name;
  });
}
process.stdout.on("error", () => {});

function requireRedis(): void {
  try {
    redisVersion();
  } catch {
    process.stderr.write(
      "npm run demo:queue: install Redis first (redis-server, on Debian the package of that name)\n",
    );
    process.exit(1);
  }
}

/** Starts the command as a user would. */
function start(args: readonly string[], stdio: "inherit" | "ignore"): ChildProcess {
  if (interruption !== undefined) throw new Error(`stopped by ${interruption}`);
  say(`$ tlog-migrate ${args.map((arg) => (/[^\w.:/+=-]/.test(arg) ? `'${arg}'` : arg)).join(" ")}`);
  return spawn(process.execPath, [PROGRAM, ...args], { stdio });
}

/** @throws Error if it fails. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  const { exitCode, signalCode } = child;
  if (exitCode === 0 && interruption === undefined) return;
  throw new Error(`tlog-migrate ended with ${exitCode ?? signalCode}`);
}

/** Runs the command on this terminal. @throws Error if it fails. */
async function run(...args: string[]): Promise<void> {
  say("");
  await ended(start(args, "inherit"));
}

/** A copy that a queue divides among workers, which end when it is handed over. */
async function runDivided(source: string, target: string, vkey: string): Promise<void> {
  const queue = await startRedis();
  const workers: ChildProcess[] = [];
  try {
    say(`Redis is at ${queue.url}\n`);
    const log = [source, target, "--vkey", vkey, "--queue", queue.url];
    for (let worker = 0; worker < WORKERS; worker++) workers.push(start(["worker", ...log], "ignore"));
    await run("copy", ...log, "--workers", "0", "--handover");
    await Promise.all(workers.map(ended));
  } finally {
    for (const worker of workers) worker.kill();
    await queue.close();
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const directory = mkdtempSync(join(tmpdir(), "tlog-migrate-demo-"));
try {
  const source = join(directory, "source");
  const target = join(directory, "target");
  say(`Generating a signed log of ${ENTRIES.toLocaleString("en")} entries of 1 KB in ${source}`);
  const log = writeLog(source, { size: ENTRIES, entrySize: 1000, seed: "demo", origin: "log.example/demo" });
  const server = await startNodeServer(source);
  try {
    say(`Serving it at ${server.url}`);
    if (isDivided) await runDivided(server.url, target, log.vkey);
    else {
      const copy = ["copy", server.url, target, "--vkey", log.vkey];
      await run(...copy);
      say(
        "\nNow the writer of the old log would be stopped permanently. Then the same command with --handover hands over:",
      );
      await run(...copy, "--handover");
    }
    await run("verify", target);
  } finally {
    await server.close();
  }
  say("\nThat was the main job. What to try next:");
  say("  - a real log: npm start -- copy https://LOG.EXAMPLE/ ./target --vkey 'ORIGIN+HASH+KEY'");
  say("  - interrupt that copy with Ctrl-C, or kill it, and run the same command again: it goes on");
  say("  - hand the target to your log software, step by step: docs/takeover.md");
  say("  - npm start -- --help");
} finally {
  rmSync(directory, { recursive: true, force: true });
}
