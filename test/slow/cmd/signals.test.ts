import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { HAND_OVER, type RunningCli, runCli, servedLog, spawnCli } from "../../support/cli.ts";
import { hangingFiles } from "../../support/hanging-files.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";
import { hasTerminals, startOnTerminal } from "../../support/terminal.ts";

const SIZE = 20 * 256;

/**
 * A log whose server leaves bundles without a body after the first few, until `goOn` is called. It does answer: new
 * connections that are not answered are reported, as soon as the program has waited for long enough.
 */
async function stuckLog() {
  const served = await servedLog(SIZE);
  let bundles = 0;
  const goOn = served.server.intercept(
    (path) => path.startsWith("tile/entries/"),
    (_request, response, next) => (++bundles > 8 ? response.flushHeaders() : next()),
  );
  return { ...served, goOn };
}

/** Resolves once a process has printed a text on its standard error. */
function prints({ stderr }: RunningCli["child"], text: string): Promise<void> {
  return new Promise((printed) => {
    stderr.on("data", (chunk: Buffer) => chunk.includes(text) && printed());
  });
}

describe("a signal", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "%s stops a copy in one line, with exit code %i, and the same command finishes it",
    async (name, exitCode) => {
      const { target, goOn, args } = await stuckLog();
      const stopped = await runCli(args, { signal: { name, after: /copying/ } });
      expect([stopped.code, stopped.stdout]).toEqual([exitCode, ""]);
      const said = stopped.stderr.split("\n").filter((line) => !line.includes("copying"));
      expect(said).toEqual([
        expect.stringMatching(/^\S+Z WARN {2}stopping.*same command continues/),
        expect.stringMatching(/^\S+Z WARN {2}[\d,]+ of 5,120 entries are in place$/),
        "",
      ]);
      goOn();
      const { code, stdout } = await runCli([...args, ...HAND_OVER, "--json"]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ outcome: "handed-over", size: SIZE, replacedObjects: 0 });
      expect((await runCli(["verify", target])).code).toBe(0);
    },
  );

  test("stops a verification, which a second run starts over", async () => {
    const { log, server } = await stuckLog();
    const args = ["verify", server.url, "--vkey", log.vkey];
    const { code, stderr } = await runCli(args, { signal: { name: "SIGINT", after: /verifying/ } });
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopping.*starts over\n$/);
  });

  test("that is the second ends the process at once", async () => {
    const { args } = await stuckLog();
    const metrics = join(temporaryDirectory(), "run.prom");
    const { child, result } = spawnCli([...args, "--metrics-file", metrics]);
    await prints(child, "copying");
    // Both are waiting when it goes on, so that the first cannot have been acted on before the second.
    child.kill("SIGSTOP");
    child.kill("SIGINT");
    child.kill("SIGTERM");
    child.kill("SIGCONT");
    const { code, stderr } = await result;
    expect([130, 143]).toContain(code);
    expect(stderr.match(/stopping/g)).toHaveLength(1);
    // Who is stopped in good order writes how it ended.
    expect(readFileSync(metrics, "utf8")).not.toContain("exit_code");
  });
});

describe.skipIf(!hasTerminals)("a terminal is left as it was", () => {
  /** A copy that shows how far it is. */
  async function copyOnTerminal() {
    const { args } = await stuckLog();
    const terminal = await startOnTerminal(args);
    await terminal.sees(/copying/);
    expect(terminal.isAsItWas()).toBe(false);
    return terminal;
  }

  test.each<
    [string, number, (terminal: { type(keys: string): void; send(name: NodeJS.Signals): void }) => void]
  >([
    ["Ctrl-C", 130, ({ type }) => type("\x03")],
    ["Ctrl-\\", 131, ({ type }) => type("\x1c")],
    ["SIGTERM", 143, ({ send }) => send("SIGTERM")],
    ["SIGHUP", 129, ({ send }) => send("SIGHUP")],
  ])("by %s, which ends a copy with exit code %i", async (name, code, interrupt) => {
    const terminal = await copyOnTerminal();
    interrupt(terminal);
    expect(await terminal.ended).toBe(code);
    expect(terminal.isAsItWas()).toBe(true);
    expect(terminal.text().includes("same command continues")).toBe(name !== "Ctrl-\\");
  });

  test("by Ctrl-Z, which stops a copy until it goes on and shows it again", async () => {
    const terminal = await copyOnTerminal();
    for (let times = 0; times < 2; times++) {
      const before = terminal.timesRestored();
      terminal.type("\x1a");
      await terminal.isStopped();
      // What relays the terminal is stopped too, perhaps only after the first try: what was shown before is read now.
      const isShownAgain = () => {
        terminal.goOn();
        return terminal.timesRestored() > before && !terminal.isAsItWas();
      };
      await vi.waitUntil(isShownAgain, { timeout: 10_000, interval: 100 });
    }
    terminal.send("SIGTERM");
    expect(await terminal.ended).toBe(143);
    expect(terminal.isAsItWas()).toBe(true);
  });
});

test("SIGHUP does not end a copy that has no terminal, as nohup wants it", async () => {
  const { args } = await stuckLog();
  const { child, result } = spawnCli(args);
  await prints(child, "copying");
  // The first that ends a process is the one that it ends by.
  child.kill("SIGHUP");
  child.kill("SIGTERM");
  expect((await result).code).toBe(143);
});

test("SIGTERM ends what waits for an option's file, which may be a pipe", async () => {
  const fifo = join(temporaryDirectory(), "list");
  execFileSync("mkfifo", [fifo]);
  for (const args of [
    ["--format", "static-ct", "--log-list", fifo],
    ["--vkey", "any", "--ca", fifo],
  ]) {
    const command = ["copy", "https://127.0.0.1:1/", "/nowhere", ...args];
    const { code } = await runCli(command, { signal: { name: "SIGTERM", after: 1_000 }, timeoutMs: 9_000 });
    expect(code).toBe(143);
  }
});

describe("a file operation that hangs", () => {
  test("in the thread pool does not hold up the end after a signal", async () => {
    const { args } = await stuckLog();
    const env = hangingFiles("fs.open(fifo, () => {});");
    const options = { env, signal: { name: "SIGTERM", after: /copying/ }, timeoutMs: 9_000 } as const;
    expect((await runCli(args, options)).code).toBe(143);
  });

  test("after a signal does not hold up the next one", async () => {
    const { args } = await stuckLog();
    // The lock is removed at the end.
    const env = hangingFiles(`
      const { rmSync } = fs;
      fs.rmSync = (path, options) => {
        if (!String(path).endsWith(".lock")) return rmSync(path, options);
        fs.writeSync(2, "hanging");
        fs.openSync(fifo);
      };`);
    const { child, result } = spawnCli(args, { env, timeoutMs: 9_000 });
    const hangs = prints(child, "hanging");
    await prints(child, "copying");
    child.kill("SIGTERM");
    await hangs;
    child.kill("SIGINT");
    expect((await result).code).toBe(130);
  });
});
