/** Promise 1: a source that flips one bit in any one object that is read is found out, by the object's path. */

import { expect, test } from "vitest";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, expectTamperingFound, flippedBit } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { migrateLog } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

/** Bytes on each side of the flipped one that make the bad bytes unlike any others: tiles and entries are random. */
const SURROUNDINGS = 12;

async function expectFlipFound(
  log: TestLog,
  server: LogServer,
  path: string,
  position: number,
  tiles: "derive" | "fetch" = "derive",
): Promise<void> {
  const bytes = log.object(path);
  const bad = flippedBit(bytes, position, position % 8);
  const badBytes = bad.subarray(Math.max(0, position - SURROUNDINGS), position + SURROUNDINGS);
  await expectTamperingFound({ log, server, path, answer: answerWith(bad), badBytes, overrides: { tiles } });
}

test("every object that a copy of a small log reads is authenticated, to its first and last byte", async () => {
  for (const size of [1, 300]) {
    const log = testLog({ size, entrySize: 30 });
    const server = await startLogServer(log.objects);
    await migrateLog(log, server, memoryDirectory());
    const read = new Set(server.requests.map(({ path }) => path));
    read.delete("checkpoint");
    expect(read.size).toBe(size === 1 ? 2 : 4);
    for (const path of read) {
      const last = log.object(path).length - 1;
      for (const position of [0, Math.floor(last / 2), last]) {
        await expectFlipFound(log, server, path, position);
      }
    }
  }
});

test("under `tiles: fetch` every level-0 tile is authenticated too, full and partial", async () => {
  const log = testLog({ size: 1_100, entrySize: 30 });
  const server = await startLogServer(log.objects);
  const levelZero = [...log.objects.keys()].filter((path) => path.startsWith("tile/0/"));
  expect(levelZero).toHaveLength(5);
  for (const path of levelZero) await expectFlipFound(log, server, path, 77, "fetch");
});

test("in a log of several levels each kind of object is authenticated: every level, right edges, bundles", async () => {
  const log = testLog({ size: 70_000, entrySize: 30 });
  const server = await startLogServer(log.objects);
  const paths = [
    "tile/2/000.p/1",
    "tile/1/000",
    "tile/1/001.p/17",
    "tile/0/273.p/112",
    "tile/entries/000",
    "tile/entries/137",
    "tile/entries/255",
    "tile/entries/256",
    "tile/entries/272",
    "tile/entries/273.p/112",
  ];
  for (const path of paths) await expectFlipFound(log, server, path, 25);
  for (const path of ["tile/0/000", "tile/0/255", "tile/0/272", "tile/0/273.p/112"]) {
    await expectFlipFound(log, server, path, 25, "fetch");
  }
});

test("a bad tile that is fetched ahead while others are copied ends the copy as a failure, not as a crash", async () => {
  const log = testLog({ size: 4 * 65_536, entrySize: 8 });
  const server = await startLogServer(log.objects);
  await expectFlipFound(log, server, "tile/1/002", 25);
});
