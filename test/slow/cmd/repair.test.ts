/** `verify --repair-from`: the command that is offered, what is printed, and the exit codes. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { migrate } from "../../../lib/index.ts";
import { runCli } from "../../support/cli.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrationOptions } from "../../support/migration.ts";
import { differences, logDirectory, memoryDirectory, writeFiles } from "../../support/places/directory.ts";

const log = testLog({ size: 600 });
const [BUNDLE, TILE] = ["tile/entries/001", "tile/0/000"];

/** A target that was handed over, whose name needs quotes, and that has lost a bundle and a tile. */
async function damagedTarget(source = logDirectory(log)): Promise<string> {
  const target = join(memoryDirectory(), "it's mine");
  await migrate(migrationOptions(log, source, target));
  rmSync(join(target, BUNDLE));
  writeFiles(target, [[TILE, "damaged"]]);
  return target;
}

test("a verification that finds damage offers a command, and that repairs it", async () => {
  const source = logDirectory(log);
  const target = await damagedTarget(source);
  const { code, stdout, stderr } = await runCli(["verify", target, "--workers", "1", "--quiet"]);
  expect(code).toBe(3);
  expect(stderr).toMatch(/--repair-from and another copy of the log\n$/);
  const [, command = ""] = /^ +tlog-migrate (verify --repair-from .*)$/m.exec(stdout) ?? [];
  const [, from, place] = /^verify --repair-from (\S+) '(.*)' --workers 1$/.exec(command) ?? [];
  expect([from, place?.replace("'\\''", "'")]).toEqual([source, target]);

  const args = ["verify", "--repair-from", source, target, "--workers", "1"];
  const repair = await runCli(args);
  expect(repair.code, repair.stderr).toBe(0);
  expect(repair.stdout).toMatch(/^The log is sound/);
  expect(repair.stdout).toMatch(/repaired +2 objects, from /);
  expect(repair.stdout).toMatch(/Repaired\n {2}- tile\/0\/000\n {2}- tile\/entries\/001\n/);
  for (const path of [BUNDLE, TILE]) expect(repair.stderr).toContain(`/${path}: repaired from ${source}\n`);
  expect(differences(target, log)).toEqual([]);
  const quiet = await runCli([...args, "--quiet", "--json"]);
  expect(quiet).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(quiet.stdout)).toMatchObject({ faults: 0, repair: { source, repaired: 0 } });
});

describe("the exit code is", () => {
  test("3 where faults remain, which the document names", async () => {
    const target = await damagedTarget();
    const server = await startLogServer(new Map([...log.objects].filter(([path]) => path !== BUNDLE)));
    const args = ["verify", target, "--repair-from", server.url, "--retries", "0", "--json", "--quiet"];
    const { code, stdout } = await runCli(args);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      faults: 1,
      findings: [{ path: BUNDLE }],
      repair: { repaired: 1, objects: [TILE], notRepaired: [{ path: BUNDLE }] },
      error: { kind: "verification" },
    });
  });

  test("1 where the copy cannot be reached, with what was found", async () => {
    const target = await damagedTarget();
    const args = ["verify", target, "--repair-from", "http://127.0.0.1:1/", "--json", "--quiet"];
    const { code, stdout, stderr } = await runCli(args);
    expect(code, stderr).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ faults: 2, error: { kind: "operation" } });
    expect(stderr).toMatch(/127\.0\.0\.1:1/);
  });

  test("2 where nothing can be repaired, and nothing secret is shown", async () => {
    const server = await startLogServer(log.objects);
    const secret = "https://user:s3cret@mirror.example/?token=s3cret";
    const { code, stderr } = await runCli([
      "verify",
      server.url,
      "--vkey",
      log.vkey,
      "--repair-from",
      secret,
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/can only be read/);
    expect(stderr).not.toContain("s3cret");
    expect(server.requests).toEqual([]);
  });
});
