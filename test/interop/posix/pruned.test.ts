/** A pruned log in a directory: Tessera goes on from it, and what is missing is filled in under it. */

import { expect, it } from "vitest";
import { parseVkey, verifyLog } from "../../../lib/index.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { fsck, takeOver } from "../../support/go/tessera.ts";
import { newTarget, ownFiles, tesseraLog, treeStateOf } from "../../support/go/tessera-takeover.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { prunedObjects } from "../../support/logs/pruned-log.ts";
import { migrateLog } from "../../support/migration.ts";
import { differences } from "../../support/places/directory.ts";

const ADDED = 300;

describeWithGo("a copy of a pruned log", () => {
  it.each([
    [1000, 700],
    [1024, 1024],
    [66_000, 65_900],
    [65_536, 65_536],
  ])(
    "of %i entries, of which those below %i may be gone, is continued by Tessera's Appender",
    async (size, minIndex) => {
      const log = await tesseraLog(size);
      const { origin, key, dir: whole, vkey } = log;
      const left = prunedObjects({ objects: log.files }, minIndex);
      const dir = newTarget();
      const report = await migrateLog(log, await startLogServer(left), dir, { minIndex });
      expect(report).toMatchObject({
        outcome: "handed-over",
        pruned: { absentEntries: Math.floor(minIndex / 256) * 256 },
      });
      expect(differences(dir, { objects: prunedObjects({ objects: ownFiles(log) }, minIndex) })).toEqual([]);
      expect(treeStateOf(dir)).toBe(log.treeState);

      const taken = await takeOver({ dir, origin, key, add: ADDED });
      expect(taken).toMatchObject({ sizeBefore: size, indices: [size, size + ADDED - 1], contiguous: true });
      const options = {
        log: dir,
        policy: { verifiers: [parseVkey(vkey)] },
        access: { userAgentVersion: "test" },
        workers: 1,
        settleMs: 1,
      };
      expect(await verifyLog(options)).toMatchObject({ faults: 0, size: size + ADDED });
      // It reads all of a log.
      await expect(fsck({ dir, vkey })).rejects.toThrow();

      expect(await verifyLog({ ...options, minIndex: 0, repairFrom: whole })).toMatchObject({ faults: 0 });
      const grown = { ok: true, origin, size: size + ADDED, rootHash: taken.rootHash } as const;
      expect(await fsck({ dir, vkey })).toEqual(grown);
    },
  );
});
