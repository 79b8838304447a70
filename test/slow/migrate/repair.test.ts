/** `verify` with `repairFrom` of a log with every kind of object, and of Static CT. */

import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../lib/errors.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { answerWith, flippedBit } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { differences, filesBelow, logDirectory, writeFiles } from "../../support/places/directory.ts";
import { damage, pathsOf, repair, verify } from "../../support/verification.ts";

describe("a log in a directory", () => {
  const log = testLog({ size: 65_536 + 3 * 256 + 7, entrySize: 4 });

  it("has every kind of object repaired that is tampered with, truncated, empty or missing", async () => {
    const directory = logDirectory(log);
    const tampered = ["tile/entries/000", "tile/0/001", "tile/1/001.p/3", "tile/entries/259.p/7"];
    damage(directory, log, ...tampered);
    const [truncated, empty, missing] = ["tile/0/002", "tile/entries/003", "tile/1/000"];
    writeFiles(directory, [
      [truncated, log.object(truncated).subarray(0, 100)],
      [empty, ""],
    ]);
    fs.rmSync(join(directory, missing));
    const { url } = await startLogServer(log.objects);
    const notices: string[] = [];
    const report = await repair(log, directory, url, { notice: (sentence) => void notices.push(sentence) });
    const all = [...tampered, truncated, empty, missing].toSorted();
    expect(report).toMatchObject({ faults: 0, findings: [], entries: log.size, repairable: 0 });
    expect(report.repair).toMatchObject({ source: url, repaired: all.length, notRepaired: [] });
    expect(report.repair?.objects.toSorted()).toEqual(all);
    for (const path of all) expect(notices).toContain(`${join(directory, path)}: repaired from ${url}`);
    expect(differences(directory, log)).toEqual([]);
    expect(filesBelow(directory).filter((path) => !log.objects.has(path))).toEqual([]);
  });

  it("is repaired from the top down where all of it is lost, with the right edge", async () => {
    const directory = logDirectory(log);
    fs.rmSync(join(directory, "tile"), { recursive: true });
    const report = await repair(log, directory, logDirectory(log), { format: undefined }).catch((e) => e);
    expect(report).toBeInstanceOf(UsageError);
    expect(report.message).toMatch(/Pass --format/);
    const { faults, repair: done } = await repair(log, directory, logDirectory(log));
    expect({ faults, repaired: done?.repaired }).toEqual({ faults: 0, repaired: log.objects.size - 1 });
    expect(differences(directory, log)).toEqual([]);
  });
});

describe("a Static CT log that is repaired", () => {
  const log = testLog({ size: 600, format: "static-ct" });
  const [lost = "", wrong = "", ...others] = [...log.objects.keys()].filter((path) =>
    path.startsWith("issuer/"),
  );

  it("has issuers that its entries name put in place, and others left alone", async () => {
    const directory = logDirectory(log);
    expect(others.length).toBeGreaterThanOrEqual(0);
    fs.rmSync(join(directory, lost));
    writeFiles(directory, [
      [wrong, "another certificate"],
      [`issuer/${"0".repeat(64)}`, "nobody's"],
      ["tile/data/001", ""],
    ]);
    const { url } = await startLogServer(log.objects);
    const report = await repair(log, directory, url, { format: undefined });
    expect(report).toMatchObject({ faults: 0, repair: { repaired: 3 }, extraData: { deepEntries: 600 } });
    for (const path of [lost, wrong, "tile/data/001"]) {
      expect(fs.readFileSync(join(directory, path))).toEqual(log.object(path));
    }
    expect(fs.readFileSync(join(directory, `issuer/${"0".repeat(64)}`), "utf8")).toBe("nobody's");
  });

  it("takes no certificate in the place of another", async () => {
    const directory = logDirectory(log);
    fs.rmSync(join(directory, lost));
    const server = await startLogServer(log.objects);
    server.intercept(lost, answerWith(log.object(wrong)));
    const report = await repair(log, directory, server.url);
    expect(report).toMatchObject({ faults: 1, repair: { repaired: 0, notRepaired: [{ path: lost }] } });
    expect(fs.existsSync(join(directory, lost))).toBe(false);
  });

  it.each([true, false])(
    "has a bundle repaired that names an issuer which exists nowhere, with a deep check: %s",
    async (deep) => {
      const directory = logDirectory(log);
      const path = "tile/data/001";
      const good = log.object(path);
      const fingerprint = Buffer.from(lost.slice("issuer/".length), "hex");
      writeFiles(directory, [[path, flippedBit(good, good.indexOf(fingerprint), 3)]]);
      const bad = await verify(log, directory, { deep });
      expect(pathsOf(bad)).toEqual([expect.stringMatching(/^issuer\//)]);
      const report = await repair(log, directory, logDirectory(log), { deep });
      expect(report).toMatchObject({ faults: 0, repair: { repaired: 1, objects: [path], notRepaired: [] } });
      expect(differences(directory, log)).toEqual([]);
    },
  );

  it("has what no leaf hash covers repaired where that is checked", async () => {
    const directory = logDirectory(log);
    const path = "tile/data/000";
    writeFiles(directory, [[path, flippedBit(log.object(path), 20, 6)]]);
    const bad = await verify(log, directory);
    expect(pathsOf(bad)).toEqual([path]);
    expect(await repair(log, directory, logDirectory(log))).toMatchObject({
      faults: 0,
      repair: { objects: [path] },
    });
    expect(differences(directory, log)).toEqual([]);
  });
});
