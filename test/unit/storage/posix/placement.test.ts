/** A directory that is no place for a log is refused, with a word about what is there. */

import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { TargetRefusedError, UsageError } from "../../../../lib/errors.ts";
import type { MigrationTarget } from "../../../../lib/migrate/ports/target.ts";
import { DEFAULT_RETRY } from "../../../../lib/migrate/throttle/backoff.ts";
import backend from "../../../../storage/posix/backend.ts";
import { STATE } from "../../../../storage/posix/state.ts";
import { MARKER } from "../../../support/places/bucket-targets.ts";
import { directoryContents, memoryDirectory, writeFiles } from "../../../support/places/directory.ts";

interface Choices {
  readonly intoExisting?: boolean;
  readonly readOnly?: boolean;
  readonly source?: URL;
}

function open(url: string | URL, { intoExisting, ...choices }: Choices = {}): Promise<MigrationTarget> {
  const request = { userAgentVersion: "test", connections: 1, retry: DEFAULT_RETRY };
  return backend.openTarget(new URL(url), { ...request, ...choices, options: { intoExisting } });
}

const inspected = async (directory: string, choices?: Choices) =>
  await (await open(pathToFileURL(directory), choices)).inspect();

describe("the root directory", () => {
  test.each(["file:///", "file:////", "file:///.", "file:///tmp/..", "file:///%2E"])("%s", async (url) => {
    for (const intoExisting of [false, true]) {
      const inspecting = (await open(url, { intoExisting })).inspect();
      await expect(inspecting).rejects.toThrow(UsageError);
      await expect(inspecting).rejects.toThrow(/^\/: is the root directory/);
    }
  });

  test("by a link", async () => {
    const link = join(memoryDirectory(), "link");
    symlinkSync("/", link);
    await expect(inspected(link)).rejects.toThrow(`${link}: is the root directory`);
  });
});

describe("a directory with what is not of a log", () => {
  const OTHERS: [found: string, files: readonly string[]][] = [
    [".ssh/", [".ssh/id_ed25519"]],
    ["docs/, notes.txt", ["docs/index.html", "notes.txt"]],
    ["a, b, c, d, e and 2 more", ["g", "f", "e", "d", "c", "b", "a"]],
    [".state.old/", [".state.old/version", "tile/0/000", "lost+found/1"]],
  ];

  test.each(OTHERS)("%s: refused, and with --into-existing not", async (found, files) => {
    const root = memoryDirectory();
    writeFiles(
      root,
      files.map((file) => [file, "theirs"]),
    );
    const before = directoryContents(root);
    const refusal = inspected(root);
    await expect(refusal).rejects.toThrow(TargetRefusedError);
    await expect(refusal).rejects.toThrow(
      `contains files that are not part of a log (found ${found}). Choose an empty directory, for example ${root}/log; ` +
        "or pass --into-existing",
    );
    expect(await inspected(join(root, "log"))).toEqual({ kind: "empty" });
    expect((await inspected(root, { intoExisting: true })).kind).toMatch(/^(empty|unclaimed-tiles)$/);
    expect(directoryContents(root)).toEqual(before);
  });

  test("that were added to a claimed one do not stop the copy", async () => {
    const root = memoryDirectory();
    await (await open(pathToFileURL(root))).claim(MARKER);
    writeFiles(root, [["notes.txt", "of the operator"]]);
    expect(await inspected(root)).toEqual({ kind: "claimed", marker: MARKER });
  });
});

test.each(["lost+found", "issuer", ".state"])("%s alone is no obstacle", async (name) => {
  const root = memoryDirectory();
  mkdirSync(join(root, name));
  expect(await inspected(root)).toEqual({ kind: "empty" });
});

test("what is only looked at may be anywhere", async () => {
  const root = memoryDirectory();
  writeFiles(root, [
    ["docs/index.html", "theirs"],
    [STATE.version, "1"],
    [STATE.tree, "{}"],
  ]);
  const source = pathToFileURL(root);
  expect(await inspected(root, { readOnly: true, source })).toMatchObject({ kind: "occupied" });
});

test.each(["file", "gzip+file", "archive+file", "serverless+file"])(
  "the directory of a source at %s:// is refused",
  async (scheme) => {
    const root = memoryDirectory();
    const source = new URL(`${scheme}://${root}`);
    await expect(inspected(root, { source })).rejects.toThrow("is the source's own directory");
    expect(await inspected(root, { source: new URL(`https://log.example${root}`) })).toEqual({
      kind: "empty",
    });
  },
);
