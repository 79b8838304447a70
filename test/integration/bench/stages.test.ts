import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { timeToFirstBundle } from "../../../bench/run/first-request.ts";
import { runStage, type Stage } from "../../../bench/stages/stages.ts";
import { bundlePath } from "../../../lib/tlog/layout.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const ROOT = join(import.meta.dirname, "../../..");
const SIZE = 20_100;

const bundles = Array.from({ length: Math.ceil(SIZE / 256) }, (_, index) =>
  bundlePath("tiles", { index, width: Math.min(256, SIZE - index * 256) }),
);

test.each<Stage>(["fetch", "fetch+hash", "fetch+write"])(
  "the stage %s passes every bundle once",
  async (stage) => {
    const log = testLog({ size: SIZE });
    const server = await startLogServer(log.objects);
    const target = memoryDirectory();
    const result = await runStage({
      stage,
      source: server.url,
      format: "tiles",
      size: SIZE,
      target,
      workers: 2,
    });
    expect(server.requests.map(({ path }) => path).sort()).toEqual(bundles.toSorted());
    expect(result.entriesPerSecond).toBeCloseTo(SIZE / result.seconds);
    expect(result.cpuSeconds).toBeGreaterThan(0);
    if (stage !== "fetch+write") return;
    for (const path of bundles)
      expect(readFileSync(join(target, path)).equals(log.object(path)), path).toBe(true);
  },
);

test("a stage is a program too", async () => {
  const server = await startLogServer(testLog({ size: 600 }).objects);
  const args = ["--stage", "fetch", "--source", server.url, "--size", "600"];
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(ROOT, "bench/stages/stages.ts"),
    ...args,
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ stage: "fetch", seconds: expect.any(Number) });
});

test("a bundle that is missing ends a stage", async () => {
  const log = testLog({ size: 600 });
  log.objects.delete("tile/entries/001");
  const server = await startLogServer(log.objects);
  const stage = runStage({ stage: "fetch", source: server.url, format: "tiles", size: 600 });
  await expect(stage).rejects.toThrow(/tile\/entries\/001 is missing/);
});

test("the time to the first bundle is that of the whole program", async () => {
  const program = join(ROOT, "cmd/tlog-migrate.ts");
  const { runs, median } = await timeToFirstBundle({
    command: ({ url, target, vkey }) => [
      process.execPath,
      program,
      "copy",
      url,
      target,
      "--vkey",
      vkey,
      "--quiet",
    ],
    runs: 2,
  });
  expect(runs).toHaveLength(2);
  expect(median).toBeGreaterThan(10);
});

test("a command that ends before it asks for a bundle is an error", async () => {
  const times = timeToFirstBundle({ command: () => [process.execPath, "--eval", "0"], runs: 1 });
  await expect(times).rejects.toThrow(/ended before it asked/);
});
