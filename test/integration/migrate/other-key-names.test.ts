/** A log whose key has another name than the log: with the origin that was given, and with none. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkpointPolicy } from "../../../cmd/options/trust.ts";
import {
  abandon,
  type MigrationOptions,
  migrate,
  TargetRefusedError,
  UsageError,
  VerificationError,
  verifyLog,
} from "../../../lib/index.ts";
import { newEd25519Signer } from "../../logs/sign.ts";
import { runHere } from "../../support/cli-here.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { realLogCopy, realLogLine, realLogPath } from "../../support/logs/real-logs.ts";
import { FAST_RETRY, newCopy } from "../../support/migration.ts";
import { filesBelow, logDirectory, memoryDirectory, writeFiles } from "../../support/places/directory.ts";

const ARMORY = "armory-as-tiles";
const ORIGIN = "Armory Drive Prod 2";
const vkey = [realLogLine("armory-drive-log/key.pub")];
const access = { userAgentVersion: "test" };

/** The options of a copy, with the policy that the command's options give. */
function options(
  source: string,
  target: string,
  trust: { vkey: string[]; origin?: string },
): MigrationOptions {
  const policy = checkpointPolicy({ format: "tiles", ...trust }, source) ?? { verifiers: [] };
  const common = { format: "tiles", tool: "test", access, retry: FAST_RETRY, workers: 1 } as const;
  return { ...common, source, target, policy, handOver: true, settleMs: 0 };
}

const verified = (log: string, trust: { vkey: string[]; origin?: string }) =>
  verifyLog({ log, access, workers: 1, policy: checkpointPolicy(trust, log), settleMs: 1 });

