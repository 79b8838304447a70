import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { HAND_OVER, type RunningCli, runCli, servedLog, spawnCli } from "../../support/cli.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";

const SIZE = 20 * 256;

/** Bundles that are answered before a server is stuck: more than are looked at before the copying. */
const ANSWERED = 8;

function isBundle(path: string): boolean {
  return path.startsWith("tile/entries/");
}

/** The value of a sample, whatever labels it has beside those of its name. */
function sample(text: string, name: string): number {
  const [metric = "", own = ""] = name.split(/[{}]/);
  const line = text
    .split("\n")
    .find((each) => each.startsWith(`${metric}{${own}`) || each.startsWith(`${name} `));
  return Number(line?.slice(line.lastIndexOf(" ") + 1) ?? Number.NaN);
}

/** Where a run that was just started serves its metrics. */
function metricsUrl({ stderr }: RunningCli["child"]): Promise<string> {
  let printed = "";
  return new Promise((found) => {
    stderr.on("data", (chunk: Buffer) => {
      printed += chunk;
      const announced = /metrics at (\S+)\n/.exec(printed)?.[1];
      if (announced !== undefined) found(announced);
    });
  });
}

describe("--metrics", () => {
  test.each(["127.0.0.1", "[::1]"])("serves metrics of run and process at %s as it copies", async (host) => {
    const { server, args } = await servedLog(SIZE);
    const { reached, letGo } = server.hold("tile/entries/003");
    const { child, result } = spawnCli([...args, "--metrics", `${host}:0`]);
    const url = await metricsUrl(child);
    await reached;
    const response = await fetch(url);
    expect(response.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    const text = await response.text();
    expect(sample(text, "tlog_migrate_tree_size")).toBe(SIZE);
    expect(sample(text, "tlog_migrate_requests_in_flight")).toBeGreaterThanOrEqual(1);
    expect(sample(text, 'tlog_migrate_requests_total{status="200"}')).toBeGreaterThan(0);
    expect(sample(text, 'tlog_migrate_phase{phase="copying"}')).toBe(1);
    expect(sample(text, "process_resident_memory_bytes")).toBeGreaterThan(0);
    expect((await fetch(new URL("/", url))).status).toBe(404);
    letGo();
    // The connections that fetch keeps alive do not keep the run from ending.
    expect((await result).code).toBe(0);
  });

  test("does not let those who watch a copy take its descriptors", async () => {
    const { server, args } = await servedLog(SIZE);
    const { reached, letGo } = server.hold("tile/entries/003");
    const small = [...args, "--workers", "1", "--metrics", "127.0.0.1:0"];
    const { child, result } = spawnCli(small, { before: "ulimit -n 128" });
    const url = new URL(await metricsUrl(child));
    await reached;
    const watchers = Array.from({ length: 400 }, () => connect(Number(url.port), url.hostname));
    onTestFinished(() => watchers.forEach((watcher) => void watcher.destroy()));
    let open = watchers.length;
    for (const watcher of watchers)
      watcher
        .on("error", () => {})
        .on("close", () => open--)
        .resume();
    await vi.waitUntil(() => open <= 8, { timeout: 20_000 });
    letGo();
    expect(await result).toMatchObject({ code: 0, stderr: expect.not.stringContaining("error") });
  });

  test("stops before any copying where it cannot listen", async () => {
    const { server, args } = await servedLog(SIZE);
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await new Promise((listening) => taken.once("listening", listening));
    const { port } = taken.address() as AddressInfo;
    const { code, stderr } = await runCli([...args, "--metrics", `127.0.0.1:${port}`]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tlog-migrate: --metrics 127\.0\.0\.1:\d+: cannot listen there \(address already in use\)[^\n]*\n$/,
    );
    expect(server.requests).toEqual([]);
  });
});

describe("--metrics-file", () => {
  test("holds the run and how it ended, and no metrics of the process", async () => {
    const { args, log, target } = await servedLog(SIZE);
    const directory = temporaryDirectory();
    const file = join(directory, "run.prom");
    expect((await runCli([...args, "--metrics-file", file])).code).toBe(0);
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
    expect((await runCli([...args, "--metrics-file", file])).code).toBe(2);
    expect(sample(readFileSync(file, "utf8"), "tlog_migrate_exit_code")).toBe(2);
  });

  test("stops before any copying where it cannot be written", async () => {
    const { server, args } = await servedLog(SIZE);
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "taken.prom"));
    for (const path of ["nowhere/run.prom", "taken.prom"]) {
      const { code, stderr } = await runCli([...args, "--metrics-file", join(directory, path)]);
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
    const { code, stdout, stderr } = await runCli([
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
