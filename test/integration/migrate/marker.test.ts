/** What a marker keeps of the checkpoint aimed at, and that a resume is as strict as its own options. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseNote } from "../../../lib/tlog/note.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import { newEd25519Signer } from "../../logs/sign.ts";
import { expectNotVerified } from "../../support/http/tampering.ts";
import { type TestLog, testLog } from "../../support/logs/generated-log.ts";
import { migrateLog, newCopy } from "../../support/migration.ts";
import { versionOf, writeFiles } from "../../support/places/directory.ts";

const grown = testLog({ size: 900, entrySize: 30 });
const log = grown.atSize(600);

const witness = newEd25519Signer("witness.example", Buffer.alloc(32, 3));
const WITNESSED = { verifiers: [log.vkey, witness.vkey].map(parseVkey) };

/** The log's checkpoint with more lines behind its own. */
function cosigned(of: TestLog, ...lines: string[]): Buffer {
  return Buffer.concat([of.object("checkpoint"), Buffer.from(lines.join(""))]);
}

const witnessLine = (of: TestLog): string => witness.signatureLine(parseNote(of.object("checkpoint")).text);

const noise = (count: number, bytes: number): string[] =>
  Array.from(
    { length: count },
    (_, i) => `— noise.example/${i} ${Buffer.alloc(bytes, 1).toString("base64")}\n`,
  );

/** What is served of a log, with another checkpoint. */
function serving({ objects }: TestLog, checkpoint: Buffer): Map<string, Buffer> {
  return new Map([...objects, ["checkpoint", checkpoint]]);
}

test("900 KB of unknown keys' signatures stay out of the marker, and are stored where the checkpoint is", async () => {
  const { server, target } = await newCopy(log);
  const served = cosigned(log, ...noise(90, 7_000));
  expect(served.length).toBeGreaterThan(800_000);
  server.objects = serving(log, served);
  await migrateLog(log, server, target, { handOver: false });
  expect(versionOf(target)?.length).toBeLessThan(20_000);
  const report = await migrateLog(log, server, target, { saveCheckpoint: true });
  expect(report).toMatchObject({ outcome: "handed-over", resumedEntries: 600 });
  expect(readFileSync(join(target, "checkpoint"))).toEqual(served);
});

describe("a key that is new to a resume must have signed", () => {
  test("what the marker has kept of it", async () => {
    const { server, target } = await newCopy(log);
    server.objects = serving(log, cosigned(log, ...noise(10, 7_000), witnessLine(log)));
    await migrateLog(log, server, target, { handOver: false });
    expect(versionOf(target)).toContain("witness.example");
  });

  test.each([
    ["the source's checkpoint of the same size", log],
    ["the one that the source has grown to, whose tree proves the marker's", grown],
  ])("%s", async (_what, now) => {
    const { server, target } = await newCopy(log);
    await migrateLog(log, server, target, { handOver: false });
    server.objects = now.objects;
    await expectNotVerified(migrateLog(log, server, target, { policy: WITNESSED }), /witness\.example/);
    server.objects = serving(now, cosigned(now, witnessLine(now)));
    const options = { policy: WITNESSED };
    const report = await migrateLog(log, server, target, { ...options, handOver: false });
    expect(report.size).toBe(now.size);
    expect(await migrateLog(log, server, target, options)).toMatchObject({ outcome: "handed-over" });
  });

  test("no smaller one that the source's tree contradicts, nor one that a known key has not signed", async () => {
    const forked = testLog({ size: 600, entrySize: 31 }).object("checkpoint").toString();
    for (const [checkpoint, message] of [
      [forked, /forked/],
      [forked.replace("\n600\n", "\n500\n"), /does not verify/],
    ] as const) {
      const { server, target } = await newCopy(log);
      await migrateLog(log, server, target, { handOver: false });
      const [prefix, json = ""] = versionOf(target)?.split(/ (?=\{)/) ?? [];
      const marker = JSON.stringify({ ...JSON.parse(json), checkpoint, smallestSize: 0 });
      writeFiles(target, [[".state/version", `${prefix} ${marker}\n`]]);
      server.objects = serving(grown, cosigned(grown, witnessLine(grown)));
      await expectNotVerified(migrateLog(log, server, target, { policy: WITNESSED }), message);
      expect(versionOf(target)).toContain(marker);
    }
  });
});

test("a marker whose smallest size is beyond its checkpoint lets the clean-up begin at 0", async () => {
  const { server, target } = await newCopy(log);
  await migrateLog(log, server, target, { handOver: false });
  const marker = versionOf(target)?.replace('"smallestSize":600', '"smallestSize":9000000') ?? "";
  expect(marker).toContain("9000000");
  writeFiles(target, [[".state/version", marker]]);
  expect(await migrateLog(log, server, target)).toMatchObject({ outcome: "handed-over" });
  expect(readFileSync(join(target, ".state/gcState"), "utf8")).toBe('{"fromSize":0}');
});
