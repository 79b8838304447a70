/** A copy that follows its source may be killed at any moment: the same command goes on, and a cutover is fulfilled. */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { runCli, spawnCli } from "../../support/cli.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { differences, temporaryDirectory, versionOf } from "../../support/places/directory.ts";

test("kill -9 at any moment, started again: nothing is lost, and it is handed over within the settle time and little more", async () => {
  const log = testLog({ size: 66_000, entrySize: 8 });
  let size = 65_000;
  const server = await startLogServer(log.atSize(size).objects);
  const grow = setInterval(() => {
    size = Math.min(log.size - 1, size + 20);
    server.objects = new Map([...server.objects, ...log.atSize(size).objects]);
  }, 100);
  onTestFinished(() => clearInterval(grow));
  const target = join(temporaryDirectory(), "log");
  const args = ["follow", server.url, target, "--vkey", log.vkey, "--settle", "1", "--log-format", "json"];
  for (const aliveMs of [700, 1_300, 2_100]) {
    const { child, result } = spawnCli(args);
    await sleep(aliveMs);
    child.kill("SIGKILL");
    await result;
    if (versionOf(target) !== undefined) expect(versionOf(target)).toMatch(/^migration-in-progress /);
  }
  const { result } = spawnCli(args);
  await sleep(1_500);
  clearInterval(grow);
  const final = log.atSize(size);
  const asked = performance.now();
  const cutover = await runCli(["cutover", target, "--wait", "--json"]);
  expect(cutover).toMatchObject({ code: 0 });
  expect(JSON.parse(cutover.stdout)).toMatchObject({ outcome: "handed-over", size });
  expect(performance.now() - asked).toBeLessThan(20_000);
  expect(await result).toMatchObject({ code: 0, stdout: expect.stringMatching(/^The log is handed over/) });
  // A run that was killed may have left edges of the sizes that it had reached.
  const missing = differences(target, final).filter((fault) => !/\.p\/\d+ is not the log's$/.test(fault));
  expect(missing).toEqual([]);
});

test("SIGTERM ends it as a run that continues, and a cutover without it says what to run", async () => {
  const log = testLog({ size: 700 });
  const server = await startLogServer(log.objects);
  const target = join(temporaryDirectory(), "log");
  const args = ["follow", server.url, target, "--vkey", log.vkey];
  const { child, result } = spawnCli(args);
  await expect.poll(() => versionOf(target), { timeout: 20_000 }).toMatch(/^migration-in-progress /);
  child.kill("SIGTERM");
  expect(await result).toMatchObject({
    code: 143,
    stderr: expect.stringMatching(/the same command continues/),
  });
  const { code, stderr } = await runCli(["cutover", target]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/tlog-migrate follow <source>/),
  });
});
