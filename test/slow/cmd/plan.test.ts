/** `plan`, `copy --dry-run` and `status` as commands: their exit codes, and their documents. */

import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { runCli, servedLog } from "../../support/cli.ts";
import { temporaryDirectory, writeFiles } from "../../support/places/directory.ts";

test("plan and copy --dry-run say the same, change nothing, and end with 0 where a copy would go", async () => {
  const { args, target } = await servedLog(300);
  const rest = [...args.slice(1), "--settle", "0", "--json"];
  const [plan, dryRun] = await Promise.all([
    runCli(["plan", ...rest]),
    runCli(["copy", "--dry-run", ...rest]),
  ]);
  expect([plan.code, dryRun.code]).toEqual([0, 0]);
  const [planned, dry] = [plan, dryRun].map(({ stdout }) => JSON.parse(stdout));
  expect(planned).toMatchObject({ outcome: "fresh", size: 300, target });
  for (const key of ["outcome", "size", "objects", "bytes", "handover"])
    expect(dry[key]).toEqual(planned[key]);
  expect(existsSync(target)).toBe(false);
});

test("a plan of what would be refused is printed, and ends as the copy does", async () => {
  const { args, log } = await servedLog(300);
  const target = temporaryDirectory();
  writeFiles(target, log.objects);
  const [command, source = "", , ...rest] = args;
  const copy = await runCli([command ?? "", source, target, ...rest]);
  const plan = await runCli(["plan", source, target, ...rest, "--settle", "0"]);
  expect([plan.code, copy.code]).toEqual([4, 4]);
  expect(plan.stderr.split("\n").at(-2)).toBe(copy.stderr.split("\n").at(-2));
  expect(plan.stdout).toContain("would be refused");
  const json = await runCli(["plan", source, target, ...rest, "--settle", "0", "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    outcome: "refused",
    error: { kind: "refused" },
    size: 300,
  });
});

test("status ends with 0 whatever is found", async () => {
  const { args, target } = await servedLog(300);
  expect((await runCli(["status", target])).stdout).toContain("is empty");
  await runCli(args);
  const { code, stdout } = await runCli(["status", target, "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ state: "unfinished", phase: "copied", aim: { size: 300 } });
});
