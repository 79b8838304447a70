/** Logs that sign with ML-DSA-44: next to another signature, in any order, or with it alone. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type MigrationOptions, Progress, parseVkey, staticCtVerifier } from "../../../lib/index.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { newMlDsaSigner } from "../../support/logs/ml-dsa-signer.ts";
import { migrateLog, newCopy } from "../../support/migration.ts";
import { logDirectory, writeFiles } from "../../support/places/directory.ts";
import { verify } from "../../support/verification.ts";

describe("a Static CT log that signs twice under one name, in changing order", () => {
  const log = testLog({ size: 300, format: "static-ct" });
  const mlDsa = newMlDsaSigner(log.origin, Buffer.alloc(32, 1));
  const [text = "", lines = ""] = log
    .object("checkpoint")
    .toString()
    .split(/(?<=\n)\n/);
  const [treeHead = ""] = lines.split(/(?<=\n)/);
  const signed = [treeHead, mlDsa.signatureLine(text)];
  const [one, other] = [signed, signed.toReversed()].map((order) =>
    Buffer.from(`${text}\n${order.join("")}`),
  );
  const own = staticCtVerifier(log.publicKey ?? "", log.origin);

  test.each([
    ["its RFC 6962 key", [own]],
    ["its ML-DSA key", [parseVkey(mlDsa.vkey)]],
    ["both", [own, parseVkey(mlDsa.vkey)]],
  ])("is one log for who trusts %s: handed over, and its checkpoint published once", async (_, verifiers) => {
    const { server, target } = await newCopy(log);
    let reads = 0;
    server.intercept(
      "checkpoint",
      (_request, response) => void response.end(reads++ % 2 === 0 ? one : other),
    );
    const warnings: string[] = [];
    // Were the order to count, each read would be of another checkpoint.
    const options: Partial<MigrationOptions> = {
      policy: { verifiers },
      saveCheckpoint: true,
      notice: (sentence, level) => void (level === "warning" && warnings.push(sentence)),
    };
    expect(await migrateLog(log, server, target, options)).toMatchObject({ outcome: "handed-over" });
    const stored = readFileSync(join(target, "checkpoint"));
    expect([one, other]).toContainEqual(stored);
    for (let run = 0; run < 2; run++) {
      const again = await migrateLog(log, server, target, options);
      expect(again).toMatchObject({ outcome: "already-handed-over" });
    }
    expect(warnings).toEqual([]);
    expect(readFileSync(join(target, "checkpoint"))).toEqual(stored);
  });

  test("warns where another checkpoint is in the place of its own", async () => {
    const { server, target } = await newCopy(log);
    const warnings: string[] = [];
    const notice = (sentence: string) => void warnings.push(sentence);
    await migrateLog(log, server, target);
    writeFiles(target, [["checkpoint", log.atSize(299).object("checkpoint")]]);
    await migrateLog(log, server, target, { saveCheckpoint: true, notice });
    expect(warnings).toEqual([expect.stringContaining("exists already and was not changed")]);
  });
});

describe("a log that signs with ML-DSA alone", () => {
  const log = testLog({ size: 300 });
  const signer = newMlDsaSigner(log.origin, Buffer.alloc(32, 2));
  const [text = ""] = log
    .object("checkpoint")
    .toString()
    .split(/(?<=\n)\n/);
  const policy = { verifiers: [parseVkey(signer.vkey)] };
  const NOT_CHECKED =
    "The extension line of the checkpoint, which no signature of the log covers: Log frozen — 2026-11-01";

  test("is not believed to be frozen by a line that anybody can have added, and its readers are told", async () => {
    const added = Buffer.from(`${text}Log frozen — 2026-11-01\n\n${signer.signatureLine(text)}`);
    const changed = { ...log, objects: new Map([...log.objects, ["checkpoint", added]]) };
    const { server, target } = await newCopy(changed);
    const [progress, controller] = [new Progress(), new AbortController()];
    Object.defineProperty(progress, "phase", {
      set: (phase: string) => void (/^waiting for the source/.test(phase) && controller.abort()),
    });
    const waiting = { policy, progress, settleMs: 86_400_000, signal: controller.signal };
    await expect(migrateLog(changed, server, target, waiting)).rejects.toThrow();
    expect(controller.signal.aborted).toBe(true);
    const report = await migrateLog(changed, server, target, { policy });
    expect(report.frozen).toBeUndefined();
    expect(report.notChecked).toContain(NOT_CHECKED);
    const verified = await verify(changed, logDirectory(changed), { policy });
    expect(verified).toMatchObject({ faults: 0, notChecked: expect.arrayContaining([NOT_CHECKED]) });
    expect(verified.frozen).toBeUndefined();
  });

  test("has nothing more that was not checked where it has no such line", async () => {
    const plain = Buffer.from(signer.sign(text));
    const { server, target } = await newCopy({ objects: new Map([...log.objects, ["checkpoint", plain]]) });
    const report = await migrateLog(log, server, target, { policy });
    expect(report.notChecked.join()).not.toContain("extension");
    expect(report.signatures).toMatchObject([
      { type: "ML-DSA-44", own: true, signedAt: "2023-11-14T22:13:20.000Z" },
    ]);
  });
});
