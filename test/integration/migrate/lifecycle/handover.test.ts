/** Promise 3: the handover comes last, at one stroke, and a crash between any two steps is finished by the next run. */

import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Progress } from "../../../../lib/index.ts";
import { formatHash } from "../../../../lib/tlog/merkle.ts";
import { startLogServer } from "../../../support/http/misbehaving-log-server.ts";
import { expectNotVerified, expectRefused, flippedBit } from "../../../support/http/tampering.ts";
import { testLog } from "../../../support/logs/generated-log.ts";
import { abandonTarget, migrateLog, newCopy } from "../../../support/migration.ts";
import { expectKilled } from "../../../support/migration-process.ts";
import {
  differences,
  directoryContents,
  filesBelow,
  memoryDirectory,
  temporaryFiles,
  versionOf,
  writeFiles,
} from "../../../support/places/directory.ts";

const log = testLog({ size: 900, entrySize: 30 });
const TREE_STATE = JSON.stringify({ size: 900, root: formatHash(log.rootHash) });
const STATE_FILES = ["gcState", "tlog-migrate.json", "treeState", "version"];

function state(target: string, name: string): string {
  return readFileSync(join(target, ".state", name), "utf8");
}

function expectHandedOver(target: string): void {
  expect(differences(target, log)).toEqual([]);
  expect(filesBelow(join(target, ".state"))).toEqual(STATE_FILES);
  expect(state(target, "treeState")).toBe(TREE_STATE);
  expect(state(target, "gcState")).toBe('{"fromSize":768}');
  expect(state(target, "version")).toBe("1");
  expect(JSON.parse(state(target, "tlog-migrate.json"))).toMatchObject({
    "tlog-migrate-record": 3,
    origin: log.origin,
    size: 900,
    rootHash: formatHash(log.rootHash),
  });
}

test("a log that is handed over has its tree state, no claim, and no checkpoint", async () => {
  const { server, target } = await newCopy(log);
  const report = await migrateLog(log, server, target);
  expect(report).toMatchObject({ outcome: "handed-over", size: 900, rootHash: formatHash(log.rootHash) });
  expectHandedOver(target);
  expect(existsSync(join(target, "checkpoint"))).toBe(false);
});

test("an empty log is handed over too", async () => {
  const empty = testLog({ size: 0 });
  const { server, target } = await newCopy(empty);
  expect(await migrateLog(empty, server, target)).toMatchObject({ outcome: "handed-over", size: 0 });
  expect(state(target, "treeState")).toBe('{"size":0,"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}');
  expect(state(target, "version")).toBe("1");
});

test("the same command after the handover says that it is done, from the checkpoint and one record", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target);
  const before = directoryContents(target);
  const asked = server.requests.length;
  const report = await migrateLog(log, server, target);
  expect(report).toMatchObject({ outcome: "already-handed-over", size: 900, entries: 0 });
  expect(server.requests.slice(asked).map(({ path }) => path)).toEqual(["checkpoint"]);
  expect(directoryContents(target)).toEqual(before);
});

test("nothing is handed over that was not told to be", async () => {
  const { server, target } = await newCopy(log);
  for (const options of [{}, { snapshot: true }, { saveCheckpoint: true }]) {
    const report = await migrateLog(log, server, target, { ...options, handOver: undefined });
    expect(report).toMatchObject({ outcome: "ready-for-handover", size: 900 });
    expect(filesBelow(join(target, ".state"))).toEqual(["version"]);
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
    expect(existsSync(join(target, "checkpoint"))).toBe(false);
  }
});

