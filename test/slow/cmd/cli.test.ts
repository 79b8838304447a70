import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { HAND_OVER, PROGRAM, runCli, servedLog } from "../../support/cli.ts";
import { runHere } from "../../support/cli-here.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { listEntry } from "../../support/logs/log-list.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";

const SIZE = 3 * 256 + 7;

/** A Static CT log, and how to copy it with a log.v3.json that has the key of `listed`. */
async function listedLog(listed?: TestLog) {
  const log = testLog({ size: 300, format: "static-ct" });
  const server = await startLogServer(log.objects);
  const directory = temporaryDirectory();
  const [target, list] = [join(directory, "ct"), join(directory, "log.v3.json")];
  const { publicKey = "" } = listed ?? log;
  writeFileSync(list, JSON.stringify(listEntry(publicKey, { submission_url: `https://${log.origin}/` })));
  const trust = ["--format", "static-ct", "--log-list", list];
  return { target, args: ["copy", server.url, target, ...trust, "--quiet"] };
}

describe("tlog-migrate copy", () => {
  test("hands the log over, and says so on standard output", async () => {
    const { log, target, args } = await servedLog(SIZE);
    const { code, stdout } = await runCli([...args, ...HAND_OVER]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^The log is handed over/);
    expect(stdout).toContain(log.origin);
    expect(stdout).toContain(`copied    ${SIZE} entries`);
    expect(stdout).toContain(Buffer.from(log.rootHash).toString("base64"));
    expect(stdout).toContain(`tlog-migrate verify ${target}\n`);
    expect(stdout).not.toContain("\u001b");
    expect(readFileSync(join(target, ".state/treeState"), "utf8")).toContain(`${SIZE}`);
  });

  test("prints one JSON document with --json, also when nothing was to do", async () => {
    const { log, target, args } = await servedLog(SIZE);
    for (const [outcome, entries] of [
      ["handed-over", SIZE],
      ["already-handed-over", 0],
    ] as const) {
      const { code, stdout } = await runCli([...args, ...HAND_OVER, "--json"]);
      expect(code).toBe(0);
      expect(stdout.endsWith("}\n")).toBe(true);
      expect(JSON.parse(stdout)).toMatchObject({
        outcome,
        origin: log.origin,
        size: SIZE,
        rootHash: Buffer.from(log.rootHash).toString("base64"),
        entries,
        bytes: expect.any(Number),
        seconds: expect.any(Number),
        entriesPerSecond: expect.any(Number),
        requests: expect.any(Number),
        retries: 0,
        resumedEntries: 0,
        target,
      });
    }
  });

  test("says nothing on standard error with --quiet", async () => {
    const { server, args } = await servedLog(SIZE);
    server.latencyMs = 400;
    const { code, stderr } = await runCli([...args, "--quiet", "--http", ":0"]);
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("tells its progress to a pipe in plain lines", async () => {
    const { server, args } = await servedLog(SIZE);
    // Every request waits: the phases in which requests are made last beyond a second.
    server.latencyMs = 1500;
    const { code, stderr } = await runCli(args, { env: { TERM: "xterm-256color" } });
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]{12}Z INFO {2}copying [\d,]+ of 775 entries \(\d+\.\d %\), (\d+ entries\/s, )?0 retries/m,
    );
    expect(stderr).toMatch(/^(\d{4}\S+Z INFO {2}[^\r\n]+\n)+$/);
    expect(stderr).not.toContain("\u001b");
  });

  test("stops before the handover, and tells the command that hands over, without what is secret in it", async () => {
    const { target, args } = await servedLog(SIZE);
    const secrets = ["--header", "X-Key: secret one", "--header=X-Other: secret two"];
    const headers = join(temporaryDirectory(), "headers");
    writeFileSync(headers, "X-Third: secret three", { mode: 0o600 });
    secrets.push("--header", `@${headers}`);
    const stopped = await runHere([...args, ...secrets, "--contact", "o'neill@your.site"]);
    expect(stopped).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Copied and checked; not handed over/),
    });
    expect(stopped.stdout).not.toContain("secret");
    expect(readFileSync(join(target, ".state/version"), "utf8")).toMatch(/^migration-in-progress /);
    const command = /^ +(tlog-migrate copy --handover .*)$/m.exec(stopped.stdout)?.[1];
    expect(command).toContain(`--header @${headers}`);
    expect(command).toContain("--contact 'o'\\''neill@your.site'");
    const { code, stdout } = await runHere([...args, ...HAND_OVER]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^The log is handed over/) });
    expect(stdout).toMatch(/resumed {3}\d+ entries were in place/);
  });

  test("hands nothing over before the checkpoint has stayed the same for the settle time", async () => {
    const { args, server } = await servedLog(SIZE);
    const readAt: number[] = [];
    server.intercept("checkpoint", async (_request, _response, next) => {
      readAt.push(performance.now());
      await next();
    });
    const { code } = await runHere([...args, "--handover", "--settle", "1", "--quiet"]);
    expect(code).toBe(0);
    expect((readAt.at(-1) ?? 0) - (readAt[0] ?? 0)).toBeGreaterThanOrEqual(1_000);
    const { stdout } = await runHere(["copy", "--help"]);
    expect(stdout).toMatch(/--settle <seconds>[^-]*\(default:\s+5\)/);
  });

  test("makes a mirror with --save-checkpoint", async () => {
    const { log, target, args } = await servedLog(SIZE);
    const { code, stdout } = await runHere([...args, "--save-checkpoint", "--snapshot", "--handover"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Do not start a writer here");
    expect(readFileSync(join(target, "checkpoint"))).toEqual(log.object("checkpoint"));
  });

  test("copies a Static CT log by its public key", async () => {
    const log = testLog({ size: 300, format: "static-ct" });
    const server = await startLogServer(log.objects);
    const target = join(temporaryDirectory(), "ct");
    const trust = ["--public-key", log.publicKey ?? "", "--origin", `https://${log.origin}/`];
    const { code, stdout } = await runHere([
      "copy",
      server.url,
      target,
      "--format",
      "static-ct",
      ...trust,
      ...HAND_OVER,
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("antispam");
  });

  test("copies a Static CT log by the key in its log.v3.json", async () => {
    const { args } = await listedLog();
    const { code, stdout, stderr } = await runHere([...args, ...HAND_OVER]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^The log is handed over/);
  });

  test("copies nothing of a log whose key is another one in the log list", async () => {
    const { args, target } = await listedLog(testLog({ size: 1, format: "static-ct", seed: "another" }));
    const { code, stdout, stderr } = await runCli(args);
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(/^tlog-migrate: [^\n]*is not signed by any key that was given[^\n]*\n$/);
    expect(existsSync(target)).toBe(false);
  });

  test("names itself and a contact to the source", async () => {
    const { server, args } = await servedLog(SIZE);
    await runHere([...args, "--contact", "ops@your.site"]);
    expect(server.requests[0]?.headers["user-agent"]).toMatch(
      /^tlog-migrate\/\d+\.\d+\.\d+ \(\+ops@your\.site\)$/,
    );
  });

  test("leaves what it wrote readable for the log software's user, whatever the umask", async () => {
    const { target, args } = await servedLog(SIZE);
    const command = `umask 077 && exec "$0" "$@"`;
    const child = spawn("sh", ["-c", command, process.execPath, PROGRAM, ...args], { stdio: "ignore" });
    expect(await once(child, "exit")).toEqual([0, null]);
    const paths = readdirSync(target, { recursive: true, encoding: "utf8" });
    expect(paths).toEqual(expect.arrayContaining(["tile/0/000", ".state"]));
    for (const path of ["", ...paths]) {
      const stat = statSync(join(target, path));
      expect([path, stat.mode & 0o777]).toEqual([path, stat.isDirectory() ? 0o755 : 0o644]);
    }
  });
});

describe("tlog-migrate verify", () => {
  test("finds a migrated directory sound without a key", async () => {
    const { target, args } = await servedLog(SIZE);
    await runHere([...args, ...HAND_OVER]);
    const { code, stdout } = await runHere(["verify", target]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^The log is sound/);
  });

  test("reports what is bad, in words or as JSON, and exits with 3", async () => {
    const { log, server } = await servedLog(SIZE);
    log.objects.delete("tile/entries/001");
    const args = ["verify", server.url, "--vkey", log.vkey];
    const [{ code, stdout, stderr }, asJson] = await Promise.all([runCli(args), runCli([...args, "--json"])]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^The log is not what its checkpoint commits to/);
    expect(stdout).toContain("- tile/entries/001: is missing");
    expect(stderr).toMatch(/^tlog-migrate: \S+: 1 object of the log is bad.* tile\/entries\/001[^\n]*\n$/m);
    expect(stderr).not.toContain("the first of them");
    expect(asJson.code).toBe(3);
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      origin: log.origin,
      authority: "checkpoint",
      faults: 1,
      findings: [{ path: "tile/entries/001" }],
    });
  });

  test("asks for a key where there is a checkpoint", async () => {
    const { server } = await servedLog(SIZE);
    const { code, stdout, stderr } = await runHere(["verify", server.url]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^tlog-migrate: [^\n]*--vkey[^\n]*\n$/);
  });
});

