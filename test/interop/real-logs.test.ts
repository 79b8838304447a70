/** Logs as they are published: copied, verified, handed over, and taken over by Tessera. They are only read. */

import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { describeWithGo } from "../support/go/describe-with-go.ts";
import { filesLost, readLog } from "../support/go/log-files.ts";
import { fsck, takeOver } from "../support/go/tessera.ts";
import { useGoPrograms } from "../support/go/use-go-programs.ts";
import { startLogServer } from "../support/http/misbehaving-log-server.ts";
import { realLogLine, realLogPath } from "../support/logs/real-logs.ts";
import { directoryContents, filesBelow, memoryDirectory } from "../support/places/directory.ts";

const APPENDED = 300;
const UNSIGNED = ["--insecure-no-signature"];

interface RealLog {
  readonly name: string;
  readonly directory: string;
  readonly size: number;
  readonly origin: string;
  /** The name of the key by which an Appender goes on: Tessera signs under the origin, which a key's name cannot always be. */
  readonly appender?: string;
  readonly trust: () => string[];
  /** Before the URL of the directory, or of the server that serves it. */
  readonly scheme?: string;
}

const ARMORY = { size: 2, origin: "Armory Drive Prod 2", appender: "armory-drive-log" };
/** Options that trust a log by the key that was published with it. */
const publishedKey = (file: string) => ["--vkey", realLogLine(file)];
const armoryKey = () => [...publishedKey("armory-drive-log/key.pub"), "--origin", ARMORY.origin];

const LOGS: readonly RealLog[] = [
  {
    name: "anvil-mirror",
    directory: "anvil-mirror/log",
    size: 12,
    origin: "anvil.yourarmor.ai/log/v0",
    trust: () => publishedKey("anvil-mirror/log.vkey"),
  },
  {
    name: "transparent-tuf",
    directory: "transparent-tuf/tlog",
    size: 14,
    origin: "github.com/Hayden-IO/transparent-tuf",
    trust: () => publishedKey("transparent-tuf/public.key"),
  },
  { name: "armory-as-tiles", directory: "armory-as-tiles", ...ARMORY, trust: armoryKey },
  {
    name: "armory-drive-log",
    directory: "armory-drive-log/log",
    ...ARMORY,
    trust: armoryKey,
    scheme: "serverless+",
  },
  {
    name: "serverless-test",
    directory: "serverless-test/log",
    size: 72,
    origin: "github.com/AlCutter/serverless-test/log",
    trust: () => UNSIGNED,
    scheme: "serverless+",
  },
];

describeWithGo("a real log", () => {
  useGoPrograms("tesserakit");

  test.each(LOGS)("$name is copied from its directory, verified, and taken over by Tessera", async (log) => {
    const directory = realLogPath(log.directory);
    const before = directoryContents(directory);
    const source = `${log.scheme ?? ""}file://${directory}`;
    await succeeds(["verify", source, ...log.trust()]);
    await expectTakenOver(log, source);
    expect(directoryContents(directory)).toEqual(before);
  });

  test.each(LOGS)("$name is copied over HTTP, verified, and taken over by Tessera", async (log) => {
    const { url } = await startLogServer(readLog(realLogPath(log.directory)));
    await succeeds(["verify", `${log.scheme ?? ""}${url}`, ...log.trust()]);
    await expectTakenOver(log, `${log.scheme ?? ""}${url}`);
  });
});

test("what is made of armory-drive-log is what an independent script made of it, byte for byte", async () => {
  const target = join(memoryDirectory(), "target");
  await succeeds([
    "copy",
    `serverless+file://${realLogPath("armory-drive-log/log")}`,
    target,
    ...armoryKey(),
  ]);
  const expected = readLog(realLogPath("armory-as-tiles"));
  expected.delete("checkpoint");
  expect(readLog(target)).toEqual(expected);
});

test("1,024 entries of a public Static CT log are copied, and verified, without their issuers", async () => {
  const { url } = await startLogServer(readLog(realLogPath("navigli-1024")), { gzip: true });
  for (const source of [realLogPath("navigli-1024"), url]) {
    const target = join(memoryDirectory(), "target");
    const trust = ["--format", "static-ct", ...UNSIGNED, "--allow-missing-issuers"];
    const report = await succeeds(["copy", source, target, ...trust]);
    expect(report).toMatchObject({ origin: "navigli2025h2.example", size: 1024, entries: 1024 });
    const before = readLog(realLogPath("navigli-1024"));
    before.delete("checkpoint");
    const ofTree = new Map([...before].filter(([path]) => !path.startsWith("tile/names/")));
    expect(filesLost(target, ofTree)).toEqual([]);
    expect(await succeeds(["verify", source, ...trust])).toMatchObject({ entries: 1024, faults: 0 });
  }
});

/** Copies and hands over a log, and has Tessera's Appender go on with it under a key of ours. */
async function expectTakenOver(log: RealLog, source: string): Promise<void> {
  const { size, origin, appender = origin } = log;
  const dir = join(memoryDirectory(), "target");
  const report = await succeeds(["copy", source, dir, ...log.trust(), "--handover", "--settle", "0"]);
  expect(report).toMatchObject({ outcome: "handed-over", origin, size, entries: size });
  expect(await succeeds(["verify", dir])).toMatchObject({ authority: "treeState", entries: size, faults: 0 });
  const copied = new Map([...readLog(dir)].filter(([path]) => path.startsWith("tile/")));
  expect(copied.size).toBe(filesBelow(join(dir, "tile")).length);

  const grown = size + APPENDED;
  const taken = await takeOver({ dir, origin: appender, key: "a key of ours", add: APPENDED });
  expect(taken).toMatchObject({
    sizeBefore: size,
    indices: [size, grown - 1],
    contiguous: true,
    size: grown,
  });
  const { vkey, rootHash } = taken;
  expect(await fsck({ dir, vkey })).toEqual({ ok: true, origin: appender, size: grown, rootHash });
  expect(filesLost(dir, copied)).toEqual([]);
}

/** The document that a command prints, which must succeed. */
async function succeeds(args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runCli([...args, "--json"]);
  expect(code, `${args.join(" ")}\n${stderr}`).toBe(0);
  return JSON.parse(stdout);
}
