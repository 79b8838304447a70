/** Static CT logs of Tessera's, copied and followed by workers of a real queue, with all that is checked of them. */

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeLog } from "../../logs/generate.ts";
import { runCli } from "../../support/cli.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { printed } from "../../support/go/live-move.ts";
import { filesLost, readLog } from "../../support/go/log-files.ts";
import { Fleet, type FleetLog } from "../../support/go/queue-fleet.ts";
import { takeOver } from "../../support/go/tessera.ts";
import {
  expectTakenOver,
  newTarget,
  ownFiles,
  type TesseraLog,
  tesseraLog,
} from "../../support/go/tessera-takeover.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { filesBelow, memoryDirectory } from "../../support/places/directory.ts";
import { describeWithQueue } from "../../support/queue-servers.ts";

const ISSUERS = "issuer";

async function newFleet<Log extends FleetLog>(log: Log, options: readonly string[] = []) {
  const dir = newTarget();
  const place = { home: { dir }, read: (path: string) => readFileSync(join(dir, path)) };
  return { dir, log, fleet: await Fleet.start("redis", log, place, options) };
}

const sealsIn = (dir: string) =>
  filesBelow(join(dir, "tile/1")).filter((path) => /^\d{3}$/.test(path)).length;

describeWithQueue("redis", () => {
  describeWithGo("for a Static CT log of Tessera's", () => {
    useGoPrograms("tesserakit");

    it("divides what the log grows by, until a cutover", async () => {
      const { dir, log, fleet } = await newFleet(await tesseraLog(1, { format: "static-ct" }));
      const checkpoint = readFileSync(join(log.dir, "checkpoint"));
      const release = fleet.server.intercept("checkpoint", (_request, response) => {
        response.end(checkpoint);
      });
      const following = fleet.follow();
      fleet.addWorker();
      fleet.addWorker();
      await expect
        .poll(() => filesBelow(dir), { timeout: 60_000 })
        .toContain(".state/tlog-migrate-follow.json");
      const grown = await takeOver({ ...log, ct: true, add: 2 * 65_536 });
      // At once, as after a weekend.
      release();
      await expect.poll(() => sealsIn(dir), { timeout: 120_000 }).toBe(2);
      const cutover = await runCli(["cutover", dir, "--wait"], { timeoutMs: 120_000 });
      expect(cutover.code, cutover.stderr).toBe(0);
      const { code, stdout, stderr } = await following.result;
      expect(code, stderr).toBe(0);
      expect(stderr).toMatch(/131,072 entries are divided among the workers of redis:/);
      // The first and the last entry, which are not the workers', do not name all of them.
      const issuers = readdirSync(join(log.dir, ISSUERS));
      expect(stdout).toMatch(new RegExp(`issuers +${issuers.length}`));
      const counts = await fleet.endOfWorkers();
      expect(counts.reduce((sum, entries) => sum + entries, 0)).toBe(2 * 65_536);
      const now: TesseraLog = { ...log, ...grown, files: readLog(log.dir) };
      expect(filesLost(dir, ownFiles(now))).toEqual([]);
      for (const issuer of issuers) {
        const path = join(ISSUERS, issuer);
        expect(readFileSync(join(dir, path)).equals(readFileSync(join(log.dir, path)))).toBe(true);
      }
      await expectTakenOver(dir, now);
    });

    it("is checked deeply, and issuers may be missing, as workers must be told too", async () => {
      const format = "static-ct";
      const source = join(memoryDirectory(), "source");
      const written = writeLog(source, { size: 65_536 + 300, format });
      const issuers = readdirSync(join(source, ISSUERS));
      const [gone = ""] = issuers;
      rmSync(join(source, ISSUERS, gone));
      const log = { ...written, dir: source, key: "of no use", format } as const;
      const { dir, fleet } = await newFleet(log, ["--deep", "--allow-missing-issuers"]);
      const coordinator = fleet.coordinator();
      await printed(coordinator, /are divided among the workers/);
      const strict = await fleet.worker({ limits: ["--deep"] }).result;
      expect(strict.code, strict.stderr).toBe(4);
      expect(strict.stderr).toMatch(
        /with other options \(expected --deep, found --allow-missing-issuers --deep\)/,
      );
      fleet.addWorker();
      const { code, stdout, stderr } = await coordinator.result;
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/by workers +65,536 entries\n {2}issuers +2 certificates, 1 of them missing/);
      expect(await fleet.endOfWorkers()).toEqual([65_536]);
      expect(await fleet.differences()).toEqual([]);
      expect(readdirSync(join(dir, ISSUERS))).toEqual(issuers.slice(1));
    });
  });
});
