import fs from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { exitCodeOf } from "../../../cmd/exit.ts";
import { OperationError } from "../../../lib/index.ts";
import { type Marker, parseMarker } from "../../../lib/migrate/target/marker.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { growWithEveryRead, publishedSize, serveDirectory } from "../../support/go/growing-source.ts";
import { filesLost, filesOfSize, readLog } from "../../support/go/log-files.ts";
import { fsck, type LiveLog, type LogReport, startLive, takeOver } from "../../support/go/tessera.ts";
import {
  expectTakenOver,
  newTarget,
  ownFiles,
  type TesseraLog,
  tesseraLog,
} from "../../support/go/tessera-takeover.ts";
import type { LogServer } from "../../support/http/misbehaving-log-server.ts";
import { failureOf, migrateLog } from "../../support/migration.ts";
import { filesBelow, versionOf } from "../../support/places/directory.ts";

/** One seal, and a right edge that moves. */
const SIZE = 66_000;
/** A bundle below the seal that no estimate of the room needed looks at. */
const SEALED_BUNDLE = "tile/entries/100";
const pace = { entriesPerSecond: 1000, garbageCollectionMs: 100 };
const workers = 2;

describeWithGo("a source to which Tessera's Appender adds entries", () => {
  it("is not handed over while it grows, and is by the same copy once it stands still", async () => {
    const { log, live, server } = await liveSource();
    const undo = growWithEveryRead(server, log.dir);
    const target = newTarget();
    const failure = await failureOf(migrateLog(log, server, target, { workers }));
    expect(failure, failure.stack).toBeInstanceOf(OperationError);
    expect(failure.message).toMatch(
      /the source still grows: its writer is alive.*Stop its writer permanently.*--snapshot/,
    );
    expect(exitCodeOf(failure)).toBe(1);
    await expectKeptBehindGuard(target, log);

    const final = await live.stop();
    undo();
    const report = await migrateLog(log, server, target, { workers });
    expect(report.resumedEntries).toBeGreaterThanOrEqual(65_536);
    expect(server.requestCount(SEALED_BUNDLE)).toBe(1);
    expect(report).toMatchObject({ outcome: "handed-over", size: final.size, rootHash: final.rootHash });
    await expectSuccessor(target, log, final);
  });

  it("is caught up with and handed over by one copy, if it stops in time", async () => {
    const { log, live, server } = await liveSource();
    const target = newTarget();
    growWithEveryRead(server, log.dir, { afterReads: 2, stop: () => live.stop() });
    const report = await migrateLog(log, server, target, { workers });
    const final = await live.stop();
    expect(report).toMatchObject({ outcome: "handed-over", size: final.size, rootHash: final.rootHash });
    expect(server.requestCount(SEALED_BUNDLE)).toBe(1);
    await expectSuccessor(target, log, final);
    await expectRoundsCollected(target, log);
  });

  it("is handed over as a snapshot of the size that was reached, with its checkpoint, while it grows", async () => {
    const { log, server } = await liveSource();
    growWithEveryRead(server, log.dir);
    const target = newTarget();
    const { outcome, size, rootHash } = await migrateLog(log, server, target, {
      workers,
      snapshot: true,
      saveCheckpoint: true,
    });
    expect(outcome).toBe("handed-over");
    expect(size).toBeGreaterThan(SIZE);
    expect(publishedSize(log.dir)).toBeGreaterThan(size);
    expect(await fsck({ dir: target, vkey: log.vkey })).toMatchObject({ size, rootHash });
    const snapshot = { ...log, size, files: readLog(target) };
    const full = [...ownFiles(snapshot)].filter(([path]) => !path.includes(".p/"));
    expect(filesLost(log.dir, new Map(full))).toEqual([]);
    await expectTakenOver(target, snapshot);
  });
});

interface LiveSource {
  readonly log: TesseraLog;
  readonly live: LiveLog;
  readonly server: LogServer;
}

/** A log that grows, and has its obsolete partials removed as in production, until the test ends. */
async function liveSource(): Promise<LiveSource> {
  const log = await tesseraLog(SIZE);
  const { dir, origin, key } = log;
  const live = await startLive({ dir, origin, key, ...pace });
  onTestFinished(() => live[Symbol.asyncDispose]());
  return { log, live, server: await serveDirectory(dir) };
}

/** What was copied stays, Tessera does not start on it, and the marker tells how far it is. */
async function expectKeptBehindGuard(target: string, { dir, origin, key }: TesseraLog): Promise<void> {
  const size = Number(markerOf(target).checkpoint.split("\n")[1]);
  expect(size).toBeGreaterThan(SIZE);
  expect(size).toBeLessThan(publishedSize(dir));
  expect(() => filesOfSize(readLog(target), "tiles", size)).not.toThrow();
  await expect(takeOver({ dir: target, origin, key })).rejects.toThrow("migration-in-progress");
}

/** The copy has every file of the log as it stands at its end, and Tessera goes on there. */
async function expectSuccessor(target: string, log: TesseraLog, final: LogReport): Promise<void> {
  const grown = { ...log, ...final, files: readLog(log.dir) };
  expect(filesLost(target, ownFiles(grown))).toEqual([]);
  await expectTakenOver(target, grown);
}

/** The right edges that the rounds of a copy left behind are removed by Tessera's clean-up, which harms nothing. */
async function expectRoundsCollected(target: string, { origin, key }: TesseraLog): Promise<void> {
  const leftBehind = filesBelow(target).filter((path) => /^tile\/(0|entries)\/.*\.p\//.test(path));
  expect(leftBehind.length).toBeGreaterThan(2);
  await using live = await startLive({ dir: target, origin, key, ...pace });
  const uncollected = () => leftBehind.filter((path) => fs.existsSync(join(target, path)));
  await expect.poll(uncollected, { timeout: 30_000 }).toEqual([]);
  const { size, vkey } = await live.stop();
  expect(await fsck({ dir: target, vkey })).toMatchObject({ size });
}

function markerOf(target: string): Marker {
  const version = versionOf(target) ?? "";
  expect(version).toMatch(/^migration-in-progress \{/);
  return parseMarker(version.slice(version.indexOf("{")), target, "it");
}
