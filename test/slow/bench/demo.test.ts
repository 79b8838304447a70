/** `npm run demo` leaves nothing behind, however it ends. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../support/places/directory.ts";

const DEMO = join(import.meta.dirname, "../../../bench/demo.ts");

test.each([
  ["--help", 0],
  ["--size", 2],
])("%s runs no demo", (option, code) => {
  const { status, stdout } = spawnSync(process.execPath, [DEMO, option], { encoding: "utf8" });
  expect([status, stdout]).toEqual([code, expect.stringMatching(/^Usage: npm run demo, /)]);
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
