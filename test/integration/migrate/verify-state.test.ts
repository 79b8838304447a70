/** `verify` where little or nothing is left of a log, and where its private tree state says something else. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { VerificationError } from "../../../lib/errors.ts";
import { TileRecomputation } from "../../../lib/migrate/verify/tile-recomputation.ts";
import { formatHash, HASH_SIZE } from "../../../lib/tlog/merkle.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { memoryContext } from "../../support/logs/in-memory-log.ts";
import { FAST_RETRY } from "../../support/migration.ts";
import { logDirectory, writeFiles } from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

const TREE_STATE = ".state/treeState";

/** Two full level-1 tiles, a partial one, a partial bundle: every kind of object. */
const LARGE = testLog({ size: 2 * 65_536 + 3 * 256 + 7, entrySize: 4 });

const SMALL = LARGE.atSize(900);

function writeTreeState(directory: string, size: number, rootHash: Uint8Array): void {
  writeFiles(directory, [
    [".state/version", "1"],
    [TREE_STATE, JSON.stringify({ size, root: formatHash(rootHash) })],
  ]);
}

/** A log of `grown` that has signed no more than the checkpoint of `signed`. */
function integratedLog(signed: TestLog, grown: TestLog): string {
  const directory = logDirectory(grown);
  writeFiles(directory, [["checkpoint", signed.object("checkpoint")]]);
  writeTreeState(directory, grown.size, grown.rootHash);
  return directory;
}

describe("verify of a log of which little is left", () => {
  it("ends at once where nothing authenticates the right edge, however large the tree", async () => {
    const size = Number.MAX_SAFE_INTEGER;
    const checkpoint = SMALL.object("checkpoint").toString().replace("\n900\n", `\n${size}\n`);
    const objects = new Map([["checkpoint", Buffer.from(checkpoint)]]);
    const server = await startLogServer(objects);
    for (const place of [logDirectory({ objects }), server.url]) {
      const report = await verify(SMALL, place, {
        policy: { insecureNoSignature: true },
        ...(place === server.url ? { retry: FAST_RETRY } : {}),
      });
      expect(report).toMatchObject({ size, faults: 1, entries: 0 });
      expect(report.findings[0]?.problem).toContain("the objects below do not give the root either");
      expect(report.notChecked.join()).toContain("nothing authenticates them");
    }
  });

  it("asks a directory once for what is missing", async () => {
    const directory = logDirectory(LARGE);
    for (const path of ["tile/1/000", "tile/0/300", "tile/entries/007"]) rmSync(join(directory, path));
    const report = await verify(LARGE, directory);
    expect(pathsOf(report)).toEqual(["tile/0/300", "tile/1/000", "tile/entries/007"]);
    expect(report.retries).toBe(0);
  });

  it("names every tile where the tiles are gone, and verifies the entries all the same", async () => {
    const directory = logDirectory(SMALL);
    for (const level of [0, 1]) rmSync(join(directory, `tile/${level}`), { recursive: true });
    const report = await verify(SMALL, directory);
    const tiles = [...SMALL.objects.keys()].filter((path) => /^tile\/\d/.test(path));
    expect(pathsOf(report)).toEqual(tiles.toSorted());
    expect(report.entries).toBe(900);
  });

  it("finds the right edge among what is stored and what is below, each wrong in another place", async () => {
    const directory = logDirectory(LARGE);
    const gone = ["tile/1/002.p/3", "tile/entries/515.p/7"];
    for (const path of gone) rmSync(join(directory, path));
    const report = await verify(LARGE, directory);
    expect(pathsOf(report)).toEqual(gone);
    expect(report.entries).toBe(LARGE.size - 7);
  });

  it("reads no more than the level below a tile, and gives up where that is gone", async () => {
    const asked: string[] = [];
    const nothing = new Map<string, Uint8Array>();
    nothing.get = (path) => void asked.push(path);
    const context = memoryContext(nothing);
    const problems: string[] = [];
    const recomputation = new TileRecomputation(context, ({ problem }) => problems.push(problem));
    const failure = new VerificationError({ object: "tile/3/000", problem: "is missing" });
    const hashes = await recomputation.fullTile(failure, 3, 0, Buffer.alloc(HASH_SIZE));
    expect(hashes).toHaveLength(256 * HASH_SIZE);
    expect(problems).toEqual([expect.stringContaining("cannot be recomputed")]);
    expect(asked.every((path) => path.startsWith("tile/2/"))).toBe(true);
    expect(asked.length).toBeLessThan(32);
  });
});

