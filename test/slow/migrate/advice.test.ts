/** Every message that says what to do leads out: the fault is made, the advice read and followed, and the copy ends well. */

import { mkdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { MigrationOptions } from "../../../lib/migrate/options/options.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { expectRefused } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import { expectKilled } from "../../support/migration-process.ts";
import {
  differences,
  directoryContents,
  filesBelow,
  memoryDirectory,
  versionOf,
  writeFiles,
} from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

/** One seal and some more. */
const log = testLog({ size: 65_536 + 300, entrySize: 8 });

type Options = Partial<MigrationOptions>;

/** What an operator does who reads a message: changes the target, or the command. */
const ADVICE: readonly [RegExp, (target: string, found: RegExpExecArray) => Options][] = [
  [/^(\S+): .* remove it, then run the same command again$/, (_, [, path]) => removed(path)],
  [/Run the same command with --recheck/, () => ({ recheck: true })],
  [
    /Remove (\S+)(?: and (\S+))? while .* run the same copy with --adopt/,
    (target, [, ...paths]) => {
      for (const path of paths) if (path !== undefined) removed(isAbsolute(path) ? path : join(target, path));
      return { adopt: true };
    },
  ],
  [/found (\S+)\)\. .*move it away, then run the same command again$/, (_, [, path]) => removed(path)],
  [
    / tree state.* move (\S+) away, then run the same command again/,
    (target, [, path = ""]) => removed(join(target, path)),
  ],
  [/^(\S+): is a directory where a file should be\. .* move it away$/, (_, [, path]) => removed(path)],
];

function removed(path = ""): Options {
  expect(path).toMatch(/^\/dev\/shm\/./);
  rmSync(path, { recursive: true });
  return {};
}

/** Runs the copy, and whatever each message says, until it ends well; how often it was run. */
async function following(server: { readonly url: string }, target: string, of = log): Promise<number> {
  let options: Options = {};
  for (let runs = 1; runs <= 4; runs++) {
    const { message } = await failureOf(migrateLog(of, server, target, options));
    const [words, follow] = ADVICE.find(([advice]) => advice.test(message)) ?? [];
    if (words === undefined || follow === undefined) throw new Error(`no advice is known in: ${message}`);
    options = { ...options, ...follow(target, words.exec(message) as RegExpExecArray) };
    try {
      expect(await migrateLog(of, server, target, options)).toMatchObject({ outcome: "handed-over" });
      return runs;
    } catch (error) {
      if (!(error instanceof Error) || error.name === "AssertionError") throw error;
    }
  }
  throw new Error("the advice leads nowhere");
}

type Fault = (target: string) => void;

const write =
  (path: string, bytes: Uint8Array | string): Fault =>
  (target) =>
    writeFiles(target, [[path, bytes]]);

const remove =
  (path: string): Fault =>
  (target) =>
    rmSync(join(target, path), { recursive: true });

const truncate =
  (path: string, bytes: number): Fault =>
  (target) =>
    truncateSync(join(target, path), bytes);

const directoryAt =
  (path: string): Fault =>
  (target) => {
    rmSync(join(target, path), { force: true });
    mkdirSync(join(target, path), { recursive: true });
  };

const changeMarker =
  (from: string, to: string): Fault =>
  (target) => {
    const marker = versionOf(target)?.replace(from, to) ?? "";
    expect(marker).toContain(to);
    writeFiles(target, [[".state/version", marker]]);
  };

let filled: [string, Buffer][] | undefined;

/** A copy that is not handed over: made once, and stored again for each test. */
async function filledCopy() {
  const { server, target } = await newCopy(log);
  if (filled === undefined) await migrateLog(log, server, target, { handOver: false });
  else writeFiles(target, filled);
  filled ??= filesBelow(target).map((path) => [path, readFileSync(join(target, path))]);
  return { server, target };
}