describe("a real log whose key has another name", () => {
  test("is copied in two runs, handed over, taken back, and handed over again", async () => {
    const target = join(memoryDirectory(), "log");
    const copy = options(realLogPath(ARMORY), target, { vkey, origin: ORIGIN });
    expect(await migrate({ ...copy, handOver: false })).toMatchObject({ outcome: "ready-for-handover" });
    for (const round of [1, 2]) {
      const report = await migrate(copy);
      expect(report, `round ${round}`).toMatchObject({ outcome: "handed-over", origin: ORIGIN, size: 2 });
      expect(report.signatures).toEqual([
        { name: "armory-drive-log", keyId: "16541b8f", type: "Ed25519", own: true },
      ]);
      expect(await migrate(copy)).toMatchObject({ outcome: "already-handed-over" });
      if (round === 1) expect(await abandon({ target, access })).toMatchObject({ origin: ORIGIN });
    }
    for (const path of ["tile/0/000.p/2", "tile/entries/000.p/2"]) {
      expect(readFileSync(join(target, path))).toEqual(readFileSync(realLogPath(`${ARMORY}/${path}`)));
    }
    expect(await verified(target, { vkey, origin: ORIGIN })).toMatchObject({ faults: 0 });
  });

  test("is mirrored with its checkpoint, and verified there and where it was", async () => {
    const target = join(memoryDirectory(), "log");
    const copy = options(realLogPath(ARMORY), target, { vkey, origin: ORIGIN });
    await migrate({ ...copy, saveCheckpoint: true });
    for (const place of [target, realLogPath(ARMORY)]) {
      const report = await verified(place, { vkey, origin: ORIGIN });
      expect(report).toMatchObject({ authority: "checkpoint", origin: ORIGIN, faults: 0 });
    }
  });

  test("is refused without its origin, with the option to pass, and by another", async () => {
    const target = join(memoryDirectory(), "log");
    const copy = migrate(options(realLogPath(ARMORY), target, { vkey }));
    await expect(copy).rejects.toThrow(VerificationError);
    await expect(copy).rejects.toThrow(/pass --origin 'Armory Drive Prod 2' with the key/);
    const other = migrate(options(realLogPath(ARMORY), target, { vkey, origin: "armory-drive-log" }));
    await expect(other).rejects.toThrow(/checkpoint of another log \(expected origin armory-drive-log/);
    expect(filesBelow(target)).toEqual([]);
  });

  test("is not continued by a run for another origin", async () => {
    const target = join(memoryDirectory(), "log");
    const copy = options(realLogPath(ARMORY), target, { vkey, origin: ORIGIN });
    await migrate({ ...copy, handOver: false });
    const other = testLog({ size: 2 });
    const theirs = options(logDirectory(other), target, { vkey: [other.vkey] });
    await expect(migrate(theirs)).rejects.toThrow(TargetRefusedError);
    await migrate(copy);
    const wrong = verified(target, { vkey: [other.vkey], origin: other.origin });
    await expect(wrong).rejects.toThrow(UsageError);
  });

  test("is copied by the command, which says what the new log software needs", async () => {
    const target = join(memoryDirectory(), "log");
    const args = ["copy", realLogPath(ARMORY), target, "--vkey", ...vkey];
    const refused = await runHere(args);
    expect([refused.code, refused.stderr]).toEqual([
      3,
      expect.stringContaining("--origin 'Armory Drive Prod 2'"),
    ]);
    const { code, stdout } = await runHere([...args, "--origin", ORIGIN]);
    expect(code).toBe(0);
    expect(stdout.replace(/\s+/g, " ")).toContain(
      'The log\'s key is named armory-drive-log, which a Tessera Appender would sign as the origin: pass it AppendOptions.WithOrigin("Armory Drive Prod 2")',
    );
  });
});

describe("a writer whose key has another name", () => {
  const signer = newEd25519Signer("writer-key", Buffer.alloc(32, 8));
  const log = testLog({ size: 300 });
  const [text = ""] = log
    .object("checkpoint")
    .toString()
    .split(/(?<=\n)\n/);
  const trust = { vkey: [signer.vkey], origin: log.origin };

  test("is alive where it signs the same tree again and again", async () => {
    const { server, target } = await newCopy(log);
    let reads = 0;
    server.intercept("checkpoint", (_request, response) => {
      const again = `— writer-key ${Buffer.alloc(72, ++reads).toString("base64")}\n`;
      response.end(`${Buffer.from(signer.sign(text))}${again}`);
    });
    const copy = migrate(options(server.url, target, trust));
    await expect(copy).rejects.toThrow(/signs the same tree again and again: its writer is alive/);
  });

  test("is believed where it has signed that the log is frozen, which is reported", async () => {
    const directory = logDirectory(log);
    const frozen = "Log frozen — 2026-11-01";
    writeFiles(directory, [["checkpoint", Buffer.from(signer.sign(`${text}${frozen}\n`))]]);
    const copy = options(directory, join(memoryDirectory(), "log"), trust);
    const report = await migrate({ ...copy, settleMs: 86_400_000 });
    expect(report).toMatchObject({ outcome: "handed-over", frozen });
    expect(await verified(directory, trust)).toMatchObject({ frozen, faults: 0 });
  });
});

test.each([
  ["anvil-mirror/log", "anvil-mirror/log.vkey", 12],
  ["transparent-tuf/tlog", "transparent-tuf/public.key", 14],
])("the real log %s is copied and verified by its key", async (path, key, size) => {
  const [source, target] = [realLogCopy(path), join(memoryDirectory(), "log")];
  const trust = { vkey: [realLogLine(key)] };
  expect(await verified(source, trust)).toMatchObject({ faults: 0, size });
  expect(await migrate(options(source, target, trust))).toMatchObject({ outcome: "handed-over", size });
  expect(await verified(target, trust)).toMatchObject({ faults: 0, size });
  const objects = filesBelow(target).filter((file) => file.startsWith("tile/"));
  expect(objects).toEqual([`tile/0/000.p/${size}`, `tile/entries/000.p/${size}`]);
  for (const file of objects)
    expect(readFileSync(join(target, file))).toEqual(readFileSync(join(source, file)));
});

describe("a log of Merkle-tree certificates, whose cosigner has the name of its CA", () => {
  const origin = "oid/1.3.6.1.4.1.32473.2.0.42";
  const log = testLog({ size: 300, origin });

  /** The log, signed by its CA alone. */
  function signedByCa(): { directory: string; vkey: string[] } {
    const ca = newEd25519Signer("oid/1.3.6.1.4.1.32473.2", Buffer.alloc(32, 5));
    const [text = ""] = log
      .object("checkpoint")
      .toString()
      .split(/(?<=\n)\n/);
    const directory = logDirectory(log);
    writeFiles(directory, new Map([["checkpoint", Buffer.from(ca.sign(text))]]));
    writeFiles(directory, new Map([["landmarks", Buffer.from("0 0\n0\n")]]));
    return { directory, vkey: [ca.vkey] };
  }

  test("is copied, and it is said that its landmarks are not", async () => {
    const { directory, vkey } = signedByCa();
    const target = join(memoryDirectory(), "log");
    await expect(migrate(options(directory, target, { vkey }))).rejects.toThrow(
      /--origin oid\/1\S+\.0\.42 with/,
    );
    const report = await migrate(options(directory, target, { vkey, origin }));
    expect(report).toMatchObject({ outcome: "handed-over", size: 300 });
    expect(report.warnings).toContainEqual(
      expect.stringContaining("a file landmarks next to its checkpoint"),
    );
    expect(filesBelow(target)).not.toContain("landmarks");
  });
});