describe("verify of a log with a tree state", () => {
  it("finds nothing wrong with the tree state of the checkpoint", async () => {
    const directory = integratedLog(SMALL, SMALL);
    expect(await verify(SMALL, directory)).toMatchObject({ authority: "checkpoint", faults: 0 });
  });

  it("names a tree state of the checkpoint's size with another root", async () => {
    const directory = integratedLog(SMALL, SMALL);
    writeTreeState(directory, 900, Buffer.alloc(HASH_SIZE, 1));
    const report = await verify(SMALL, directory);
    expect(pathsOf(report)).toEqual([TREE_STATE]);
    expect(report.entries).toBe(900);
  });

  it("names a tree state that is behind the checkpoint", async () => {
    const directory = integratedLog(SMALL, SMALL);
    const { rootHash } = SMALL.atSize(800);
    writeTreeState(directory, 800, rootHash);
    expect(pathsOf(await verify(SMALL, directory))).toEqual([TREE_STATE]);
  });

  it("goes by a tree state that is ahead and begins with the checkpoint's tree, and tells what that leaves out", async () => {
    const directory = integratedLog(SMALL, LARGE.atSize(70_000));
    const report = await verify(SMALL, directory);
    expect(report).toMatchObject({ size: 900, faults: 0, entries: 900 });
    expect(report.notChecked.join()).toContain("Entries 900 to 69999");
    writeFiles(directory, [["tile/0/400", "beyond"]]);
    rmSync(join(directory, "tile/entries/100"));
    expect(pathsOf(await verify(SMALL, directory))).toEqual(["tile/0/400", "tile/entries/100"]);
  });

  it("names a tree state that is ahead of every tile, and what it would have excused", async () => {
    const directory = integratedLog(SMALL, SMALL);
    writeTreeState(directory, 70_000, LARGE.atSize(70_000).rootHash);
    writeFiles(directory, [["tile/0/100", "beyond"]]);
    const report = await verify(SMALL, directory);
    expect(pathsOf(report)).toEqual([TREE_STATE, "tile/0/100"]);
    expect(report.findings[0]?.problem).toContain("the stored tiles do not give its root");
  });

  it("names a tree state whose tree does not begin with the checkpoint's", async () => {
    const other = testLog({ size: 2000, entrySize: 5 });
    const directory = logDirectory(other);
    writeFiles(directory, SMALL.objects);
    writeTreeState(directory, other.size, other.rootHash);
    const finding = (await verify(SMALL, directory)).findings.find(({ path }) => path === TREE_STATE);
    expect(finding?.problem).toContain("does not begin with the 900 entries");
  });

  const root = formatHash(SMALL.rootHash);
  const [urlSafe, tail] = [root.replaceAll("+", "-").replaceAll("/", "_"), { fromSize: 1024 }];
  const state = (size: string, encoded = root) => `{"size":${size},"root":${JSON.stringify(encoded)}}`;

  it.each([
    [".state/version", "2", /refused by log software \(expected 1, found 2\)/],
    [".state/version", "", /refused by log software \(expected 1, found an empty file\)/],
    [".state/version", "1\n", /refused by log software/],
    [".state/version", "migration-in-progress", /refused by log software/],
    [TREE_STATE, state("900", urlSafe), /root that Go does not read \(expected padded standard base64/],
    [TREE_STATE, state("900", root.slice(0, -1)), /root that Go does not read/],
    [TREE_STATE, state("9e2"), /size that is not a count \(expected a decimal number.*, found 9e2\)/],
    [TREE_STATE, `${state("900")} {}`, /not a JSON object/],
    [TREE_STATE, "", /not a JSON object/],
    [".state/gcState", "{}]", /not a JSON object/],
    [".state/gcState", '{"fromSize":"0"}', /fromSize that is not a count/],
    [".state/gcState", JSON.stringify(tail), /beyond the tree \(expected at most 900, found 1024\)/],
  ])(
    "names %s with %j, which log software would not read, and verifies all else",
    async (path, text, problem) => {
      const directory = integratedLog(SMALL, SMALL);
      writeFiles(directory, [[path, text]]);
      const report = await verify(SMALL, directory);
      expect(report.findings).toEqual([{ path, problem: expect.stringMatching(problem) }]);
      expect(report.entries).toBe(900);
    },
  );

  it("names a version that log software refuses before there is a checkpoint, and a tree state as its reason", async () => {
    const directory = integratedLog(SMALL, SMALL);
    rmSync(join(directory, "checkpoint"));
    writeFiles(directory, [[".state/version", "2"]]);
    const { authority, findings } = await verify(SMALL, directory);
    expect(authority).toBe("treeState");
    expect(findings.map(({ path }) => path)).toEqual([".state/version"]);
    writeFiles(directory, [[TREE_STATE, state("900", urlSafe)]]);
    await expect(verify(SMALL, directory)).rejects.toThrow(
      /the tree state: has a root that Go does not read/,
    );
  });

  it("names a tree state that is gone from a log that was handed over", async () => {
    const directory = integratedLog(SMALL, SMALL);
    writeFiles(directory, [[".state/tlog-migrate.json", "{}"]]);
    rmSync(join(directory, TREE_STATE));
    expect(pathsOf(await verify(SMALL, directory))).toEqual([TREE_STATE]);
  });

  it("finds nothing wrong with what log software reads well, however it is written", async () => {
    const directory = integratedLog(SMALL, SMALL);
    const odd = `{ "later" : [1.0, {"size":7}] , "SIZE": 900,\n"root" :"${root.slice(0, 9)}\\n${root.slice(9)}"}\n`;
    for (const [path, text] of [
      [".state/version", "01"],
      [TREE_STATE, odd],
      [".state/gcState", '{"fromSize":700,"more":null}'],
      [".state/gcState", "{}"],
    ] as const) {
      writeFiles(directory, [[path, text]]);
      expect((await verify(SMALL, directory)).findings).toEqual([]);
    }
  });
});
