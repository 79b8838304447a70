import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import type { CopyTable, Report } from "../../../bench/report/report.ts";
import { temporaryDirectory } from "../../support/places/temp.ts";

const BENCH = fileURLToPath(new URL("../../../bench/bench.ts", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../../../cmd/tlog-migrate.ts", import.meta.url));
/** All that the benchmark finds on this machine: neither rclone nor Go. */
const INSTALLED = ["cp", "sh", "sync"];

interface BenchRun {
  readonly scratch: string;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface BenchCircumstances {
  /** What it has told when it is interrupted. */
  readonly interruptAt?: RegExp;
  /** "closed pipe": nobody reads standard output any more. */
  readonly signal?: NodeJS.Signals | "closed pipe";
  /** A program that is not installed. */
  readonly without?: string;
}

/** Runs the benchmark of the uncompiled program, in a scratch directory of its own. */
async function runBench(
  args: readonly string[],
  { interruptAt, signal = "SIGINT", without }: BenchCircumstances = {},
): Promise<BenchRun> {
  const scratch = temporaryDirectory();
  const places = ["--program", PROGRAM, "--scratch", scratch, "--disk", scratch];
  const child = spawn(process.execPath, [BENCH, ...places, ...args], {
    env: { ...process.env, PATH: pathToInstalled(without), NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let told = "";
  child.stderr.on("data", (chunk: Buffer) => {
    told += chunk.toString();
    if (!interruptAt?.test(told)) return;
    told = "";
    if (signal === "closed pipe") child.stdout.destroy();
    else child.kill(signal);
  });
  const [[code], stdout, stderr] = await Promise.all([
    once(child, "close") as Promise<[number | null]>,
    text(child.stdout).catch(() => ""),
    text(child.stderr),
  ]);
  return { scratch, code, stdout, stderr };
}

function pathToInstalled(without?: string): string {
  const directory = join(temporaryDirectory(), "bin");
  mkdirSync(directory);
  for (const name of INSTALLED.filter((program) => program !== without)) {
    const found = (process.env.PATH ?? "").split(delimiter).map((candidate) => join(candidate, name));
    const file = found.find((candidate) => existsSync(candidate));
    if (file !== undefined) symlinkSync(file, join(directory, name));
  }
  return directory;
}

function readReport(file: string): Report {
  return JSON.parse(readFileSync(file, "utf8")) as Report;
}

function copyTables({ suites }: Report): CopyTable[] {
  return suites.flatMap(({ tables }) => tables).filter((table) => table.kind === "copies");
}

describe("npm run bench", () => {
  it("measures each suite, tells it as tables and JSON, and cleans up", async () => {
    const json = join(temporaryDirectory(), "figures.json");
    const args = ["--quick", "--entries", "1500", "--entry-size", "50-200"];
    const { code, stdout, stderr, scratch } = await runBench([...args, "--json", json]);
    expect(stderr).not.toContain("FAILED");
    expect(code).toBe(0);

    const report = readReport(json);
    const names = ["peers", "tls", "stages", "start-up", "disk", "distance", "scale", "gcs"];
    expect(report.suites.map(({ name }) => name)).toEqual(names);
    const tables = copyTables(report);
    const rows = tables.flatMap((table) => table.rows);
    const measured = rows.filter((row) => row.state === "measured");
    for (const { runs } of measured) expect(runs).toMatchObject([{ wallSeconds: expect.any(Number) }]);
    expect(new Set(measured.map(({ id }) => id))).toContain("ours");
    const missing = rows
      .filter((row) => row.state !== "measured")
      .map(({ id, reason }) => `${id}: ${reason}`);
    const [noGo, noRclone] = ["Go is not installed", "rclone is not installed"];
    const peers = [`tessera: ${noGo}`, `rclone: ${noRclone}`];
    expect(missing).toEqual([...peers, `rclone: ${noRclone}`, `all: ${noGo}`, `all: ${noGo}`]);

    for (const { title } of tables) expect(stdout).toContain(title);
    expect(stdout).toMatch(/Peak memory of every copy .*: at most 350 MB .* MB .* not judged/);
    expect(stdout).not.toMatch(/ met |MISSED/);
    const versions = report.suites.map((suite) => [suite.name, Object.keys(suite.versions)]);
    expect(Object.fromEntries(versions)).toMatchObject({
      peers: ["Node.js", "Server", "cp"],
      scale: ["Node.js", "Server"],
    });
    expect(readdirSync(scratch)).toEqual([]);
  });

  it("copies Static CT logs that are served with gzip", async () => {
    const json = join(temporaryDirectory(), "figures.json");
    const args = ["--entries", "600", "--format", "static-ct", "--rounds", "1", "--suite", "peers"];
    const { code, stderr } = await runBench([...args, "--json", json]);
    expect(stderr).not.toContain("FAILED");
    expect(code).toBe(0);
    const [table] = copyTables(readReport(json));
    expect(table?.title).toContain("600 Static CT entries, served with gzip");
    expect(table?.rows.filter(({ state }) => state === "measured").map(({ id }) => id)).toEqual(
      expect.arrayContaining(["fetch", "ours", "ours-fetch-tiles", "cp"]),
    );
  });

  it("writes a page with charts where it is asked to, and keeps the other suites that are there", async () => {
    const out = temporaryDirectory();
    const args = ["--entries", "300", "--rounds", "1", "--out", out, "--suite"];
    await runBench([...args, "stages"]);
    const { code, scratch } = await runBench([...args, "disk"]);
    expect(code).toBe(0);
    const page = readFileSync(join(out, "RESULTS.md"), "utf8");
    expect(page).toContain("stages of a copy into memory");
    expect(page).toContain("onto a disk, durable");
    const charts = [...page.matchAll(/!\[[^\]]*\]\(([^)]*)\)/g)].map(([, chart = ""]) => chart);
    expect(charts).toHaveLength(1);
    for (const chart of charts) expect(readFileSync(join(out, chart), "utf8")).toContain("<svg");
    expect(page).not.toContain(scratch);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGHUP", 129],
    ["closed pipe", 141],
  ] as const)(
    "ends what it started and removes what it made when it is interrupted: %s",
    async (signal, exitCode) => {
      const entries = signal === "closed pipe" ? "2000" : "200000";
      const args = ["--entries", entries, "--suite", "stages,disk", "--rounds", "2"];
      const { code, scratch } = await runBench(args, { interruptAt: /round 1 of/, signal });
      expect(code).toBe(exitCode);
      expect(readdirSync(scratch)).toEqual([]);
    },
  );

  it("leaves out a row whose program is not installed", async () => {
    const json = join(temporaryDirectory(), "figures.json");
    const args = ["--entries", "600", "--rounds", "1", "--suite", "disk", "--json", json];
    const { code } = await runBench(args, { without: "cp" });
    expect(code).toBe(0);
    const [table] = copyTables(readReport(json));
    expect(table?.rows.at(-1)).toMatchObject({ state: "skipped", reason: "there is no cp" });
  });

  it("removes what a run left that was killed", async () => {
    const scratch = temporaryDirectory();
    const args = ["--entries", "200000", "--suite", "stages", "--scratch", scratch, "--disk", scratch];
    await runBench(args, { interruptAt: /round 1 of/, signal: "SIGKILL" });
    const left = readdirSync(scratch);
    expect(left).toHaveLength(2);
    const { stderr } = await runBench(["--quick", "--suite", "start-up", ...args.slice(4)]);
    for (const name of left) expect(stderr).toMatch(new RegExp(`removed .*${name}: process`));
    expect(readdirSync(scratch)).toEqual([]);
  });

  it("says what is wrong in one line, with exit code 2", async () => {
    const { code, stdout, stderr } = await runBench(["--entries", "few"]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^bench: option '--entries <n>' argument 'few' is invalid\. .*\n$/);
  });
});