describe("after the handover, what the target says of itself decides:", () => {
  const grown = log.atSize(1_300);
  const other = testLog({ size: 1_300, entrySize: 31 });
  const treeStateOf = ({ size, rootHash }: Pick<typeof log, "size" | "rootHash">): string =>
    JSON.stringify({ size, root: formatHash(rootHash) });

  async function handedOverCopy() {
    const copy = await newCopy(log);
    await migrateLog(log, copy.server, copy.target);
    return copy;
  }

  test("a log that has grown there is taken over, also where the source shows a part of what was added", async () => {
    const { server, target } = await handedOverCopy();
    writeFiles(
      target,
      [...grown.objects].filter(([path]) => path !== "checkpoint"),
    );
    writeFiles(target, [[".state/treeState", treeStateOf(grown)]]);
    for (const source of [log, log.atSize(1_000), grown]) {
      server.objects = source.objects;
      expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "taken-over" });
    }
    server.objects = log.atSize(1_400).objects;
    await expectRefused(migrateLog(log, server, target), /found size 1,400.*was not stopped/);
    server.objects = other.atSize(1_000).objects;
    await expectNotVerified(migrateLog(log, server, target), /there are two logs of one name/);
  });

  test.each([
    [
      "of another root",
      treeStateOf({ size: 900, rootHash: other.rootHash }),
      /expected size 900.*found size 900/,
    ],
    ["of a smaller tree", treeStateOf(log.atSize(899)), /expected size 900.*found size 899/],
    ["of a larger tree that is not there", treeStateOf(grown), /1300|missing/],
    ["that cannot be read", "{}", /: the tree state: /],
  ])("a tree state %s is not", async (_, treeState, message) => {
    const { server, target } = await handedOverCopy();
    writeFiles(target, [[".state/treeState", treeState]]);
    await expectNotVerified(migrateLog(log, server, target), message);
    expect(state(target, "treeState")).toBe(treeState);
  });

  test("nor is a larger tree that does not begin with what was handed over", async () => {
    const { server, target } = await handedOverCopy();
    writeFiles(target, other.objects);
    writeFiles(target, [[".state/treeState", treeStateOf(other)]]);
    await expectNotVerified(
      migrateLog(log, server, target),
      /there are two logs of one name.*expected size 900/,
    );
  });
});

test("after the handover the place belongs to the log software: another source is refused, untouched", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target);
  const before = directoryContents(target);
  server.objects = log.atSize(901).objects;
  for (const options of [{}, { adopt: true }, { snapshot: true }]) {
    const message = /handed over at size 900.*found size 901/;
    await expectRefused(migrateLog(log, server, target, options), message);
  }
  server.objects = testLog({ size: 900, entrySize: 31 }).objects;
  await expectNotVerified(
    migrateLog(log, server, target),
    /the log forked: at size 900 it had another root before/,
  );
  const elsewhere = testLog({ size: 900, entrySize: 30, seed: "another-log" });
  server.objects = elsewhere.objects;
  await expectRefused(migrateLog(elsewhere, server, target), /another log: its origin differs/);
  expect(directoryContents(target)).toEqual(before);
});

