import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { figureOf } from "../../../bench/report/figures.ts";
import { copyTables, measuredRows, type SuiteReport } from "../../../bench/report/report.ts";
import { timeToFirstBundle } from "../../../bench/suites/start-up.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";

const BENCH = fileURLToPath(new URL("../../../bench/bench.ts", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../../../cmd/tlog-migrate.ts", import.meta.url));
/** All that the benchmark finds on this machine: neither rclone nor Go nor Redis. */
const INSTALLED = ["cat", "cp", "rm", "sh", "sync"];
const canQueue =
  spawnSync("redis-server", ["--version"]).status === 0 || process.env.TLOG_MIGRATE_REQUIRE_QUEUES === "1";

interface BenchRun {
  readonly scratch: string;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Circumstances {
  /** What it has reported when it is interrupted. */
  readonly interruptAt?: RegExp;
  /** "closed pipe": nobody reads standard output any more. */
  readonly signal?: NodeJS.Signals | "closed pipe";
  /** A program that is not installed. */
  readonly without?: string;
  /** Programs that are installed too. */
  readonly with?: readonly string[];
}

/** Runs the benchmark of the uncompiled program, in a scratch directory of its own. */
async function runBench(
  args: readonly string[],
  { interruptAt, signal = "SIGINT", without, with: more = [] }: Circumstances = {},
): Promise<BenchRun> {
  const scratch = temporaryDirectory();
  const places = ["--program", PROGRAM, "--scratch", scratch, "--disk", scratch];
  const child = spawn(process.execPath, [BENCH, ...places, ...args], {
    env: {
      ...process.env,
      PATH: pathToInstalled([...INSTALLED, ...more].filter((program) => program !== without)),
      NODE_OPTIONS: "",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let reported = "";
  child.stderr.on("data", (chunk: Buffer) => {
    reported += chunk.toString();
    if (!interruptAt?.test(reported)) return;
    reported = "";
    if (signal === "closed pipe") child.stdout.destroy();
    else child.kill(signal);
  });
  const [[code], stdout, stderr] = await Promise.all([
    once(child, "exit") as Promise<[number | null]>,
    text(child.stdout).catch(() => ""),
    text(child.stderr),
  ]);
  return { scratch, code, stdout, stderr };
}

function pathToInstalled(programs: readonly string[]): string {
  const directory = join(temporaryDirectory(), "bin");
  mkdirSync(directory);
  for (const name of programs) {
    const found = (process.env.PATH ?? "").split(delimiter).map((candidate) => join(candidate, name));
    const file = found.find((candidate) => existsSync(candidate));
    if (file !== undefined) symlinkSync(file, join(directory, name));
  }
  return directory;
}

function reportsIn(directory: string): SuiteReport[] {
  const lines = readFileSync(join(directory, "results.jsonl"), "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as SuiteReport);
}

describe("npm run bench", () => {
  it("measures each suite next to an earlier build, shows and writes what it found, and cleans up", async () => {
    const out = temporaryDirectory();
    const args = ["--quick", "--entries", "1500", "--beside", PROGRAM, "--out", out];
    const { code, stdout, stderr, scratch } = await runBench(args);
    expect(stderr).not.toContain("FAILED");
    expect(code).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);

    const reports = reportsIn(out);
    const names = [
      "peers",
      "tls",
      "start-up",
      "disk",
      "distance",
      "scale",
      "scale-out",
      "gcs",
      "s3",
      "live",
      "plan",
    ];
    expect(reports.map(({ name }) => name)).toEqual(names);
    const tables = reports.flatMap((report) => copyTables(report.tables));
    const measured = measuredRows(tables);
    for (const { runs } of measured) expect(runs).toMatchObject([{ wallSeconds: expect.any(Number) }]);
    expect(measured.filter(({ id }) => id === "before")).toHaveLength(5);
    const missing = tables
      .flatMap(({ rows }) => rows)
      .flatMap((row) => (row.state === "measured" ? [] : [`${row.id}: ${row.reason}`]));
    expect(new Set(missing)).toEqual(
      new Set([
        "tessera: Go is not installed",
        "tessera: it does not know Static CT",
        "rclone: rclone is not installed",
        "scale-out: redis-server is not installed",
        "gcs: Go is not installed",
        "s3: Go is not installed",
        "live: Go is not installed",
        "plan: Go is not installed",
      ]),
    );

    for (const { title } of tables) expect(stdout).toContain(title);
    expect(stdout).toMatch(/wall time next to the earlier build's: at most 1.10 × .* not judged/);
    expect(stdout).toMatch(/Peak memory of every copy .*: at most 350 MB .* MB .* not judged/);
    expect(stdout).not.toMatch(/ met |MISSED/);
    const page = readFileSync(join(out, "RESULTS.md"), "utf8");
    for (const { title } of tables) expect(page).toContain(title);
    for (const path of [scratch, PROGRAM]) expect(page).not.toContain(path);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGHUP", 129],
    ["closed pipe", 141],
    ["SIGKILL", null],
  ] as const)("ends what it started and removes what it made when ended: %s", async (signal, exitCode) => {
    const entries = signal === "closed pipe" ? "2000" : "100000";
    const args = ["--entries", entries, "--suite", "disk", "--rounds", "2"];
    const { code, scratch } = await runBench(args, { interruptAt: /round 1 of/, signal });
    expect(code).toBe(exitCode);
    while (readdirSync(scratch).length > 0) await sleep(50);
  });

  it.skipIf(!canQueue)("divides a copy among workers by a queue, and a log that is not copied", async () => {
    const out = temporaryDirectory();
    const args = ["--entries", "70000", "--rounds", "1", "--suite", "scale-out", "--out", out];
    const { code, stderr } = await runBench(args, { with: ["redis-server"] });
    expect(code, stderr).toBe(0);
    const tables = reportsIn(out)[0]?.tables ?? [];
    expect(measuredRows(tables).map(({ id }) => id)).toEqual([
      ...["ours", "worker-alone", "divided", "divided-alone"],
      ...["1", "2", "4", "8"],
    ]);
    const divided = (column: string) => figureOf(tables, { table: "division", row: "10B", column });
    expect(divided("seals")).toBe(1);
    expect(divided("speed")).toBeGreaterThan(0);
  });

  it("leaves out a row whose program is not installed", async () => {
    const out = temporaryDirectory();
    const args = ["--entries", "600", "--rounds", "1", "--suite", "disk", "--out", out];
    const { code } = await runBench(args, { without: "cp" });
    expect(code).toBe(0);
    const [table] = copyTables(reportsIn(out)[0]?.tables ?? []);
    expect(table?.rows.at(-1)).toMatchObject({ state: "skipped", reason: "there is no GNU cp" });
  });

  it("says what is wrong in one line, with exit code 2", async () => {
    const { code, stdout, stderr } = await runBench(["--entries", "few"]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^bench: option '--entries <n>' argument 'few' is invalid\. .*\n$/);
  });
});

describe("the time to the first bundle", () => {
  it("is that of the whole program", async () => {
    expect(
      await timeToFirstBundle(PROGRAM, { args: [join(temporaryDirectory(), "target")] }),
    ).toBeGreaterThan(10);
  });

  it("does not exist for a program that ends before it asks for a bundle", async () => {
    await expect(timeToFirstBundle("/no/such/program", { args: [""] })).rejects.toThrow(
      /ended before it asked/,
    );
  });
});
