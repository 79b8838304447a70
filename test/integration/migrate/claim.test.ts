/** Promise 4: a place that holds anything but our own unfinished migration of this log is refused, and untouched. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { VerificationError } from "../../../lib/errors.ts";
import { formatMarker, type Marker } from "../../../lib/migrate/target/marker.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { parseNote } from "../../../lib/tlog/note.ts";
import { newEd25519Signer, signNote } from "../../logs/sign.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { expectNotVerified, expectRefused } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { failureOf, migrateLog, newCopy } from "../../support/migration.ts";
import {
  differences,
  directoryContents,
  memoryDirectory,
  writeFiles,
} from "../../support/places/directory.ts";

const FIXTURES = join(import.meta.dirname, "../../fixtures");

const log = testLog({ size: 600, entrySize: 30 });
const other = testLog({ size: 600, entrySize: 30, seed: "another-log" });

function tilesOf({ objects }: TestLog): [string, Buffer][] {
  return [...objects].filter(([path]) => path.startsWith("tile/"));
}

function treeState({ size, rootHash }: TestLog): string {
  return JSON.stringify({ size, root: formatHash(rootHash) });
}

/** What log software keeps of a log. */
function stateOf(log: TestLog): [string, string][] {
  return [
    [".state/version", "1"],
    [".state/treeState", treeState(log)],
  ];
}

function markerOf(of: TestLog, changes: Partial<Marker> = {}): Marker {
  return {
    origin: of.origin,
    source: "https://elsewhere.example/",
    format: of.format,
    checkpoint: of.object("checkpoint").toString(),
    smallestSize: of.size,
    distrustSeals: false,
    allowMissingIssuers: false,
    deep: false,
    minIndex: 0,
    tool: "tlog-migrate test",
    ...changes,
  };
}

const claimed = (marker: string) => `migration-in-progress ${marker}`;

/** Expects that a target with these files is refused, with and without --adopt, and not changed by it. */
async function expectLeftAlone(files: [string, string | Uint8Array][], message: RegExp): Promise<void> {
  const { server, target } = await newCopy(log);
  writeFiles(target, files);
  const before = directoryContents(target);
  for (const adopt of [false, true]) {
    await expectRefused(migrateLog(log, server, target, { adopt }), message);
    expect(directoryContents(target)).toEqual(before);
  }
}

describe("somebody's log is refused and untouched:", () => {
  test.each<[string, [string, string | Uint8Array][], RegExp]>([
    ["a live log", [...stateOf(other), ...other.objects], /tree state/],
    ["the same log, live", [...stateOf(log), ...log.objects], /./],
    ["an empty log", stateOf(testLog({ size: 0 })), /"size":0/],
    ["a version alone", [[".state/version", "1"]], /log software has opened it/],
    ["another version", [[".state/version", "2"]], /version: 2/],
    ["an empty version", [[".state/version", ""]], /log software has opened it/],
    ["a tree state without a version", [[".state/treeState", treeState(log)]], /tree state/],
    ["a checkpoint alone", [["checkpoint", log.object("checkpoint")]], /a checkpoint/],
    ["a mirror of this log with its checkpoint", [...log.objects], /a checkpoint/],
    ["words like our claim's", [[".state/version", "migration-in-progress"]], /version/],
  ])("%s", async (_name, files, message) => {
    await expectLeftAlone(files, message);
  });

  test("a path that is a file", async () => {
    const server = await startLogServer(log.objects);
    const directory = memoryDirectory();
    writeFiles(directory, [["file", "mine"]]);
    await expectRefused(migrateLog(log, server, join(directory, "file")), /a file, not a directory/);
    expect(readFileSync(join(directory, "file"), "utf8")).toBe("mine");
  });
});

