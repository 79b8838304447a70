/** What docs/sizing.md says that a bucket costs: what `plan` counts, at the prices that stand there. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { amountsOf } from "../../../lib/migrate/plan/amounts.ts";
import { exactly } from "../../../lib/migrate/plan/estimate.ts";
import type { SampledLog } from "../../../lib/migrate/plan/sampled-log.ts";
import type { CopySession } from "../../../lib/migrate/session.ts";

const [, section = ""] = readFileSync(new URL("../../../docs/sizing.md", import.meta.url), "utf8").split(
  "## What a bucket costs\n",
);
const SIZES = [1_000_000, 100_000_000, 1_000_000_000];

/** The cells of the row that begins so: words on the price or the rule, then the figures. */
function row(name: string): { readonly rule: string; readonly figures: string[] } {
  const line = section.split("\n").find((text) => text.startsWith(`| ${name}`)) ?? "";
  const [, , rule = "", ...figures] = line.split("|").map((cell) => cell.trim());
  return { rule, figures: figures.slice(0, SIZES.length) };
}

/** What `plan` says of a copy into an empty bucket. */
function planned(size: number, bytesAnEntry: number) {
  const full = Math.floor(size / 256);
  const session = {
    options: {},
    context: { source: {} },
    target: {},
    parallelism: { workers: 1, concurrency: 1 },
    progress: {},
  } as unknown as CopySession;
  const sampled = {
    bundleBytes: exactly(full * 256 * bytesAnEntry),
    edgeBytes: (size % 256) * bytesAnEntry,
    absentBundles: 0,
    wireRatio: 1,
    pace: { medianMs: 1, processorMs: 1 },
    issuers: { count: 0, bytes: 0, missing: [] },
  } as unknown as SampledLog;
  const { bytes, operations } = amountsOf(session, size, sampled, { sealedBundles: 0, looksInTarget: false });
  if (operations === undefined) throw new Error("it has no operations");
  return { ...operations, gibibytes: bytes.likely / 2 ** 30 };
}

const counted = (value: number) => value.toLocaleString("en");

test("requests are those that plan counts", () => {
  const plans = SIZES.map((size) => planned(size, 1000));
  expect(row("writes").figures).toEqual(plans.map(({ writes }) => counted(writes)));
  expect(row("reads").figures).toEqual(plans.map(({ reads }) => counted(reads)));
  expect(row("list requests").figures).toEqual(plans.map(({ lists }) => counted(lists)));
});

test.each([100, 1000, 1600])("and so is what is stored, of entries of %i bytes", (bytes) => {
  const { figures } = row(`GiB stored, E = ${counted(bytes)}`);
  for (const [index, size] of SIZES.entries()) {
    const said = Number(figures[index]?.replaceAll(",", ""));
    expect(Math.abs(said / planned(size, bytes).gibibytes - 1)).toBeLessThan(0.005);
  }
});

test("dollars are these, at the prices that are stated", () => {
  const prices = (name: string) => [...row(name).rule.matchAll(/0\.\d+/g)].map(Number);
  const [aWrite = 0, aRead = 0] = prices("requests").map((price) => price / 1000);
  const dollars = SIZES.map((size) => {
    const { writes, reads, lists, gibibytes } = planned(size, 1000);
    const stored = ["S3 a month", "Cloud Storage a month"].map((name) => gibibytes * (prices(name)[0] ?? 0));
    return [(writes + lists) * aWrite + reads * aRead, ...stored].map((value) => value.toFixed(2));
  });
  const said = ["requests of the copy", "S3 a month", "Cloud Storage a month"].map(
    (name) => row(name).figures,
  );
  expect(SIZES.map((_, index) => said.map((figures) => figures[index]))).toEqual(dollars);
});
