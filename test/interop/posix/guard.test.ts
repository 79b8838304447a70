import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { filesLost } from "../../support/go/log-files.ts";
import { openAsMigrationTarget, TesseraError, takeOver } from "../../support/go/tessera.ts";
import {
  expectTakenOver,
  newTarget,
  ownFiles,
  type TesseraLog,
  tesseraLog,
} from "../../support/go/tessera-takeover.ts";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { migrateLog } from "../../support/migration.ts";
import { killAt, type PlainOverrides, runMigration } from "../../support/migration-process.ts";
import {
  differences,
  directoryContents,
  temporaryFiles,
  versionOf,
  writeFiles,
} from "../../support/places/directory.ts";

/** Two seals, a bundle beyond them, a partial one at the edge, partial tiles of every level. */
const SIZE = 2 * 65_536 + 256 + 77;

type Kill = readonly [when: "before" | "after", call: "rename" | "link", suffix: string];

/** A moment of a copy: where it is killed, and what is and is not there then. */
type Moment = readonly [name: string, kill: Kill, present: readonly string[], absent: readonly string[]];

const [version, lock, record] = [".state/version", ".state/tlog-migrate.lock", ".state/tlog-migrate.json"];
const [collection, treeState] = [".state/gcState", ".state/treeState"];
const allBundles = ["tile/entries/513.p/77", "tile/0/513.p/77", "tile/1/000", "tile/1/001"];
const upperTiles = ["tile/1/002.p/1", "tile/2/000.p/2"];
const allTiles = [...allBundles, ...upperTiles];

/** In the order in which a copy comes to them. A link creates, a rename may replace. */
const moments: readonly Moment[] = [
  ["the claim is all there is", ["after", "link", version], [version], ["tile", lock]],
  ["the lock is taken", ["after", "link", lock], [lock], ["tile"]],
  ["the first bundle is there", ["after", "rename", "tile/entries/000"], ["tile/entries/000"], ["tile/1"]],
  [
    "the first seal is there",
    ["after", "rename", "tile/1/000"],
    ["tile/entries/255", "tile/0/255", "tile/1/000"],
    ["tile/2"],
  ],
  ["all bundles are there", ["before", "rename", "tile/1/002.p/1"], allBundles, upperTiles],
  ["the upper tiles are there", ["after", "rename", "tile/2/000.p/2"], allTiles, [collection, treeState]],
  ["the target is checked", ["before", "rename", collection], allTiles, [collection, treeState]],
  ["gcState is there", ["after", "rename", collection], [...allTiles, collection], [treeState]],
  ["treeState is there", ["after", "link", treeState], [...allTiles, collection, treeState], [record]],
  [
    "the record is there",
    ["after", "rename", record],
    [...allTiles, collection, treeState, record],
    ["checkpoint"],
  ],
];

describeWithGo("a target that is not handed over", () => {
  it.each(moments)(
    "is refused by Tessera when %s, and the same copy goes on from there",
    async (_moment, kill, present, absent) => {
      const log = await tesseraLog(SIZE);
      const server = await startLogServer(log.files);
      const target = newTarget();
      await killCopy(log, server, target, kill);
      expect(present.filter((path) => !existsSync(join(target, path)))).toEqual([]);
      expect(absent.filter((path) => existsSync(join(target, path)))).toEqual([]);
      await expectRefusedByTessera(target, log);
      await expectFinished(log, server, target);
    },
  );

  it("is refused by Tessera up to the stroke that lifts the guard, and is a log right after it", async () => {
    const log = await tesseraLog(SIZE);
    const server = await startLogServer(log.files);
    const target = newTarget();
    await killCopy(log, server, target, ["after", "rename", record]);
    await killCopy(log, server, target, ["before", "rename", version]);
    await expectRefusedByTessera(target, log);
    await killCopy(log, server, target, ["after", "rename", version]);
    expect(differences(target, { objects: ownFiles(log) })).toEqual([]);
    await expectTakenOver(target, log);
  });

  it.each(["before", "after"] as const)(
    "is refused by Tessera %s the marker aims at the size that the source has grown to",
    async (when) => {
      const smaller = await tesseraLog(600);
      const log = await tesseraLog(1000, { batch: smaller.size });
      const server = await startLogServer(log.files);
      const target = newTarget();
      serveCheckpointOnce(server, smaller);
      await killCopy(log, server, target, [when, "rename", version]);
      const aim = when === "before" ? smaller : log;
      expect(versionOf(target)).toContain(`"checkpoint":${JSON.stringify(aim.checkpoint)}`);
      await expectRefusedByTessera(target, log);
      await expectFinished(log, server, target);
    },
  );

  it.each(["before", "after"] as const)(
    "is refused by Tessera %s the marker trusts what another tool had left",
    async (when) => {
      const log = await tesseraLog(SIZE);
      const server = await startLogServer(log.files);
      const target = newTarget();
      const left = [...ownFiles(log)].filter(([path]) => /^tile\/(1|entries)\/0/.test(path));
      writeFiles(target, left);
      await killCopy(log, server, target, [when, "rename", version], { adopt: true });
      expect(versionOf(target)).toContain(`"distrustSeals":${when === "before"}`);
      await expectRefusedByTessera(target, log);
      await expectFinished(log, server, target);
    },
  );
});

async function killCopy(
  log: TesseraLog,
  server: LogServer,
  target: string,
  kill: Kill,
  overrides: PlainOverrides = {},
): Promise<void> {
  const options = { overrides: { workers: 2, ...overrides }, ...killAt(...kill) };
  expect(await runMigration(log, server, target, options)).toEqual({ kind: "killed" });
}

/** Tessera does not start there, in neither role, shows whose place it is, and leaves all as it was. */
async function expectRefusedByTessera(target: string, { origin, key }: TesseraLog): Promise<void> {
  expect(versionOf(target)).toMatch(/^migration-in-progress \{/);
  const before = contentsButTesserasLocks(target);
  const asAppender = () => takeOver({ dir: target, origin, key });
  const asMigrationTarget = () => openAsMigrationTarget({ dir: target });
  for (const start of [asAppender, asMigrationTarget]) {
    const refusal = await start().then(
      () => "it started",
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(TesseraError);
    const words = String(refusal).replaceAll("\\", "");
    expect(words).toContain('"migration-in-progress {"tlog-migrate-marker":3,');
    expect(words).toContain(`"origin":"${origin}"`);
  }
  expect(contentsButTesserasLocks(target)).toEqual(before);
}

function contentsButTesserasLocks(target: string): Record<string, string> {
  const contents = Object.entries(directoryContents(target));
  return Object.fromEntries(contents.filter(([path]) => !/^\.state\/\w+\.lock$/.test(path)));
}

/** The same copy, unhindered: it ends well, with every file of the source, and Tessera takes the result over. */
async function expectFinished(log: TesseraLog, server: LogServer, target: string): Promise<void> {
  const { size, rootHash } = log;
  const report = await migrateLog(log, server, target, { workers: 2 });
  expect(report).toMatchObject({ outcome: "handed-over", size, rootHash });
  expect(filesLost(target, ownFiles(log))).toEqual([]);
  expect(temporaryFiles(target)).toEqual([]);
  await expectTakenOver(target, log);
}

/** The first who asks sees the checkpoint of an earlier size. */
function serveCheckpointOnce(server: LogServer, { checkpoint }: TesseraLog): void {
  const undo = server.intercept("checkpoint", (_request, response) => {
    undo();
    response.end(checkpoint);
  });
}
