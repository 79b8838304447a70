/** What a run says of a target that is handed over follows from what is stored there, not from its options. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { StoredState } from "../../../lib/index.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { migrateLog, newCopy } from "../../support/migration.ts";

const log = testLog({ size: 300 });

const RUNS = [{}, { snapshot: true }, { snapshot: true, saveCheckpoint: true }];

/** What two runs say of a target: the one that hands over, and one after it with other options. */
async function storedAfter(first: object, then: object, between: (target: string) => void = () => {}) {
  const { server, target } = await newCopy(log);
  const { stored: before } = await migrateLog(log, server, target, first);
  between(target);
  const { stored: after } = await migrateLog(log, server, target, then);
  return [before, after];
}

test.each(RUNS)("a later run with %o says what the handover made of the target", async (then) => {
  const isStoring = "saveCheckpoint" in then;
  const later: StoredState["checkpoint"] = isStoring ? "stored" : "none";
  expect(await storedAfter({}, then)).toEqual([
    { purpose: "log", checkpoint: "none" },
    { purpose: "log", checkpoint: later },
  ]);
  expect(await storedAfter({ snapshot: true }, then)).toEqual([
    { purpose: "mirror", checkpoint: "none" },
    { purpose: "mirror", checkpoint: later },
  ]);
  expect(await storedAfter({ saveCheckpoint: true }, then)).toEqual([
    { purpose: "mirror", checkpoint: "stored" },
    { purpose: "mirror", checkpoint: "found" },
  ]);
});

test("a checkpoint that log software has stored is seen", async () => {
  const sign = (target: string) => writeFileSync(join(target, "checkpoint"), log.object("checkpoint"));
  const [, after] = await storedAfter({}, {}, sign);
  expect(after).toEqual({ purpose: "log", checkpoint: "found" });
});

test("nothing is said of what a record of an early version is for", async () => {
  const forget = (target: string): void => {
    const path = join(target, ".state/tlog-migrate.json");
    const { isMirror: _, ...record } = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, `${JSON.stringify(record)}\n`);
  };
  for (const first of RUNS.slice(0, 2)) {
    const [, after] = await storedAfter(first, {}, forget);
    expect(after).toEqual({ purpose: "unknown", checkpoint: "none" });
  }
});

test("nothing is said before the handover", async () => {
  const { server, target } = await newCopy(log);
  const report = await migrateLog(log, server, target, { handOver: false });
  expect(report).not.toHaveProperty("stored");
});
