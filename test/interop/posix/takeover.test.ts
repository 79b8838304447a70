import { expect, it } from "vitest";
import type { MigrationOptions } from "../../../lib/index.ts";
import { staticCtVerifier } from "../../../lib/index.ts";
import { describeWithGo } from "../../support/go/describe-with-go.ts";
import { filesOfSize, obsoletePartials, readLog } from "../../support/go/log-files.ts";
import { takeOver } from "../../support/go/tessera.ts";
import {
  expectTakenOver,
  newTarget,
  ownFiles,
  type TesseraLog,
  tesseraLog,
  treeStateOf,
} from "../../support/go/tessera-takeover.ts";
import { type LogServer, startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { migrateLog } from "../../support/migration.ts";
import { differences, versionOf } from "../../support/places/directory.ts";

describeWithGo("a copy of a log that Tessera made", () => {
  it.each([0, 1, 255, 256, 257, 1000, 66_000, 131_072 + 77])(
    "of %i entries is the same byte for byte, and Tessera's Appender takes it over",
    async (size) => {
      const log = await tesseraLog(size);
      const target = await wholeCopy(log, await startLogServer(log.files));
      await expectTakenOver(target, log);
    },
  );

  it("has none of the obsolete partials that many small batches left in the source", async () => {
    const log = await tesseraLog(3000, { batch: 100 });
    expect(obsoletePartials(log.files.keys()).length).toBeGreaterThan(20);
    const target = await wholeCopy(log, await startLogServer(log.files));
    await expectTakenOver(target, log);
  });

  it("is cut from full tiles and bundles where the source has deleted its right-edge partials", async () => {
    const log = await tesseraLog(65_000);
    const server = await serveGrownWithoutPartials(log, 1000);
    const target = await wholeCopy(log, server);
    for (const path of ["tile/0/253", "tile/1/000", "tile/entries/253"]) {
      const asked = server.requests.map((request) => request.path).filter((other) => other.startsWith(path));
      const partial = path === "tile/1/000" ? `${path}.p/253` : `${path}.p/232`;
      expect(asked, path).toEqual(expect.arrayContaining([path, partial]));
    }
    await expectTakenOver(target, log);
  });

  it("of a Static CT log, served compressed, is taken over and passes fsck like any other", async () => {
    const log = await tesseraLog(1000, { format: "static-ct" });
    const policy = { verifiers: [staticCtVerifier(log.publicKey, log.origin)] };
    const target = await wholeCopy(log, await startLogServer(log.files, { gzip: true }), { policy });
    await expectTakenOver(target, log);
  });
});

/** A target that has exactly what a log of this size needs, with the source's bytes and Tessera's own tree state. */
async function wholeCopy(
  log: TesseraLog,
  server: LogServer,
  overrides: Partial<MigrationOptions> = {},
): Promise<string> {
  const target = newTarget();
  const report = await migrateLog(log, server, target, { workers: 2, ...overrides });
  const { size, rootHash, origin } = log;
  expect(report).toMatchObject({ outcome: "handed-over", origin, size, rootHash, entries: size });
  expect(differences(target, { objects: ownFiles(log) })).toEqual([]);
  expect(treeStateOf(target)).toBe(log.treeState);
  expect(versionOf(target)).toBe("1");
  return target;
}

/**
 * Serves a log's checkpoint with the resources of the same log grown by `more` entries, cleaned of every partial
 * for which there is a full one: what a reader meets that was overtaken by a live log's garbage collection.
 */
async function serveGrownWithoutPartials(log: TesseraLog, more: number): Promise<LogServer> {
  await takeOver({ ...log, add: more });
  const grown = readLog(log.dir);
  for (const path of obsoletePartials(grown.keys())) grown.delete(path);
  expect(() => filesOfSize(grown, log.format, log.size)).toThrow("the log has no ");
  return await startLogServer(grown.set("checkpoint", Buffer.from(log.checkpoint)));
}
