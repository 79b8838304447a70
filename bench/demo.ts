/**
 * `npm run demo`: the main job on a small log, from nothing and without a network. Generates a signed log,
 * serves it on loopback, has the real command copy it and verify the copy, and says what to try next.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeLog } from "../test/logs/generate.ts";
import { startNodeServer } from "./servers/node-server.ts";

const ENTRIES = 200_000;
const PROGRAM = fileURLToPath(new URL("../cmd/tlog-migrate.ts", import.meta.url));

if (process.argv.length > 2) {
  const asksForHelp = ["--help", "-h"].includes(process.argv[2] ?? "");
  process.stdout.write(
    "Usage: npm run demo, which has no options: a small log is generated, copied and verified\n",
  );
  process.exit(asksForHelp ? 0 : 2);
}

// What is interrupted ends too, and the directory is removed; whoever reads the output may exit.
let interruption: NodeJS.Signals | undefined;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    interruption = name;
  });
}
process.stdout.on("error", () => {});

/** Runs the command as a user would, on this terminal. @throws Error if it fails. */
async function run(...args: string[]): Promise<void> {
  say(`\n$ tlog-migrate ${args.map((arg) => (/[^\w.:/+=-]/.test(arg) ? `'${arg}'` : arg)).join(" ")}`);
  if (interruption !== undefined) throw new Error(`stopped by ${interruption}`);
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: "inherit" });
  const [code, signal] = await once(child, "exit");
  if (code !== 0 || interruption !== undefined) throw new Error(`tlog-migrate ended with ${code ?? signal}`);
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
    const copy = ["copy", server.url, target, "--vkey", log.vkey];
    await run(...copy);
    say(
      "\nNow the writer of the old log would be stopped permanently. Then the same command with --handover hands over:",
    );
    await run(...copy, "--handover");
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
