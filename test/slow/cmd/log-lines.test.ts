/** What a run without a terminal writes on standard error. */

import { expect, test } from "vitest";
import { runCli, servedLog, spawnCli } from "../../support/cli.ts";

const SIZE = 3 * 256 + 7;

/** A log whose server fails twice on each bundle: the first one may be asked for early, and that is not tried again. */
async function reluctantLog(status = 500) {
  const served = await servedLog(SIZE);
  const asked = new Map<string, number>();
  served.server.intercept(
    (path) => path.startsWith("tile/entries/"),
    async (request, response, next) => {
      const times = (asked.get(request.path) ?? 0) + 1;
      asked.set(request.path, times);
      if (times > 2) return await next();
      response.writeHead(status).end();
    },
  );
  return served;
}

const linesOf = (stderr: string): string[] => stderr.split("\n").slice(0, -1);

test("--log-format json makes every line a JSON object with time, level and words, the failure too", async () => {
  const { args, log } = await reluctantLog();
  log.objects.delete("tile/entries/001");
  const { code, stderr, stdout } = await runCli([
    ...args,
    "--log-format",
    "json",
    "--http",
    "0",
    "--verbose",
  ]);
  expect([code, stdout]).toEqual([3, ""]);
  const lines = linesOf(stderr).map((line) => JSON.parse(line));
  for (const { level, time, msg } of lines) {
    expect(["debug", "info", "warn", "error"]).toContain(level);
    expect(new Date(time).toISOString()).toBe(time);
    expect(msg).not.toBe("");
  }
  expect(lines[0]).toMatchObject({ level: "info", msg: expect.stringMatching(/^watch this run at http/) });
  const retried = { object: expect.stringContaining("tile/entries/"), delayMs: expect.any(Number) };
  expect(lines).toContainEqual(
    expect.objectContaining({ level: "debug", retry: expect.objectContaining(retried) }),
  );
  expect(lines.at(-1)).toMatchObject({
    level: "error",
    error: { kind: "verification", object: expect.stringContaining("tile/entries/001") },
  });
});

test("--log-format json has a usage error that follows it in the command line as JSON too", async () => {
  const { stderr } = await runCli(["verify", "--log-format=json", "--no-such"]);
  expect(JSON.parse(stderr)).toMatchObject({ level: "error", msg: expect.stringContaining("--no-such") });
});

test("--verbose shows each request that is tried again, whichever thread sent it, and its reason", async () => {
  const { args, server } = await reluctantLog();
  const { code, stderr } = await runCli([...args, "--verbose"]);
  expect(code).toBe(0);
  const shown = linesOf(stderr).filter((line) => line.includes("DEBUG"));
  expect(new Set(shown.map((line) => /tile\/entries\/\S+(?=:)/.exec(line)?.[0])).size).toBe(4);
  const host = new URL(server.url).host;
  for (const line of shown) {
    expect(line).toMatch(/^\S+Z DEBUG http:\S+: .*500.*; tried again in \d+\.\d s$/);
    expect(line).toContain(host);
  }
  const silent = await runCli(["verify", server.url, ...args.slice(3)]);
  expect(silent.stderr).not.toContain("DEBUG");
});

test("--quiet leaves the warnings, and nothing else that is said on the way", async () => {
  const { args } = await reluctantLog(429);
  const { code, stderr } = await runCli([...args, "--quiet", "--http", "0"]);
  expect(code).toBe(0);
  expect(linesOf(stderr).length).toBeGreaterThan(0);
  for (const line of linesOf(stderr)) expect(line).toMatch(/^\S+Z WARN {2}The source asks for fewer/);
});

/** What a copy shows whose source answers ten bundles, and then only like this; until it matches. */
async function shownUntil(words: RegExp, status: number, headers: Record<string, string>): Promise<string> {
  const { args, server } = await servedLog(20 * 256);
  let bundles = 0;
  server.intercept(
    (path) => path.startsWith("tile/entries/"),
    async (_request, response, next) => {
      if (++bundles <= 10) return await next();
      response.writeHead(status, headers).end();
    },
  );
  const { child } = spawnCli(args);
  let shown = "";
  // How soon it comes is a test of the display, by a clock of its own.
  await new Promise<void>((resolve) => {
    child.stderr.on("data", (chunk) => {
      shown += chunk;
      if (words.test(shown)) resolve();
    });
    child.once("exit", () => resolve());
  });
  return shown;
}

test("a copy that waits as the server asks, or tries again, says so", async () => {
  const waits = /copying, \d.*: the source asks for a pause \(503\), \d\d s left/;
  const tries = /copying, \d.*: .*500.*, trying again/;
  const shown = await Promise.all([
    shownUntil(waits, 503, { "retry-after": "60" }),
    shownUntil(tries, 500, {}),
  ]);
  expect(shown[0]).toMatch(waits);
  expect(shown[1]).toMatch(tries);
});
