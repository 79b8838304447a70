/** What `plan` prints. */

import { expect, test } from "vitest";
import { planSummary } from "../../../../cmd/report/plan.ts";
import type { PlanReport } from "../../../../lib/index.ts";

const report: PlanReport = {
  outcome: "fresh",
  origin: "log.example",
  source: "https://log.example/",
  target: "/srv/log",
  format: "tiles",
  size: 1_000_000,
  rootHash: "r00t",
  signatures: [],
  sampled: { bundles: 64, bytes: 16_000_000 },
  sealedEntries: 0,
  entries: 1_000_000,
  objects: 7_830,
  bytes: { likely: 1_000_000_000, least: 950_000_000, most: 1_050_000_000 },
  requests: 3_930,
  transfer: { likely: 500_000_000, least: 500_000_000, most: 500_000_000 },
  seconds: { measured: 4, atRate: 393, atStatedLimit: 7_200, likely: 7_200 },
  freeSpace: { bytes: 2_000_000_000, objects: 100_000 },
  growthPerSecond: 0,
  handover: {
    treeState: { name: ".state/treeState", size: 1_000_000, rootHash: "r00t", collectFrom: 999_936 },
    record: "/srv/log/.state/tlog-migrate.json",
    guard: "/srv/log/.state/version",
    checkpoint: true,
  },
  warnings: ["Look here"],
};

test("what a copy would do and take, with how far it may be off", () => {
  const text = planSummary(report, 100);
  for (const words of [
    "A copy would begin in /srv/log, which is empty.",
    "1,000,000 entries: 7,830 objects, 1.0 GB ± 50.0 MB",
    "3,930, 500.0 MB\n",
    "2.0 GB, 100,000 inodes",
    "4.00 s as fast as the samples came, 6 min 33 s at --rate, 2 h at the limit that the source states",
    "The tree state, .state/treeState: 1,000,000 entries",
    "Look here",
  ]) {
    expect(text).toContain(words);
  }
});

test("operations, where the target charges for them", () => {
  const { freeSpace: _, ...unbounded } = report;
  const text = planSummary({ ...unbounded, operations: { writes: 7_834, reads: 15, lists: 8 } }, 100);
  expect(text).toContain("7,834 writes, 15 reads, 8 list requests");
  expect(text).not.toContain("free space");
});

test("a refusal first, and no handover", () => {
  const refusal = { kind: "refused", object: "/srv/log", problem: "is somebody's log" } as const;
  const text = planSummary({ ...report, outcome: "refused", refusal }, 100);
  expect(text).toMatch(/^A copy into \/srv\/log would be refused: \/srv\/log is somebody's log\.\n/);
  expect(text).not.toContain("handover");
});

test("nothing to copy, where it is handed over", () => {
  const text = planSummary({ ...report, outcome: "taken-over" }, 100);
  expect(text).toMatch(/the log software there has continued the log/);
  expect(text).not.toContain("requests");
});
