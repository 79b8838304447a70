/** Sunlight goes on from a copy of its log, gzip, lock row and all, and from nothing that is less. */

import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { migrate, staticCtVerifier, verifyLog } from "../../../lib/index.ts";
import { parseResourcePath } from "../../../lib/tlog/layout.ts";
import { readWithSunlight } from "../../support/go/ct-readers.ts";
import { ISSUERS, submitChains } from "../../support/go/ct-submissions.ts";
import { FIRST, fillLog, IDENTITY } from "../../support/go/ct-takeover.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { readLog } from "../../support/go/log-files.ts";
import { checkpointDatabase, startSunlight } from "../../support/go/sunlight.ts";
import { useGoPrograms } from "../../support/go/use-go-programs.ts";
import { migrationOptions } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";
import { lockRows } from "../../support/places/sunlight.ts";

useGoPrograms("ctkit", "tesseract-fsck", "skylight", "sunlight");

const APPENDED = 300;
const NEXT = "after the move";

describeWithGo("a log of Sunlight in a directory", () => {
  it.each([
    ["its directory", 700, ({ logDirectory }: { logDirectory: string }) => `gzip+file://${logDirectory}`],
    ["Skylight", 256, ({ monitoringUrl }: { monitoringUrl: string }) => monitoringUrl],
  ])(
    "read from %s, is taken over by Sunlight after the handover, and not before",
    async (_, size, sourceOf) => {
      const [before, after] = ["before", "after"].map((name) => join(memoryDirectory(), name)) as [
        string,
        string,
      ];
      await using old = await startSunlight({ ...IDENTITY, directory: before, authorities: [FIRST] });
      await fillLog(old, size);
      const { checkpoint } = await old.freeze();
      const { publicKey, origin, vkey, logDirectory } = old;

      await mkdir(after);
      const sunlightLock = checkpointDatabase(after);
      const target = `gzip+file://${after}/log`;
      const policy = { verifiers: [staticCtVerifier(publicKey, origin)] };
      const access = { userAgentVersion: "test", contact: "operator@log.test" };
      const known = { vkey, format: "static-ct" } as const;
      const copy = (handOver: boolean) => {
        const overrides = {
          policy,
          access,
          handOver,
          targetOptions: { sunlightLock },
          workers: 2,
          deep: true,
        };
        return migrate(migrationOptions(known, sourceOf(old), target, overrides));
      };
      expect(await copy(false)).toMatchObject({ outcome: "ready-for-handover", entries: size });
      const starting = startSunlight({ ...IDENTITY, directory: after, authorities: [FIRST] });
      await expect(starting).rejects.toThrow(
        /checkpoint missing from database but present in object storage/,
      );
      expect(lockRows(sunlightLock)).toEqual({});

      expect(await copy(true)).toMatchObject({ outcome: "handed-over", size });
      const [original, copied] = [readLog(logDirectory), readLog(join(after, "log"))];
      expect(copied.get("checkpoint")?.toString()).toBe(checkpoint);
      for (const [path, bytes] of copied) {
        if (parseResourcePath(path) !== undefined || path.startsWith("issuer/")) {
          expect(bytes.equals(original.get(path) as Buffer), path).toBe(true);
        }
      }
      const rows = lockRows(sunlightLock);
      expect(Object.values(rows)).toEqual([checkpoint]);
      expect(rows).toEqual(lockRows(join(before, "checkpoints.db")));
      const verified = await verifyLog({
        log: target,
        policy,
        access,
        workers: 1,
        targetOptions: { sunlightLock },
      });
      expect(verified).toMatchObject({ faults: 0, entries: size, lock: { size, state: "equal" } });
      expect(await copy(true)).toMatchObject({ outcome: "already-handed-over" });

      await using taken = await startSunlight({ ...IDENTITY, directory: after, authorities: [FIRST, NEXT] });
      const { indices } = await submitChains(taken, { authorities: NEXT, count: APPENDED });
      expect([...indices].sort((a, b) => a - b)).toEqual(indices.map((_, n) => size + n));
      const grown = await taken.freeze();
      expect(grown.size).toBe(size + APPENDED);
      const { rootHash } = grown;
      const read = await readWithSunlight({ url: target, publicKey });
      expect(read).toMatchObject({
        entries: size + APPENDED,
        size: size + APPENDED,
        rootHash,
        issuers: 2 * ISSUERS,
      });
      expect(readFileSync(join(after, "log", "checkpoint"), "utf8")).toBe(grown.checkpoint);
    },
  );
});