describe("an unfinished migration that is not this one is refused and untouched:", () => {
  const claimOf = (marker: string): [string, string][] => [[".state/version", claimed(marker)]];

  test.each<[string, string, RegExp]>([
    ["of another log", formatMarker(markerOf(other)), /another log: its origin differs/],
    ["of another format", formatMarker(markerOf(log, { format: "static-ct" })), /its format differs/],
    [
      "of a newer tool",
      formatMarker(markerOf(log)).replace('"tlog-migrate-marker":3', '"tlog-migrate-marker":5'),
      /newer tlog-migrate.*found version 5/,
    ],
    [
      "with a damaged marker",
      formatMarker(markerOf(log)).slice(0, 200),
      /marker: is damaged: it is not JSON/,
    ],
    ["with an empty marker", "{}", /has no tlog-migrate-marker/],
    ["with a marker that lacks a field", '{"tlog-migrate-marker":1,"format":"tiles"}', /its field origin/],
  ])("%s", async (_name, marker, message) => {
    await expectLeftAlone([...claimOf(marker), ...tilesOf(other)], message);
  });

  test("with a checkpoint that our keys have not signed", async () => {
    const { server, target } = await newCopy(log);
    const text = parseNote(log.atSize(599).object("checkpoint")).text;
    const note = signNote(text, [newEd25519Signer(log.origin, Buffer.alloc(32, 9))]);
    const checkpoint = Buffer.from(note).toString();
    writeFiles(target, claimOf(formatMarker(markerOf(log, { checkpoint, smallestSize: 599 }))));
    const before = directoryContents(target);
    await expectNotVerified(migrateLog(log, server, target), /the marker in .*sign/);
    expect(directoryContents(target)).toEqual(before);
  });
});

describe("an unfinished migration of this log goes on only with this log:", () => {
  test("a source that forked at the same size between two runs", async () => {
    const { server, target } = await newCopy(log);
    await migrateLog(log, server, target, { handOver: false });
    const before = directoryContents(target);
    server.objects = testLog({ size: 600, entrySize: 31 }).objects;
    await expectNotVerified(migrateLog(log, server, target), /the log forked: at size 600/);
    expect(directoryContents(target)).toEqual(before);
  });

  test("a source that forked and grew between two runs", async () => {
    const { server, target } = await newCopy(log);
    await migrateLog(log, server, target, { handOver: false });
    const marker = readFileSync(join(target, ".state/version"), "utf8");
    server.objects = testLog({ size: 900, entrySize: 31 }).objects;
    const failure = await failureOf(migrateLog(log, server, target));
    expect(failure).toBeInstanceOf(VerificationError);
    expect(readFileSync(join(target, ".state/version"), "utf8")).toBe(marker);
    expect(differences(target, log)).toEqual([]);
  });
});

test("markers and records of every version that was ever written are still read", async () => {
  const small = testLog({ size: 5, entrySize: 30, seed: "fixture" });
  const server = await startLogServer(small.objects);
  for (const marker of ["marker-v1.txt", "marker-v2.txt", "marker-v3.txt"]) {
    const unfinished = memoryDirectory();
    writeFiles(unfinished, [[".state/version", readFileSync(join(FIXTURES, marker))]]);
    expect(await migrateLog(small, server, unfinished)).toMatchObject({ outcome: "handed-over", size: 5 });
  }
  for (const record of ["record-v1.json", "record-v2.json", "record-v3.json"]) {
    const finished = memoryDirectory();
    const bytes = readFileSync(join(FIXTURES, record));
    writeFiles(finished, [...stateOf(small), [".state/tlog-migrate.json", bytes]]);
    const report = await migrateLog(small, server, finished);
    expect(report).toMatchObject({ outcome: "already-handed-over", size: 5 });
  }
});

test("the claim says what it is for, and asks not to be deleted", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  const version = readFileSync(join(target, ".state/version"), "utf8");
  expect(version).toMatch(/^migration-in-progress \{"tlog-migrate-marker":3,"note":".*Do not delete.*\}\n$/);
  const marker = JSON.parse(version.slice("migration-in-progress ".length));
  expect(marker).toMatchObject({
    origin: log.origin,
    source: `${server.url}/`,
    smallestSize: 600,
    distrustSeals: false,
  });
  expect(marker.checkpoint).toBe(log.object("checkpoint").toString());
});
