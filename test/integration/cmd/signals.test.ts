import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCli, servedLog, spawnCli } from "../../support/cli.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";

const SIZE = 20 * 256;

/** A log whose server stops answering for bundles after the first few, until it is told to go on. */
async function stuckLog() {
  const served = await servedLog(SIZE);
  let bundles = 0;
  const goOn = served.server.intercept(
    (path) => path.startsWith("tile/entries/"),
    (_request, _response, next) => (++bundles > 8 ? undefined : next()),
  );
  return { ...served, goOn };
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
      expect(said).toEqual([expect.stringMatching(/^tlog-migrate: stopping.*same command continues/), ""]);
      goOn();
      const { code, stdout } = await runCli([...args, "--json"]);
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
    await new Promise<void>((copying) => {
      child.stderr.on("data", (chunk: Buffer) => chunk.includes("copying") && copying());
    });
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
