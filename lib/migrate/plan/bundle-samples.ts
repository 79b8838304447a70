/** Bundles of a source that are read for an estimate: authenticated, spread evenly, and few. */

import { bundlePath, type EntryBundleCoordinate } from "../../tlog/layout.ts";
import type { HashTree, ReadHints } from "../ports/source.ts";
import { readAuthentic, withParts } from "../read/authentic.ts";
import type { ReadContext } from "../read/context.ts";
import { unlessPruned } from "../read/pruned.ts";
import { unitOf } from "../tree/units.ts";
import { expectedBundles } from "../unit/expected-bundle.ts";

/** What it may cost the source. */
const MAX_BYTES = 32_000_000;
const MAX_MS = 15_000;

/** Read at once: as many as a person's browser has connections. */
const AT_ONCE = 6;

/** Fewer say nothing about how much they vary. */
const LEAST = 16;

/** The mean is known well enough. */
const GOOD_ENOUGH = 0.005;

/** Full bundles that were read of a part of a log. */
export interface BundleSamples {
  /** Bundles that the part has. */
  readonly of: number;
  /** Bytes of each that is there. */
  readonly bytes: readonly number[];
  /** How many are missing: the log is pruned. */
  readonly absent: number;
  /** How long one took, from its request until it was authenticated, in milliseconds; the median. */
  readonly medianMs: number;
  /** Processor time that one took, in milliseconds. */
  readonly processorMs: number;
}

/** What is read with each bundle that is there. */
export type CheckExtraData = NonNullable<Parameters<typeof expectedBundles>[2]>;

/**
 * Samples the full bundles from `start` to `end`, at most `most` of them. It ends sooner where their sizes hardly vary, or
 * where they are large or slow.
 */
export async function sampleBundles(
  context: ReadContext,
  tree: HashTree,
  [start, end]: readonly [start: number, end: number],
  most: number,
  checkExtraData?: CheckExtraData,
): Promise<BundleSamples> {
  const bundles = end - start;
  const indexes = spreadOver(bundles, most).map((index) => start + index);
  const startedAt = performance.now();
  const bytes: number[] = [];
  const times: number[] = [];
  let absent = 0;
  let total = 0;
  let processorMs = 0;
  const readOne = async (index: number): Promise<void> => {
    const sentAt = performance.now();
    const found = await unlessPruned(readSample(context, tree, { index, width: 256 }, checkExtraData));
    if (found === undefined) {
      absent++;
      return;
    }
    bytes.push(found.length);
    times.push(performance.now() - sentAt);
    total += found.length;
  };
  for (let at = 0; at < indexes.length; at += AT_ONCE) {
    const before = process.cpuUsage();
    const group = indexes.slice(at, at + AT_ONCE);
    await Promise.all(group.map(readOne));
    const { user, system } = process.cpuUsage(before);
    // The first are slower: what they run has not been compiled yet.
    processorMs = (user + system) / 1000 / group.length;
    if (total >= MAX_BYTES || performance.now() - startedAt >= MAX_MS) break;
    if (bytes.length >= LEAST && standardError(bytes) <= GOOD_ENOUGH * (total / bytes.length)) break;
  }
  return { of: bundles, bytes, absent, medianMs: median(times), processorMs };
}

/** Reads one bundle, full or at the right edge, until it is authentic. */
export async function readSample(
  context: ReadContext,
  tree: HashTree,
  bundle: EntryBundleCoordinate,
  checkExtraData?: CheckExtraData,
): Promise<Uint8Array> {
  const { source } = context;
  const [expected] = expectedBundles(await unitOf(tree, bundle), source.format, checkExtraData);
  if (expected === undefined) throw new Error("a unit of one bundle has none");
  const path = bundlePath(source.format, bundle);
  const read = (hints: ReadHints) => source.entryBundle(bundle, withParts(context, path, hints));
  return (await readAuthentic(context, path, read, expected.authenticate)).bytes;
}

/** The standard error of the mean of so many values. */
export function standardError(values: readonly number[]): number {
  if (values.length < 2) return Number.POSITIVE_INFINITY;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

/** At most `most` numbers below `count`: the middles of as many equal parts, in an order of which each beginning is spread too. */
export function spreadOver(count: number, most: number): number[] {
  const parts = Math.min(count, most);
  const bits = Math.ceil(Math.log2(Math.max(1, parts)));
  const order: number[] = [];
  for (let i = 0; i < 2 ** bits; i++) {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit++) reversed = reversed * 2 + ((i >> bit) & 1);
    if (reversed < parts) order.push(Math.floor(((reversed + 0.5) * count) / parts));
  }
  return order;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
