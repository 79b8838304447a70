/** Which places a tree state goes with: nothing is opened that log software could not take over, unless told. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../lib/errors.ts";
import { openSource, openTarget, requireNoTreeState, type TargetAccess } from "../../../storage/backends.ts";
import { FAST_RETRY } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const spanner = { database: "projects/p/instances/i/databases/d" };

const access = { connections: 1, patience: FAST_RETRY, userAgentVersion: "test" };

async function open(location: string, state: Pick<TargetAccess, "spanner" | "treeState">): Promise<string> {
  const target = openTarget(location, { ...access, ...state });
  await target.close();
  return target.treeStateName;
}

async function expectWrongUse(location: string, state: object, message: RegExp): Promise<void> {
  const opening = open(location, state);
  await expect(opening).rejects.toThrow(UsageError);
  await expect(opening).rejects.toThrow(message);
}

describe("a target in a bucket", () => {
  test("is opened with a database, or as a mirror", async () => {
    expect(await open("gs://bucket/log", { spanner })).toContain(spanner.database);
    expect(await open("gs://bucket/log", { spanner, treeState: true })).toContain(spanner.database);
    expect(await open("gs://bucket/log", { treeState: false })).toContain("does not have");
  });

  test("is not opened with neither of them, nor with both", async () => {
    for (const state of [{}, { treeState: true }]) {
      await expectWrongUse(
        "gs://bucket/log",
        state,
        /no log software could take this log over.*--no-tree-state/,
      );
    }
    const both = { spanner, treeState: false };
    await expectWrongUse("gs://bucket/log", both, /either a tree state is wanted or none/);
  });
});

test("a directory has its tree state beside the log", async () => {
  const directory = memoryDirectory();
  expect(await open(directory, {})).toContain(".state/treeState");
  for (const state of [{ spanner }, { treeState: false }]) {
    await expectWrongUse(directory, state, /beside the log.*Leave --spanner and --no-tree-state out/);
  }
});

test("a log that is only read has no tree state to look at", () => {
  for (const location of ["https://log.example/", "http://log.example/", "archive+file:///zips"]) {
    expect(() => requireNoTreeState(location, { spanner })).toThrow(UsageError);
    expect(() => requireNoTreeState(location, {})).not.toThrow();
  }
  expect(() => requireNoTreeState("gs://bucket/log", { spanner })).not.toThrow();
});

describe("a URL of a directory", () => {
  const openings: [what: string, open: (location: string) => unknown][] = [
    ["source", (location) => openSource(location, access)],
    ["target", (location) => open(location, {})],
  ];

  test.each(openings)("that no path can follow from is wrong use, as a %s", async (_, opening) => {
    for (const scheme of ["file", "gzip+file", "archive+file"]) {
      const refusal = async (rest: string) => await opening(`${scheme}:///srv/${rest}`);
      await expect(refusal("%00")).rejects.toThrow(UsageError);
      await expect(refusal("a%00b")).rejects.toThrow(/has %00, which no path can hold/);
      for (const rest of ["x?y#z", "x?y", "x#z", "x?", "x#"]) {
        await expect(refusal(rest)).rejects.toThrow(UsageError);
        await expect(refusal(rest)).rejects.toThrow(/Write %3F for \? and %23 for #$/);
      }
    }
  });

  test("or its path may have ? and #", () => {
    const path = join(memoryDirectory(), "x?y#z%3F");
    for (const location of [path, pathToFileURL(path).href]) {
      expect(openSource(location, access).location).toBe(path);
    }
  });
});
