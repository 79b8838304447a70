/** The file of metrics: what it replaces, and what it leaves. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openMetricsFile } from "../../../../cmd/metrics/file.ts";
import { OperationError, Progress } from "../../../../lib/index.ts";
import { failureOf } from "../../../support/migration.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

const RUN = { command: "copy", place: "/srv/log" };

const isRoot = process.getuid?.() === 0;

async function write(path: string): Promise<void> {
  await (await openMetricsFile(path, new Progress(), RUN)).finish(0);
}

describe("a file of metrics replaces a regular file alone", () => {
  test.each<[string, RegExp, (path: string) => unknown]>([
    ["a link to a file", /symbolic link/, (path) => fs.symlinkSync("victim", path)],
    ["a link to nothing", /symbolic link/, (path) => fs.symlinkSync("nowhere", path)],
    ["a FIFO", /not a regular file/, (path) => execFileSync("mkfifo", [path])],
    ["a device, where one can be made", /not a regular file/, isRoot ? makeDevice : listenAt],
    ["a directory", /not a regular file/, (path) => fs.mkdirSync(path)],
    ["a socket", /not a regular file/, listenAt],
  ])("not %s", async (_what, words, place) => {
    const directory = memoryDirectory();
    const path = join(directory, "run.prom");
    fs.writeFileSync(join(directory, "victim"), "theirs");
    await place(path);
    const before = fs.lstatSync(path);
    const failure = await failureOf(write(path));
    expect(failure).toBeInstanceOf(OperationError);
    expect(failure.message).toMatch(words);
    expect(fs.lstatSync(path)).toMatchObject({ ino: before.ino, mode: before.mode });
    expect(fs.readFileSync(join(directory, "victim"), "utf8")).toBe("theirs");
    expect(fs.readdirSync(directory).sort()).toEqual(["run.prom", "victim"]);
  });

  test("nor what takes its place while a run lasts", async () => {
    const path = join(memoryDirectory(), "run.prom");
    const file = await openMetricsFile(path, new Progress(), RUN);
    fs.rmSync(path);
    fs.symlinkSync("/dev/null", path);
    await expect(file.finish(0)).rejects.toThrow("it is a symbolic link");
    expect(fs.readlinkSync(path)).toBe("/dev/null");
  });
});

function makeDevice(path: string): void {
  execFileSync("mknod", [path, "c", "1", "3"]);
}

async function listenAt(path: string): Promise<void> {
  const server = createServer().listen(path);
  onTestFinished(() => void server.close());
  await once(server, "listening");
}

test("a file of metrics is written through no link that waits for it", async () => {
  const directory = memoryDirectory();
  const path = join(directory, "run.prom");
  const victim = join(directory, "victim");
  fs.writeFileSync(victim, "theirs");
  fs.symlinkSync(victim, `${path}.${process.pid}.tmp`);
  await write(path);
  expect(fs.readFileSync(victim, "utf8")).toBe("theirs");
  expect(fs.readFileSync(path, "utf8")).toMatch(/^tlog_migrate_exit_code\{.*\} 0$/m);
});

test("what a run that was killed left next to it is removed, and nothing else", async () => {
  const directory = memoryDirectory();
  const names = [1, 2].map((digit) => `run.prom.${`${digit}`.repeat(24)}.tmp`);
  const others = ["run.prom.tmp", `other.prom.${"1".repeat(24)}.tmp`, `run.prom.${"1".repeat(24)}.tmp.txt`];
  for (const name of [...names, ...others]) fs.writeFileSync(join(directory, name), "half");
  const long = new Date(Date.now() - 2 * 3_600_000);
  for (const name of [names[0] ?? "", ...others]) fs.utimesSync(join(directory, name), long, long);
  await write(join(directory, "run.prom"));
  expect(fs.readdirSync(directory).sort()).toEqual([...others, names[1], "run.prom"].sort());
});