describe("a copy that stopped before the handover is finished by following its messages:", () => {
  test.each<[string, Fault]>([
    ["a bundle of another format below a seal", write("tile/data/000", "foreign")],
    ["a bundle of another format beyond the log", write("tile/data/999", "foreign")],
    ["a bundle beyond the log", write("tile/entries/300", "beyond")],
    ["a full bundle in place of the last partial one", write("tile/entries/257", Buffer.alloc(8_192))],
    ["a level beyond the log", write("tile/3/000.p/1", Buffer.alloc(32))],
    ["a directory with an object's name, beyond the log", directoryAt("tile/0/300")],
    ["a wrong obsolete partial tile", write("tile/0/000.p/3", Buffer.alloc(96))],
    ["an empty obsolete partial bundle below a seal", write("tile/entries/000.p/3", "")],
    ["a missing bundle below a seal", remove("tile/entries/100")],
    ["a missing level-0 tile below a seal", remove("tile/0/100")],
    ["all bundles missing", remove("tile/entries")],
    ["an empty bundle below a seal", truncate("tile/entries/100", 0)],
    ["an overlong bundle below a seal", truncate("tile/entries/100", 2 ** 30)],
    ["a short level-0 tile below a seal", truncate("tile/0/100", 8_191)],
    ["a directory in place of a bundle below a seal", directoryAt("tile/entries/100")],
    ["a directory in place of a bundle at the edge", directoryAt("tile/entries/257.p/44")],
    ["a directory in place of a seal", directoryAt("tile/1/000")],
    ["a checkpoint", write("checkpoint", "somebody's")],
    ["another tree state", write(".state/treeState", `{"size":7,"root":"${formatHash(Buffer.alloc(32))}"}`)],
    ["an unreadable tree state", write(".state/treeState", "{}")],
    ["a marker cut off", changeMarker('"distrustSeals"', "")],
    ["a marker of another origin than its checkpoint's", changeMarker('"origin":"', '"origin":"x')],
    ["a marker without its checkpoint", changeMarker('"checkpoint":"', '"checkpoint":"x')],
  ])("%s", async (_fault, make) => {
    const { server, target } = await filledCopy();
    make(target);
    expect(await following(server, target)).toBeLessThanOrEqual(2);
    expect(differences(target, log)).toEqual([]);
  });

  test("a damaged marker of a handover that had begun", async () => {
    const { server, target } = await newCopy(log);
    await expectKilled(log, server, target, "after", "rename", ".state/tlog-migrate.json");
    changeMarker('"distrustSeals"', "")(target);
    expect(await following(server, target)).toBe(1);
    expect(differences(target, log)).toEqual([]);
  });
});

test("only the seal may be removed where only that is concerned, and the same command run", async () => {
  const { server, target } = await filledCopy();
  rmSync(join(target, "tile/entries/100"));
  const { message } = await failureOf(migrateLog(log, server, target));
  const [, seal = ""] = /remove its seal (\S+) and run the same command as before/.exec(message) ?? [];
  removed(seal);
  expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over", entries: 256 });
  expect(differences(target, log)).toEqual([]);
});

test("a missing issuer is stored where its message says", async () => {
  const ct = testLog({ size: 300, format: "static-ct" });
  const server = await startLogServer(ct.objects);
  const [issuer = ""] = [...ct.objects.keys()].filter((path) => path.startsWith("issuer/"));
  server.objects = new Map([...ct.objects].filter(([path]) => path !== issuer));
  const target = memoryDirectory();
  const { message } = await failureOf(migrateLog(ct, server, target));
  const [, name = ""] = /names an issuer that is missing: (issuer\/\S+)\. Get it/.exec(message) ?? [];
  expect(message).toContain("store it in the target under this name");
  writeFiles(target, [[name, ct.object(name)]]);
  expect(await migrateLog(ct, server, target)).toMatchObject({ outcome: "handed-over" });
  expect(differences(target, ct)).toEqual([]);
});

test("an issuer that only a damaged list names is left out once the list is removed", async () => {
  const ct = testLog({ size: 300, format: "static-ct" });
  const { server, target } = await newCopy(ct);
  await migrateLog(ct, server, target, { handOver: false });
  const path = join(target, ".state/tlog-migrate-issuers.json");
  const list = readFileSync(path, "utf8").replace(/"[0-9a-f]{8}/, '"00000000');
  writeFiles(target, [[".state/tlog-migrate-issuers.json", list]]);
  const { message } = await failureOf(migrateLog(ct, server, target));
  const [, name = ""] = /if no entry names it, remove (\S+) from the target/.exec(message) ?? [];
  removed(join(target, name));
  expect(await migrateLog(ct, server, target)).toMatchObject({ outcome: "handed-over" });
  expect(differences(target, ct)).toEqual([]);
});

describe("a damaged record of a log that is handed over, which may be live,", () => {
  test.each([
    ["cut off", (record: string) => record.slice(0, 100)],
    ["of a root that is none", (record: string) => record.replace('"rootHash":"', '"rootHash":"_')],
    ["empty", () => ""],
  ])("%s: is named, nothing is to be emptied, and verify works as it says", async (_how, damage) => {
    const { server, target } = await filledCopy();
    await migrateLog(log, server, target);
    const path = join(target, ".state/tlog-migrate.json");
    writeFiles(target, [[".state/tlog-migrate.json", damage(readFileSync(path, "utf8"))]]);
    const before = directoryContents(target);
    const copy = migrateLog(log, server, target);
    await expectRefused(copy, /tlog-migrate\.json: is damaged.*log is not damaged.*may be live/);
    const { message } = await failureOf(migrateLog(log, server, target));
    expect(message.startsWith(`${path}: `)).toBe(true);
    expect(message).not.toMatch(/empty|start over|--adopt|[Rr]emove/);
    expect(directoryContents(target)).toEqual(before);
    expect(await verify(log, target, { policy: undefined })).toMatchObject({ faults: 0, size: log.size });
  });
});
