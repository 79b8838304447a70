/** What the program says and returns of the parts of Static CT logs that no leaf hash covers. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type CliResult, HAND_OVER, runCli } from "../../support/cli.ts";
import { entryOf, entryParts, staticCtEntry, testAuthorities } from "../../support/logs/certificates.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { type EntryLog, entryLog } from "../../support/logs/single-tile-log.ts";
import { logDirectory, memoryDirectory } from "../../support/places/directory.ts";

const authorities = testAuthorities("cli");
const { root, intermediate } = authorities;
/** Entry 1 of the logs below, a precertificate. */
const parts = entryParts(authorities, "precertificate", 1);
const whole = logOf(staticCtEntry(parts), [root.der, intermediate.der]);
const changed = logOf(withChangedPrecertificate(), [root.der, intermediate.der]);
const withoutIssuer = logOf(staticCtEntry(parts), [root.der]);
const MISSING = `issuer/${intermediate.fingerprint}`;

function logOf(precertificate: Buffer, issuers: readonly Buffer[]): EntryLog {
  return entryLog([entryOf(authorities, "certificate", 0), precertificate], issuers);
}

function withChangedPrecertificate(): Buffer {
  if (parts.submitted === undefined) throw new Error("a precertificate was submitted");
  const precertificate = Buffer.from(parts.submitted.precertificate);
  const middle = precertificate.length >> 1;
  precertificate[middle] = (precertificate[middle] as number) ^ 0x01;
  return staticCtEntry({ ...parts, submitted: { ...parts.submitted, precertificate } });
}

let target: string;

beforeEach(() => {
  target = join(memoryDirectory(), "ct");
});

function copy(log: EntryLog, ...options: string[]): Promise<CliResult> {
  const args = ["copy", logDirectory(log), target, "--format", "static-ct", "--vkey", log.vkey];
  return runCli([...args, ...HAND_OVER, "--quiet", ...options]);
}

const verify = (log: EntryLog, ...options: string[]): Promise<CliResult> =>
  runCli(["verify", logDirectory(log), "--format", "static-ct", "--vkey", log.vkey, "--quiet", ...options]);

/** Exit code 3, one line on standard error, nothing on standard output, and no handover. */
function expectNotVerified({ code, stdout, stderr }: CliResult, words: string): void {
  expect(stderr).toMatch(/^tlog-migrate: [^\n]+\n$/);
  expect(stderr).toContain(words);
  expect([code, stdout]).toEqual([3, ""]);
  expect(existsSync(join(target, ".state/treeState"))).toBe(false);
}

describe("a precertificate that was changed after it was submitted", () => {
  test("is taken as it stands by copy, and ends copy --deep in one line", async () => {
    expectNotVerified(await copy(changed, "--deep"), `${changed.bundle} (`);
    expect(existsSync(join(target, changed.bundle))).toBe(false);
    const { code, stdout, stderr } = await copy(changed);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^The log is handed over/);
  });

  test("is found by verify, and not by verify --no-deep", async () => {
    const found = await verify(changed);
    expect(found.code).toBe(3);
    expect(found.stdout).toContain(changed.bundle);
    expect(found.stderr).toMatch(/^tlog-migrate: [^\n]+\n$/);
    const passed = await verify(changed, "--no-deep");
    expect([passed.code, passed.stderr]).toEqual([0, ""]);
  });
});

describe("an issuer that the source lacks", () => {
  test("ends a copy, which names it, an entry that needs it, and what goes on without", async () => {
    const result = await copy(withoutIssuer);
    expectNotVerified(result, MISSING);
    expect(result.stderr).toMatch(/entry [01] names.*--allow-missing-issuers/);
  });

  test("is listed with --allow-missing-issuers, and all else is copied", async () => {
    const { code, stdout, stderr } = await copy(withoutIssuer, "--allow-missing-issuers");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^The log is handed over/);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(MISSING);
    expect(existsSync(join(target, `issuer/${root.fingerprint}`))).toBe(true);
    expect(existsSync(join(target, MISSING))).toBe(false);
  });
});

test("--json tells what became of what no leaf hash covers", async () => {
  const found = await copy(whole, "--deep", "--json");
  expect(JSON.parse(found.stdout)).toMatchObject({
    outcome: "handed-over",
    extraData: { deep: true, issuers: 2, missingIssuers: 0, firstMissingIssuers: [], uncheckedEntries: 0 },
  });
  target = join(memoryDirectory(), "ct");
  const lacking = await copy(withoutIssuer, "--deep", "--json", "--allow-missing-issuers");
  expect(lacking.code).toBe(0);
  expect(JSON.parse(lacking.stdout)).toMatchObject({
    extraData: { missingIssuers: 1, firstMissingIssuers: [{ fingerprint: intermediate.fingerprint }] },
  });
  expect(JSON.parse(lacking.stdout).extraData.uncheckedEntries).toBeGreaterThan(0);
});

test("verify counts a missing issuer as a fault, or lists it where that is allowed", async () => {
  const strict = await verify(withoutIssuer);
  expect(strict.code).toBe(3);
  expect(strict.stdout).toMatch(/^Every entry and tile is what its checkpoint commits to, but issuers/);
  const { code, stdout, stderr } = await verify(withoutIssuer, "--allow-missing-issuers");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout.replaceAll(/\s+/g, " ")).toContain(`Missing issuers - ${MISSING}`);
});

test.each([
  ["copy", "--deep"],
  ["copy", "--allow-missing-issuers"],
  ["verify", "--no-deep"],
  ["verify", "--allow-missing-issuers"],
])("%s %s is wrong use for a log of tiles", async (command, option) => {
  const log = testLog({ size: 10 });
  const places = command === "copy" ? [logDirectory(log), target] : [logDirectory(log)];
  const { code, stdout, stderr } = await runCli([command, ...places, "--vkey", log.vkey, option]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(new RegExp(`^tlog-migrate: ${option}: [^\\n]*static-ct[^\\n]*\\n$`));
  expect(existsSync(target)).toBe(false);
});
