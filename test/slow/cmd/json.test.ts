/** `--json`: one document on standard output, however a run ends. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CliOptions, type CliResult, runCli, servedLog } from "../../support/cli.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";

const SIZE = 256 + 7;

/** A directory that holds somebody else's log. */
function occupied(): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "tile/0"), { recursive: true });
  writeFileSync(join(directory, "checkpoint"), testLog({ size: 1, seed: "another" }).object("checkpoint"));
  return directory;
}

/** Runs a command with `--json`, and gives its document next to how it ended. */
async function failedRun(args: readonly string[], options?: CliOptions) {
  const result = await runCli([...args, "--json"], options);
  expect(result.stdout).toMatch(/^\{[^\n]*\}\n$/);
  return { ...result, ...JSON.parse(result.stdout) } as CliResult & { error: Record<string, string> };
}

describe("--json prints a document of the failure", () => {
  test.each<[kind: string, code: number, problem: RegExp, args: () => Promise<string[]> | string[]]>([
    ["usage", 2, /unknown option '--no-such'/, () => ["copy", "--no-such"]],
    ["usage", 2, /missing required argument/, () => ["abandon"]],
    ["usage", 2, /is invalid/, () => ["verify", "/nowhere", "--retries", "many"]],
    ["operation", 1, /refused the connection/, () => ["copy", "http://127.0.0.1:1/", "/nowhere", ...ANY_KEY]],
    ["verification", 3, /not signed/, async () => [...(await servedLog(SIZE)).args.slice(0, 3), ...ANY_KEY]],
    [
      "refused",
      4,
      /log/,
      async () => {
        const { server, log } = await servedLog(SIZE);
        return ["copy", server.url, occupied(), "--vkey", log.vkey];
      },
    ],
    ["refused", 4, /log/, () => ["abandon", occupied()]],
  ])("%s: exit code %i, %s", async (kind, exitCode, words, args) => {
    const { code, stderr, error } = await failedRun(await args());
    expect([code, error.kind]).toEqual([exitCode, kind]);
    expect(error.problem).toMatch(words);
    expect(error.object).not.toBe("");
    // The line stays, and says the same.
    const line = stderr.split("\n").find((each) => each.startsWith("tlog-migrate: ")) ?? "";
    for (const fact of ["problem", "expected", "found", "advice"]) expect(line).toContain(error[fact] ?? "");
  });

  test("also of an interruption", async () => {
    const { args, server } = await servedLog(SIZE);
    server.intercept(
      (path) => path.startsWith("tile/entries/"),
      () => {},
    );
    const signal = { name: "SIGTERM", after: /authenticating/ } as const;
    const { code, error } = await failedRun(args, { signal });
    expect(code).toBe(143);
    expect(error).toMatchObject({
      kind: "interrupted",
      problem: "stopped by SIGTERM",
      advice: expect.stringContaining("the same command continues"),
    });
  });

  test("in the report of a verification that has found faults", async () => {
    const { log, server } = await servedLog(SIZE);
    log.objects.delete("tile/entries/000");
    const run = await failedRun(["verify", server.url, "--vkey", log.vkey]);
    expect(run).toMatchObject({
      code: 3,
      faults: 1,
      error: { kind: "verification", problem: expect.stringContaining("tile/entries/000") },
    });
  });

  test("without what is secret in the arguments", async () => {
    const { stdout } = await failedRun(["copy", "https://me:hidden@log.example.org/", "--no-such=hidden"]);
    expect(stdout).not.toContain("me:hidden");
  });

  test("only where it is an option, and where something failed", async () => {
    expect((await runCli(["verify", "--", "--json"])).stdout).toBe("");
    expect((await runCli(["copy", "--json", "--help"])).stdout).not.toContain('"error"');
  });
});

const ANY_KEY = ["--vkey", testLog({ size: 1, seed: "any" }).vkey];
