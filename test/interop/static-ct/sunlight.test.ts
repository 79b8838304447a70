/** Copies of a log that the real Sunlight made. */

import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { parseResourcePath } from "../../../lib/tlog/layout.ts";
import { tileWidth } from "../../logs/tiles.ts";
import { readWithSunlight } from "../../support/go/ct-readers.ts";
import { ISSUERS, precertificatesAmong } from "../../support/go/ct-submissions.ts";
import {
  expectSound,
  expectTesseraCTTakesOver,
  FIRST,
  fillLog,
  IDENTITY,
  type MovingLog,
  moveLog,
  newCtDirectory,
} from "../../support/go/ct-takeover.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { readLog } from "../../support/go/log-files.ts";
import { type Sunlight, startSunlight } from "../../support/go/sunlight.ts";
import { archiveSunlightLog } from "../../support/go/sunlight-archive.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

useGoPrograms("ctkit", "tesseract-fsck", "skylight", "sunlight");

/** Two full tiles and a partial one. */
const SIZE = 700;

/** Runs a test with a log that Sunlight made: its writer is frozen, and Skylight serves it. */
async function withFrozenLog(test: (log: MovingLog, sunlight: Sunlight) => Promise<void>): Promise<void> {
  const directory = join(memoryDirectory(), "sunlight");
  await using sunlight = await startSunlight({ ...IDENTITY, directory, authorities: [FIRST] });
  const indices = await fillLog(sunlight, SIZE);
  const report = await sunlight.freeze();
  expect(report.size).toBe(SIZE);
  const { publicKey, vkey } = sunlight;
  await test({ ...IDENTITY, publicKey, vkey, ...report, indices }, sunlight);
}

/** Whether an object is part of a log of this size, and not left of a smaller one. */
function isOfSize(path: string, size: number): boolean {
  const resource = parseResourcePath(path);
  if (resource === undefined) return true;
  const { level, index, width } = resource.kind === "tile" ? resource.tile : { level: 0, ...resource.bundle };
  return width === tileWidth(size, level, index);
}

describeWithGo("a copy of Sunlight's log", () => {
  it.each([
    ["Skylight", (sunlight: Sunlight) => sunlight.monitoringUrl],
    ["its directory", (sunlight: Sunlight) => `gzip+file://${sunlight.logDirectory}`],
  ])("read from %s, is sound under Sunlight's own checkpoint", async (_, sourceOf) => {
    await withFrozenLog(async (log, sunlight) => {
      const target = newCtDirectory();
      await moveLog(log, sourceOf(sunlight), target, { saveCheckpoint: true });
      const { origin, publicKey } = log;
      const contents = { issuers: ISSUERS, ...precertificatesAmong(SIZE) };
      const rootHash = await expectSound({ url: `file://${target.dir}`, origin, publicKey }, SIZE, contents);
      expect(rootHash).toBe(log.rootHash);
    });
  });

  it("read from an archive that Sunlight's client accepts too, is taken over by TesseraCT", async () => {
    await withFrozenLog(async (log, { logDirectory, publicKey }) => {
      const url = `archive+file://${archiveSunlightLog(logDirectory, SIZE)}`;
      expect(await readWithSunlight({ url, publicKey })).toMatchObject({ entries: SIZE, issuers: ISSUERS });
      const target = newCtDirectory();
      await moveLog(log, url, target);
      const copied = readLog(target.dir);
      const original = [...readLog(logDirectory)].filter(([path]) => /^(issuer|tile)\/(?!names)/.test(path));
      for (const [path, bytes] of original.filter(([path]) => isOfSize(path, SIZE))) {
        expect(copied.get(path), path).toEqual(path.startsWith("tile/data/") ? gunzipSync(bytes) : bytes);
      }
      await expectTesseraCTTakesOver(target, log);
    });
  });

  it("read from Skylight, is taken over by TesseraCT", async () => {
    await withFrozenLog(async (log, { monitoringUrl }) => {
      const target = newCtDirectory();
      await moveLog(log, monitoringUrl, target);
      await expectTesseraCTTakesOver(target, log);
    });
  });
});
