/**
 * What a worker does: unit in, facts out. A thread of this process and a machine elsewhere call the same; they differ
 * in how they open what they read and write.
 */

import pLimit from "p-limit";
import { IssuerCache } from "../issuers/cache.ts";
import type { MissingIssuer, NamedIssuer, UnitResult, WorkUnit } from "../ports/executor.ts";
import type { TargetWriter } from "../ports/target.ts";
import { ByteBudget } from "../read/byte-budget.ts";
import type { ReadContext } from "../read/context.ts";
import { type CopyTask, copyBundles } from "./bundle-copier.ts";
import { verifyBundles } from "./bundle-verifier.ts";
import { type ExpectedBundle, expectedBundles } from "./expected-bundle.ts";
import { ExtraDataCheck, type NamedIssuers } from "./extra-data.ts";

/** What all units of a run have in common; plain data. */
export interface UnitSpec {
  /** How bundles are copied into a target; undefined where they are verified in place. */
  readonly copy?: CopyTask | undefined;
  /** Static CT only: check the extra data of entries. */
  readonly deep: boolean;
  /** Static CT only: entries may name issuers that are unavailable. */
  readonly allowMissingIssuers: boolean;
  /** Those that earlier units were seen to name. */
  readonly missingIssuers?: readonly MissingIssuer[];
  /** Bundles in flight. */
  readonly concurrency: number;
  /** Bytes in flight. */
  readonly budgetBytes: number;
}

/** What a runner works with, opened for it. */
export interface UnitEnvironment {
  readonly context: ReadContext;
  /** Of the target that is copied to. */
  readonly writer?: TargetWriter;
  /** Closes all of it. */
  close(): Promise<unknown>;
}

export interface UnitRunner {
  /** Works on a unit; what it copies is durable when it resolves. Units may overlap. */
  run(unit: WorkUnit): Promise<UnitResult>;
  /** Closes the environment once no unit is under way any more, for which the context's signal does. */
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
    const findings = await work(bundles);
    return { issuers: seenIssuers(named), findings };
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
): (bundles: ExpectedBundle[]) => Promise<UnitResult["findings"]> {
  const work = { context, budget: new ByteBudget(budgetBytes), limit: pLimit(concurrency) };
  if (copy === undefined) return (bundles) => verifyBundles(work, bundles);
  if (writer === undefined) throw new Error("a copy needs a writer");
  return (bundles) => copyBundles({ ...copy, ...work, writer }, bundles).then(() => []);
}

function extraDataCheck(spec: UnitSpec, { context, writer }: UnitEnvironment): ExtraDataCheck {
  const { deep, allowMissingIssuers, missingIssuers } = spec;
  return new ExtraDataCheck({
    issuers: new IssuerCache({ context, deep, writer: writer && (() => writer) }, missingIssuers),
    allowMissing: allowMissingIssuers,
    rereads: context.retry.contentAttempts > 0,
    deepCounters: deep ? context.counters : undefined,
  });
}

function seenIssuers(named: NamedIssuers): NamedIssuer[] {
  return [...named].map(([{ fingerprint, bytes, problem }, entry]) =>
    problem === undefined ? { fingerprint, entry, bytes } : { fingerprint, entry, problem },
  );
}
