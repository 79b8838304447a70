/** `npm run demo` leaves nothing behind, however it ends. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../support/places/directory.ts";
import { describeWithQueue } from "../../support/queue-servers.ts";

const DEMO = join(import.meta.dirname, "../../../bench/demo.ts");

test.each([
  ["--help", 0],
  ["--size", 2],
])("%s runs no demo", (option, code) => {
  const { status, stdout } = spawnSync(process.execPath, [DEMO, option], { encoding: "utf8" });
  expect([status, stdout]).toEqual([code, expect.stringMatching(/^Usage: npm run demo, or /)]);
});

describeWithQueue("redis", () => {
  test("divides a demo among workers, which copy all that they can", async () => {
    const directory = temporaryDirectory();
    const env = { ...process.env, TMPDIR: directory };
    const demo = spawn(process.execPath, [DEMO, "--queue"], { env, stdio: ["ignore", "pipe", "pipe"] });
    const [stdout, stderr] = await Promise.all([text(demo.stdout), text(demo.stderr), once(demo, "exit")]);
    expect({ code: demo.exitCode, stderr: demo.exitCode === 0 ? "" : stderr }).toEqual({
      code: 0,
      stderr: "",
    });
    expect(stdout.match(/^\$ tlog-migrate worker /gm)).toHaveLength(3);
    expect(stdout).toMatch(/by workers +196,608/);
    expect(readdirSync(directory)).toEqual([]);
  }, 120_000);
});

test("an interrupted demo removes its directory", async () => {
  const directory = temporaryDirectory();
  const env = { ...process.env, TMPDIR: directory };
  const demo = spawn(process.execPath, [DEMO], { env, stdio: ["ignore", "pipe", "ignore"] });
  await once(demo.stdout, "data");
  expect(readdirSync(directory)).toHaveLength(1);
  demo.kill("SIGINT");
  demo.stdout.resume();
  const [code] = await once(demo, "exit");
  expect(code).toBe(1);
  expect(readdirSync(directory)).toEqual([]);
}, 60_000);