describe("the program", () => {
  test("tells its version and its exit codes", async () => {
    const manifest = JSON.parse(readFileSync(join(PROGRAM, "../../package.json"), "utf8"));
    for (const option of ["--version", "-V"]) {
      const { code, stdout, stderr } = await runCli([option]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^\S+ \(hasher: (native|javascript)\)\n$/);
      expect(stdout.split(" ")[0]).toBe(manifest.version);
    }
    const help = await runHere(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toMatch(/Exit codes:\n +0 +done\n/);
    expect((await runHere(["help", "copy"])).code).toBe(0);
  });

  test("goes on to the end when nobody reads what it prints", async () => {
    const { target, args } = await servedLog(SIZE);
    for (const work of [[...args, ...HAND_OVER], ["verify", target], ["--help"]]) {
      const child = spawn(process.execPath, [PROGRAM, ...work], { stdio: ["ignore", "pipe", "pipe"] });
      child.stdout.destroy();
      const [[code], stderr] = await Promise.all([once(child, "exit"), text(child.stderr)]);
      expect(code).toBe(0);
      expect(stderr).not.toMatch(/EPIPE|Error| at /);
    }
  });

  test("tells that a result could not be written", async () => {
    const { args } = await servedLog(SIZE);
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [PROGRAM, ...args, "--json"], { stdio: ["ignore", full, "pipe"] });
    closeSync(full);
    const [[code], stderr] = await Promise.all([
      once(child, "exit"),
      text(child.stderr as NodeJS.ReadableStream),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tlog-migrate: standard output: could not be written \(no space left on device\)$/m,
    );
  });
});