describe("killed in the handover, the next run completes it:", () => {
  const moments = ["gcState", "treeState", "tlog-migrate.json"].flatMap((file) => [
    { when: "before" as const, file },
    { when: "after" as const, file },
  ]);
  const last = { when: "before" as const, file: "version" };
  test.each([...moments, last])("$when $file", async ({ when, file }) => {
    const { server, target } = await newCopy(log);
    const call = file === "treeState" ? "link" : "rename";
    await expectKilled(log, server, target, when, call, `.state/${file}`);
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
    expect(existsSync(join(target, ".state", file))).toBe(when === "after" || file === "version");
    const report = await migrateLog(log, server, target);
    expect(report).toMatchObject({ outcome: "handed-over", resumedEntries: 900 });
    expectHandedOver(target);
  });

  test("after treeState, while the source has grown since: not before the handover is taken back", async () => {
    const { server, target } = await newCopy(log);
    await expectKilled(log, server, target, "after", "link", ".state/treeState");
    const grown = log.atSize(1_000);
    server.objects = new Map([...log.objects, ...grown.objects]);
    for (const snapshot of [true, false]) {
      await expectRefused(
        migrateLog(log, server, target, { snapshot }),
        /handover at size 900 was broken off.*expected a source of size 900, found size 1,000.*without --handover/,
      );
      expect(versionOf(target)).toMatch(/^migration-in-progress /);
    }
    expect(await abandonTarget(target)).toMatchObject({ outcome: "handover-taken-back", size: 900 });
    expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over", size: 1_000 });
    expect(state(target, "treeState")).toBe(
      JSON.stringify({ size: 1_000, root: formatHash(grown.rootHash) }),
    );
  });

  test("after treeState, while the source grows meanwhile: not before the handover is taken back", async () => {
    const { server, target } = await newCopy(log);
    await expectKilled(log, server, target, "after", "link", ".state/treeState");
    let reads = 0;
    server.intercept("checkpoint", async (_request, _response, next) => {
      if (++reads > 1) server.objects = new Map([...log.objects, ...log.atSize(1_000).objects]);
      await next();
    });
    await expectRefused(migrateLog(log, server, target), /handover at size 900 was broken off/);
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
  });

  test("after treeState, but not by a run that was not told to hand over: it takes the handover back, and says so", async () => {
    for (const size of [900, 1_000]) {
      const { server, target } = await newCopy(log);
      await expectKilled(log, server, target, "after", "link", ".state/treeState");
      server.objects = new Map([...log.objects, ...log.atSize(size).objects]);
      for (let times = 0; times < 2; times++) {
        const notices: string[] = [];
        const notice = (line: string) => notices.push(line);
        const report = await migrateLog(log, server, target, { handOver: false, notice });
        expect(report).toMatchObject({ outcome: "ready-for-handover", size });
        expect(notices.filter((line) => line.includes("was taken back"))).toHaveLength(1 - times);
        expect(filesBelow(join(target, ".state"))).toEqual(["version"]);
        expect(versionOf(target)).toMatch(/^migration-in-progress /);
      }
      expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over", size });
    }
  });

  test("after version", async () => {
    const { server, target } = await newCopy(log);
    await expectKilled(log, server, target, "after", "rename", ".state/version");
    expect((await migrateLog(log, server, target)).outcome).toBe("already-handed-over");
    // What the killed run left, its lock too, is removed.
    expectHandedOver(target);
  });

  test("right after the claim, before anything else is there", async () => {
    const server = await startLogServer(log.objects);
    const target = join(memoryDirectory(), "target");
    await expectKilled(log, server, target, "after", "link", ".state/version");
    expect(filesBelow(target).filter((path) => !path.includes(".tmp/"))).toEqual([".state/version"]);
    await migrateLog(log, server, target);
    expectHandedOver(target);
    expect(temporaryFiles(target)).toEqual([]);
  });
});

/** A copy that lacks nothing but the handover. */
async function readyCopy(of = log) {
  const copy = await newCopy(of);
  await migrateLog(of, copy.server, copy.target, { handOver: false });
  return copy;
}

test("a tree state that is not this log's is never overwritten, whatever it says", async () => {
  const { server, target } = await readyCopy();
  for (const treeState of [
    JSON.stringify({ size: 899, root: formatHash(log.rootHash) }),
    JSON.stringify({ size: 900, root: formatHash(testLog({ size: 3 }).rootHash) }),
    '{"size":900}',
    "not JSON",
    "",
  ]) {
    const theirs: [string, string][] = [
      [".state/treeState", treeState],
      [".state/gcState", "theirs"],
    ];
    writeFiles(target, theirs);
    const asked = server.requests.length;
    await expectRefused(migrateLog(log, server, target), /tree ?state/i);
    const paths = server.requests.slice(asked).map(({ path }) => path);
    expect(paths, "it is told before anything is copied").toEqual(["checkpoint"]);
    expect(state(target, "treeState")).toBe(treeState);
    expect(state(target, "gcState")).toBe("theirs");
    expect(versionOf(target)).toMatch(/^migration-in-progress /);
    expect(existsSync(join(target, ".state/tlog-migrate.json"))).toBe(false);
  }
});

test("an equal tree state, however it is written, is taken for what it says", async () => {
  const { server, target } = await readyCopy();
  const treeState = `${JSON.stringify({ size: 900, root: formatHash(log.rootHash) }, undefined, 1)}\n`;
  writeFiles(target, [[".state/treeState", treeState]]);
  expect((await migrateLog(log, server, target)).outcome).toBe("handed-over");
  expect(state(target, "treeState")).toBe(treeState);
});

