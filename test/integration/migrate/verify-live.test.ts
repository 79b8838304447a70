/** `verify` of a directory in which log software is at work: what it stores meanwhile is no fault, and hides none. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { Progress } from "../../../lib/index.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { PosixTarget } from "../../../storage/posix/target.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { filesBelow, logDirectory, writeFiles } from "../../support/places/directory.ts";
import { pathsOf, verify } from "../../support/verification.ts";

const TREE_STATE = ".state/treeState";
const PARTIALS = ["tile/0/003.p/132", "tile/entries/003.p/132"];

const grown = testLog({ size: 1500, entrySize: 4 });
const log = grown.atSize(900);

/** A log with its checkpoint and tree state. */
function liveLog(): string {
  const directory = logDirectory(log);
  writeTreeState(directory, log);
  return directory;
}

function writeTreeState(directory: string, { size, rootHash }: TestLog): void {
  writeFiles(directory, [[TREE_STATE, JSON.stringify({ size, root: formatHash(rootHash) })]]);
}

/** Stores what the grown log has more; its checkpoint is published later. */
function storeGrowth(directory: string): void {
  writeFiles(
    directory,
    [...grown.objects].filter(([path]) => path !== "checkpoint"),
  );
}

/** Does something after the listing has begun, and before it comes to what follows `tile/`. */
function whileListed(work: () => void): void {
  const { list } = PosixTarget.prototype;
  vi.spyOn(PosixTarget.prototype, "list").mockImplementation(async function* (this: PosixTarget, below) {
    work();
    yield* list.call(this, below);
  });
}

/** Does something before the tree state is read for the `nth` time, from 1, and counts how often it is read. */
function beforeRead(nth: number, work: () => void): { reads: number } {
  const count = { reads: 0 };
  const { integratedTree } = PosixTarget.prototype;
  vi.spyOn(PosixTarget.prototype, "integratedTree").mockImplementation(function (this: PosixTarget) {
    if (++count.reads === nth) work();
    return integratedTree.call(this);
  });
  return count;
}

describe("verify of a directory in which log software is at work", () => {
  it("finds nothing wrong with what is integrated while it lists, and says that it was not verified", async () => {
    const directory = liveLog();
    whileListed(() => {
      storeGrowth(directory);
      writeTreeState(directory, grown);
    });
    const tree = beforeRead(0, () => {});
    const report = await verify(log, directory);
    expect(report).toMatchObject({ faults: 0, size: 900, entries: 900 });
    expect(tree.reads, "it does not wait").toBe(3);
    expect(report.notChecked.join()).toContain("Entries 900 to 1499, which the log software has integrated");
  });

  it("waits for an integration that has stored its objects and is not through", async () => {
    const directory = liveLog();
    whileListed(() => storeGrowth(directory));
    const tree = beforeRead(5, () => writeTreeState(directory, grown));
    expect(await verify(log, directory)).toMatchObject({ faults: 0 });
    expect(tree.reads).toBe(5);
  });

  it("says at each step what it waits for", async () => {
    const directory = liveLog();
    const progress = new Progress();
    const phases: string[] = [];
    whileListed(() => {
      phases.push(progress.phase);
      storeGrowth(directory);
    });
    const { integratedTree } = PosixTarget.prototype;
    vi.spyOn(PosixTarget.prototype, "integratedTree").mockImplementation(function (this: PosixTarget) {
      if (progress.phase !== phases.at(-1)) phases.push(progress.phase);
      return integratedTree.call(this);
    });
    await verify(log, directory, { progress });
    expect(phases).toEqual([
      "reading the checkpoint",
      "reading the tree state",
      "listing the log",
      "waiting for log software to integrate what it has stored",
    ]);
    expect(progress.own.get("listedObjects")).toBe(filesBelow(join(directory, "tile")).length);
  });

  it("stops listing when its signal fires", async () => {
    const directory = liveLog();
    const stop = new AbortController();
    whileListed(() => stop.abort(new Error("stopped")));
    await expect(verify(log, directory, { signal: stop.signal })).rejects.toThrow("stopped");
  });

  it("names what the integration that it waited for does not cover", async () => {
    const directory = liveLog();
    whileListed(() => {
      storeGrowth(directory);
      writeFiles(directory, [["tile/entries/400", "debris"]]);
    });
    const tree = beforeRead(5, () => writeTreeState(directory, grown));
    expect(pathsOf(await verify(log, directory))).toEqual(["tile/entries/400"]);
    expect(tree.reads, "it waits for one change of the tree state, not for ever").toBe(5);
  });

  it("names what is beyond a tree that does not change", async () => {
    const directory = liveLog();
    storeGrowth(directory);
    const beyond = [...grown.objects.keys()].filter((path) => !log.objects.has(path));
    expect(pathsOf(await verify(log, directory))).toEqual(beyond.toSorted());
  });

  it("does not miss partials of the right edge that a full object has replaced", async () => {
    const directory = liveLog();
    whileListed(() => {
      storeGrowth(directory);
      writeTreeState(directory, grown);
      for (const path of PARTIALS) rmSync(join(directory, path));
    });
    expect(await verify(log, directory)).toMatchObject({ faults: 0 });
  });

  it("misses them where the full object is not there, or not the log's", async () => {
    const directory = liveLog();
    whileListed(() => {
      storeGrowth(directory);
      writeTreeState(directory, grown);
      for (const path of [...PARTIALS, "tile/entries/003"]) rmSync(join(directory, path));
    });
    expect(pathsOf(await verify(log, directory))).toEqual(["tile/entries/003.p/132"]);

    vi.restoreAllMocks();
    const still = logDirectory(log);
    storeGrowth(still);
    rmSync(join(still, PARTIALS[0] ?? ""));
    expect(pathsOf(await verify(log, still))).toContain("tile/0/003.p/132");
  });

  it("counts all that is beyond the tree, however much", async () => {
    const directory = liveLog();
    const { list } = PosixTarget.prototype;
    vi.spyOn(PosixTarget.prototype, "list").mockImplementation(async function* (this: PosixTarget, below) {
      yield* list.call(this, below);
      for (let bundle = 0; bundle < 25_000; bundle++) {
        const digits = `${bundle + 1_000_000}`;
        yield { path: `tile/entries/x00${digits[0]}/x${digits.slice(1, 4)}/${digits.slice(4)}`, bytes: 1000 };
      }
    });
    const report = await verify(log, directory);
    expect(report.faults).toBe(25_000);
    expect(report.findings).toHaveLength(100);
  });
});
