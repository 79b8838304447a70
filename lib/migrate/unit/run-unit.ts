/** The work of a worker: it takes a unit and returns facts. A thread of this process or another machine can run it. */

import pLimit from "p-limit";
import { bundlePath, tilePath } from "../../tlog/layout.ts";
import { foldTile } from "../../tlog/merkle.ts";
import { IssuerCache, namedBy } from "../issuers/cache.ts";
import type { Finding, MissingIssuer, UnitResult, WorkUnit } from "../ports/executor.ts";
import type { TargetWriter } from "../ports/target.ts";
import { readAuthentic } from "../read/authentic.ts";
import { ByteBudget } from "../read/byte-budget.ts";
import type { ReadContext } from "../read/context.ts";
import { unlessPruned } from "../read/pruned.ts";
import type { SealGuarantees } from "../target/marker.ts";
import { requireHash } from "../tree/tiled-tree.ts";
import { findings } from "../verify/findings.ts";
import { type CopyTask, copyBundles } from "./bundle-copier.ts";
import { type BundleWork, type ExpectedBundle, expectedBundles, readBundle } from "./expected-bundle.ts";
import { ExtraDataCheck, type NamedIssuers } from "./extra-data.ts";

/** What all units of a run have in common; plain data. */
export interface UnitSpec extends Omit<SealGuarantees, "format"> {
  /** How bundles are copied into a target; undefined if they are verified in place. */
  readonly copy?: CopyTask | undefined;
  /** Static CT only: issuers that earlier units name. */
  readonly missingIssuers?: readonly MissingIssuer[];
  /** Static CT only: issuers that the source refuses count as missing. */
  readonly takesDeniedIssuers?: boolean;
  /** Bundles in flight. */
  readonly concurrency: number;
  /** Bytes in flight. */
  readonly budgetBytes: number;
}

/** The open source and target of a runner. */
export interface UnitEnvironment {
  readonly context: ReadContext;
  /** The writer of the target of a copy. */
  readonly writer?: TargetWriter | undefined;
  close(): Promise<unknown>;
}

export interface UnitRunner {
  /** Works on a unit; its objects are durable when it resolves. Units may overlap in time. */
  run(unit: WorkUnit): Promise<UnitResult>;
  /** Closes the environment after all units have ended; the context's signal ends them. */
  close(): Promise<void>;
}

export function openUnitRunner(spec: UnitSpec, environment: UnitEnvironment): UnitRunner {
  const { source } = environment.context;
  const work = workOf(spec, environment);
  const extraData = source.format === "static-ct" ? extraDataCheck(spec, environment) : undefined;
  const runUnit = async (unit: WorkUnit): Promise<UnitResult> => {
    const named: NamedIssuers = new Map();
    const bundles = expectedBundles(unit, source.format, (bytes, coordinate, isFresh) =>
      extraData?.check(bytes, coordinate, named, isFresh),
    );
    const findings = await work(bundles, unit.kind === "run" && unit.isLikelyNew === true);
    return { findings, issuers: [...named].map(([issuer, entry]) => namedBy(issuer, entry)) };
  };
  const underWay = new Set<Promise<UnitResult>>();
  return {
    run(unit) {
      const running = runUnit(unit).finally(() => underWay.delete(running));
      underWay.add(running);
      return running;
    },
    async close() {
      await Promise.allSettled(underWay);
      await environment.close();
    },
  };
}

function workOf(
  { copy, concurrency, budgetBytes }: UnitSpec,
  { context, writer }: UnitEnvironment,
): (bundles: ExpectedBundle[], areLikelyNew: boolean) => Promise<UnitResult["findings"]> {
  const budget = new ByteBudget(budgetBytes, (change) => context.counters.add("memoryWaits", change));
  const work = { context, budget, limit: pLimit(concurrency) };
  if (copy === undefined) return (bundles) => verifyBundles(work, bundles);
  if (writer === undefined) throw new Error("a copy needs a writer");
  return (bundles, areLikelyNew) =>
    copyBundles({ ...copy, ...work, writer }, bundles, areLikelyNew).then(() => []);
}

/** The faults of bundles and their tiles, in order: the check does not stop at the first. */
async function verifyBundles(work: BundleWork, bundles: readonly ExpectedBundle[]): Promise<Finding[]> {
  const verified = bundles.map((bundle) =>
    work.limit(() => Promise.all([verifyBundle(work, bundle), verifyTile(work, bundle)])),
  );
  return (await Promise.all(verified)).flat(2);
}

async function verifyBundle({ context, budget }: BundleWork, bundle: ExpectedBundle): Promise<Finding[]> {
  const reservation = budget.reserve();
  try {
    return await findings(bundlePath(context.source.format, bundle.coordinate), async () => {
      const found = await unlessPruned(readBundle(context, bundle, reservation));
      context.counters.add(found ? "entries" : "prunedEntries", bundle.coordinate.width);
    });
  } finally {
    reservation.release();
  }
}

async function verifyTile({ context }: BundleWork, { coordinate, hash }: ExpectedBundle): Promise<Finding[]> {
  // The level-0 tile of the right edge was already checked against the root.
  if (hash === undefined) return [];
  const tile = { level: 0, ...coordinate };
  const path = tilePath(tile);
  const read = context.source.tile.bind(context.source, tile);
  return await findings(path, () =>
    unlessPruned(readAuthentic(context, path, read, (hashes) => requireHash(foldTile(hashes), hash))),
  );
}

function extraDataCheck(spec: UnitSpec, { context, writer }: UnitEnvironment): ExtraDataCheck {
  const { deep, allowMissingIssuers, missingIssuers, takesDeniedIssuers: takesDenied } = spec;
  return new ExtraDataCheck({
    issuers: new IssuerCache(
      { context, deep, takesDenied, writer: writer && (() => writer) },
      missingIssuers,
    ),
    allowMissing: allowMissingIssuers,
    rereads: context.isLocal !== true && context.retry.contentAttempts > 0,
    deepCounters: deep ? context.counters : undefined,
  });
}