test("a guard that others lift or change while the copy is at work ends it, without a handover", async () => {
  const server = await startLogServer(log.objects);
  for (const [change, found] of [
    [() => "1", /version.*claim any more.*found 1/],
    [(claim: string) => claim.replace('"smallestSize":900', '"smallestSize":800'), /version.*claim any more/],
  ] as const) {
    const target = memoryDirectory();
    const undo = server.intercept("tile/entries/003.p/132", async (_request, _response, next) => {
      writeFiles(target, [[".state/version", change(versionOf(target) as string)]]);
      await next();
    });
    await expectRefused(migrateLog(log, server, target), found);
    undo();
    expect(existsSync(join(target, ".state/treeState"))).toBe(false);
    // Once the guard is lifted, what is under way does not get its name any more.
    expect(existsSync(join(target, "tile/entries/003.p/132"))).toBe(versionOf(target) !== "1");
  }
});

describe("the target is looked at before the handover:", () => {
  const large = testLog({ size: 65_536 + 300, entrySize: 8 });

  test("a hole below a seal is found by the listing, and named", async () => {
    const server = await startLogServer(large.objects);
    for (const hole of ["tile/entries/077", "tile/0/255"]) {
      const target = memoryDirectory();
      await migrateLog(large, server, target, { handOver: false });
      rmSync(join(target, hole));
      await expectNotVerified(migrateLog(large, server, target), `${join(target, hole)}: is missing`);
      expect(existsSync(join(target, ".state/treeState"))).toBe(false);
    }
  });

  test("a tile of another size below a seal is found, and named", async () => {
    const { server, target } = await readyCopy(large);
    writeFiles(target, [["tile/0/100", Buffer.alloc(8_191)]]);
    await expectNotVerified(migrateLog(large, server, target), /tile\/0\/100: has 8,191 bytes/);
  });

  test("the root is recomputed from the target's own upper tiles, after they were written", async () => {
    const server = await startLogServer(large.objects);
    for (const path of ["tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1"]) {
      const target = memoryDirectory();
      const progress = new Progress();
      // At the moment of the check the disk gives other bytes than were written.
      Object.defineProperty(progress, "phase", {
        set(phase: string) {
          if (phase === "checking the target")
            writeFiles(target, [[path, flippedBit(large.object(path), 5)]]);
        },
      });
      await expectNotVerified(migrateLog(large, server, target, { progress }), path);
      expect(existsSync(join(target, ".state/treeState"))).toBe(false);
    }
  });

  test("what stands beyond the log is found, and named", async () => {
    const { server, target } = await readyCopy();
    for (const path of [
      "tile/entries/004",
      "tile/entries/003",
      "tile/entries/003.p/133",
      "tile/0/004.p/1",
      "tile/1/000",
      "tile/1/001.p/1",
      "tile/2/000.p/1",
    ]) {
      writeFiles(target, [[path, Buffer.alloc(8_192)]]);
      await expectNotVerified(migrateLog(log, server, target), `${join(target, path)}: is beyond size 900`);
      expect(existsSync(join(target, ".state/treeState"))).toBe(false);
      rmSync(join(target, path));
    }
    await migrateLog(log, server, target);
    expectHandedOver(target);
  });
});

test("the source's checkpoint is stored only where asked for, after all else, and never over another", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { saveCheckpoint: true, handOver: false });
  expect(existsSync(join(target, "checkpoint"))).toBe(false);
  await migrateLog(log, server, target, { saveCheckpoint: true });
  expect(readFileSync(join(target, "checkpoint"))).toEqual(log.object("checkpoint"));
  writeFiles(target, [["checkpoint", "somebody's"]]);
  const notices: string[] = [];
  await migrateLog(log, server, target, { saveCheckpoint: true, notice: (line) => notices.push(line) });
  expect(readFileSync(join(target, "checkpoint"), "utf8")).toBe("somebody's");
  expect(notices.join()).toMatch(/checkpoint exists already/);
});
