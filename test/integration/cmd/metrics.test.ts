import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { HAND_OVER, runCli, servedLog } from "../../support/cli.ts";
import { runHere } from "../../support/cli-here.ts";
import { sample } from "../../support/metrics.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";

const SIZE = 20 * 256;

/** Bundles that are answered before a server is stuck: more than are looked at before the copying. */
const ANSWERED = 8;

function isBundle(path: string): boolean {
  return path.startsWith("tile/entries/");
}

describe("--metrics-file", () => {
  test("holds the run and how it ended, and no metrics of the process", async () => {
    const { args, log, target } = await servedLog(SIZE);
    const directory = temporaryDirectory();
    const file = join(directory, "run.prom");
    expect((await runHere([...args, "--metrics-file", file])).code).toBe(0);
    const text = readFileSync(file, "utf8");
    expect(sample(text, "tlog_migrate_entries_total")).toBe(SIZE);
    expect(sample(text, "tlog_migrate_exit_code")).toBe(0);
    expect(sample(text, "tlog_migrate_finish_timestamp_seconds")).toBeGreaterThan(1.7e9);
    expect(sample(text, 'tlog_migrate_phase{phase="done"}')).toBe(1);
    expect(text).not.toMatch(/^(process|nodejs)_/m);
    const labels = `log="${log.origin}",command="copy",place="${target}"} `;
    expect(text.split("\n").filter((line) => !/^(#|$)/.test(line) && !line.includes(labels))).toEqual([]);
    expect(readdirSync(directory)).toEqual(["run.prom"]);
  });

  test("holds the exit code of a failure and of an interruption", async () => {
    const { server, args } = await servedLog(SIZE);
    const file = join(temporaryDirectory(), "run.prom");
    let bundles = 0;
    const goOn = server.intercept(isBundle, (_request, _response, next) =>
      ++bundles > ANSWERED ? undefined : next(),
    );
    const stopped = await runCli([...args, "--metrics-file", file], {
      signal: { name: "SIGTERM", after: /copying/ },
    });
    expect(stopped.code).toBe(143);
    expect(sample(readFileSync(file, "utf8"), "tlog_migrate_exit_code")).toBe(143);
    goOn();
    server.objects = new Map();
    expect((await runHere([...args, "--metrics-file", file])).code).toBe(2);
    expect(sample(readFileSync(file, "utf8"), "tlog_migrate_exit_code")).toBe(2);
  });

  test("stops before any copying where it cannot be written", async () => {
    const { server, args } = await servedLog(SIZE);
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "taken.prom"));
    for (const path of ["nowhere/run.prom", "taken.prom"]) {
      const { code, stderr } = await runHere([...args, "--metrics-file", join(directory, path)]);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^tlog-migrate: --metrics-file \S+\.prom: cannot be written \([a-z ]+\)[^\n]*\n$/,
      );
    }
    expect(server.requests).toEqual([]);
    expect(readdirSync(directory)).toEqual(["taken.prom"]);
  });

  test("does not fail a copy that is done when its directory is gone", async () => {
    const { server, args } = await servedLog(SIZE);
    const directory = join(temporaryDirectory(), "collector");
    mkdirSync(directory);
    server.intercept("tile/entries/000", async (_request, _response, next) => {
      rmSync(directory, { recursive: true, force: true });
      await next();
    });
    const { code, stdout, stderr } = await runHere([
      ...args,
      ...HAND_OVER,
      "--metrics-file",
      join(directory, "run.prom"),
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^The log is handed over/);
    expect(stderr).toMatch(/--metrics-file .*cannot be written/);
  });
});
