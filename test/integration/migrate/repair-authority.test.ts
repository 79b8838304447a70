/** What is wrong in a log is repaired only where all that says which log it is agrees. */

import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { MigrationOptions } from "../../../lib/migrate/options/options.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { migrateLog } from "../../support/migration.ts";
import {
  directoryContents,
  logDirectory,
  memoryDirectory,
  writeFiles,
} from "../../support/places/directory.ts";
import { damage, repair, verify } from "../../support/verification.ts";

function writeTreeState(directory: string, { size, rootHash }: TestLog): void {
  writeFiles(directory, [[".state/treeState", JSON.stringify({ size, root: formatHash(rootHash) })]]);
}

const grown = testLog({ size: 1500, entrySize: 4 });
const log = grown.atSize(900);
const [BUNDLE, TILE] = ["tile/entries/001", "tile/0/002"];
const other = testLog({ size: 1200, entrySize: 6 });

describe("a repair", () => {
  const UNSIGNED = { policy: { insecureNoSignature: true } } as const;

  /** A log that was handed over, and a served copy of the other one. */
  async function handedOver(overrides: Partial<MigrationOptions> = {}) {
    const target = join(memoryDirectory(), "target");
    await migrateLog(log, await startLogServer(log.objects), target, overrides);
    return { target, hostile: (await startLogServer(other.objects)).url };
  }

  it.each([900, 1200])("takes nothing for a tree state of its size %d", async (size) => {
    const { target, hostile } = await handedOver();
    writeTreeState(target, size === 900 ? other.atSize(900) : other);
    const before = directoryContents(target);
    const report = await repair(log, target, hostile, { policy: undefined });
    expect(report.repair?.repaired).toBe(0);
    expect(report.repair?.notRepaired[0]?.problem).toMatch(/is of another log than the tree state/);
    expect(directoryContents(target)).toEqual(before);
  });

  it.each([UNSIGNED, { policy: { verifiers: [parseVkey(other.vkey)] } }])(
    "takes nothing for a checkpoint that the record of the handover contradicts",
    async (options) => {
      const { target, hostile } = await handedOver({ saveCheckpoint: true });
      writeFiles(target, [["checkpoint", other.object("checkpoint")]]);
      writeTreeState(target, other);
      const before = directoryContents(target);
      const report = await repair(log, target, hostile, options);
      expect(report.repair?.repaired).toBe(0);
      expect(report.repair?.notRepaired[0]?.problem).toMatch(
        /tlog-migrate.json is of another log than the checkpoint.*expected size 1,200.*found size 900/,
      );
      expect(directoryContents(target)).toEqual(before);
    },
  );

  it.each([500, 1200, 1300])(
    "takes nothing for an unsigned checkpoint of size %d that the tree state contradicts",
    async (size) => {
      const directory = logDirectory(log);
      writeTreeState(directory, log);
      const wrong = testLog({ size: 1300, entrySize: 6 }).atSize(size);
      writeFiles(directory, [["checkpoint", wrong.object("checkpoint")]]);
      const before = directoryContents(directory);
      const report = await repair(log, directory, (await startLogServer(wrong.objects)).url, UNSIGNED);
      expect(report.repair).toMatchObject({ repaired: 0 });
      expect(report.repair?.notRepaired[0]?.problem).toMatch(/another log/);
      expect(directoryContents(directory)).toEqual(before);
    },
  );

  it("is no obstacle where all that is known agrees, signed or not", async () => {
    const directory = logDirectory(grown);
    writeTreeState(directory, grown);
    writeFiles(directory, log.objects);
    damage(directory, log, BUNDLE, TILE);
    const { url } = await startLogServer(grown.objects);
    expect((await repair(log, directory, url, UNSIGNED)).repair).toMatchObject({
      repaired: 2,
      notRepaired: [],
    });
  });
});

it("a verification names a log that is another than was handed over", async () => {
  const target = join(memoryDirectory(), "target");
  await migrateLog(log, await startLogServer(log.objects), target);
  for (const size of [900, 1200]) {
    writeFiles(target, other.atSize(size).objects);
    writeTreeState(target, other.atSize(size));
    fs.rmSync(join(target, "checkpoint"));
    const { findings } = await verify(log, target, { policy: undefined });
    const [finding] = findings.filter(({ path }) => path === "tree state");
    expect(finding?.problem).toMatch(/is not of the log that was handed over on/);
  }
});
