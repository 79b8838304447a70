/** A mirror that is killed, or loses power, at any line serves one checkpoint or the next, each with all that it commits to. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { spawnCli } from "../../support/cli.ts";
import { grow } from "../../support/follow.ts";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { killAt } from "../../support/migration-process.ts";
import { faultsSeen, mirroredSize } from "../../support/mirrors.ts";
import { diskDirectory, memoryDirectory, versionOf } from "../../support/places/directory.ts";
import { DurabilityModel, holdAgainst, parseTrace } from "../../support/places/fsync-trace.ts";
import { straceOptions, whyNotTraced } from "../../support/places/traced-migration.ts";

const log = testLog({ format: "static-ct", size: 700 });
const obstacle = whyNotTraced();
const isRequired = process.env.TLOG_MIGRATE_REQUIRE_STRACE === "1";

function mirrorArguments({ url }: LogServer, target: string, { vkey, format }: TestLog): string[] {
  return ["follow", url, target, "--mirror", "--vkey", vkey, "--format", format, "--interval", "0.02"];
}

async function published(target: string, size: number): Promise<void> {
  await expect.poll(() => mirroredSize(target), { timeout: 30_000 }).toBe(size);
}

test.each([
  ["before", "rename", "/.state/version", 0],
  ["after", "rename", "/.state/version", 0],
  ["before", "rename", "/checkpoint", 0],
  ["after", "rename", "/checkpoint", 0],
  ["before", "rename", "/checkpoint", 1],
  ["after", "rename", "/checkpoint", 1],
  ["after", "rename", "/tile/data/002.p/188", 0],
  ["after", "rename", "/tile/1/000.p/2", 0],
  ["before", "rename", "/.state/tlog-migrate-follow.json", 0],
] as const)("killed %s a %s of %s (%i more before it), it goes on", async (when, call, suffix, first) => {
  const server = await startLogServer(log.atSize(300).objects);
  const target = join(memoryDirectory(), "mirror");
  const args = mirrorArguments(server, target, log);
  const { nodeArguments = [], env = {} } = killAt(when, call, suffix, first);
  const { result } = spawnCli(args, { env: { ...env, NODE_OPTIONS: nodeArguments.join(" ") } });
  await Promise.race([published(target, 300).catch(() => {}), result]);
  grow(server, log);
  expect(await result).toMatchObject({ signal: "SIGKILL" });
  expect(faultsSeen(target, log)).toEqual([]);
  expect(versionOf(target) ?? "migration-in-progress").toMatch(/^migration-in-progress/);
  const again = spawnCli(args);
  await published(target, 700);
  expect(faultsSeen(target, log)).toEqual([]);
  again.child.kill("SIGTERM");
  expect(await again.result).toMatchObject({ code: 143 });
});

test.runIf(obstacle === undefined || isRequired)(
  "all that a checkpoint commits to, issuers too, is on the disk before it is",
  async () => {
    expect(obstacle, "TLOG_MIGRATE_REQUIRE_STRACE=1 asks for strace").toBeUndefined();
    const base = diskDirectory();
    if (base === undefined) throw new Error("there is no disk here: fsync has nothing to do in memory");
    const [target, trace] = [join(base, "mirror"), join(base, "trace")];
    const checkpoint = join(target, "checkpoint");
    const sizes = [300, 301, 700];
    const server = await startLogServer(new Map());
    const model = new DurabilityModel(
      base,
      readdirSync(base).map((name) => join(base, name)),
    );
    grow(server, log.atSize(sizes[0] ?? 0));
    const before = `set -- strace ${straceOptions(trace).join(" ")} "$@"`;
    const { result } = spawnCli(mirrorArguments(server, target, log), { before });
    for (const size of sizes) {
      grow(server, log.atSize(size));
      await published(target, size);
    }
    // strace passes no signals on.
    const { pid } = JSON.parse(readFileSync(join(target, ".state/tlog-migrate.lock"), "utf8"));
    process.kill(pid, "SIGTERM");
    expect(await result).toMatchObject({ code: 143 });
    const calls = parseTrace(readFileSync(trace, "utf8")).filter(({ paths }) =>
      paths.some((path) => path.startsWith(`${base}/`) || path === base),
    );
    const left = sizes.map((size) =>
      [...log.atSize(size).objects.keys()].filter((path) => path !== "checkpoint"),
    );
    const name = "all before the checkpoint";
    const rule = {
      name,
      applies: ({ name, paths }: (typeof calls)[number]) =>
        name.startsWith("rename") && paths[1] === checkpoint,
      losses: (model: DurabilityModel) =>
        (left.shift() ?? []).map((path) => model.lossOf(join(target, path))),
    };
    const kept = holdAgainst(calls, model, [rule]).get(name);
    expect(kept).toEqual({ applied: sizes.length, violations: [] });
    expect(model.lossOf(checkpoint)).toBeUndefined();
  },
);
