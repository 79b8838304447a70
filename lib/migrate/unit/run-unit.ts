/**
 * What a worker does: unit in, facts out. A thread of this process and a machine elsewhere call the same; they differ
 * in how they open what they read and write.
 */

import { IssuerCache } from "../issuers/cache.ts";
import type { MissingIssuer, PresentIssuer, UnitResult, WorkUnit } from "../ports/executor.ts";
import type { TargetWriter } from "../ports/target.ts";
import { ByteBudget } from "../read/byte-budget.ts";
import type { ReadContext } from "../read/context.ts";
import { BundleCopier, type TileOrigin } from "./bundle-copier.ts";
import { BundleVerifier } from "./bundle-verifier.ts";
import { type ExpectedBundle, expectedBundles } from "./expected-bundle.ts";
import { ExtraDataCheck, type NamedIssuers } from "./extra-data.ts";

/** What is done with the bundles of a unit: they are copied into a target, or verified where they are. */
export type UnitTask =
  | {
      readonly kind: "copy";
      readonly tiles: TileOrigin;
      /** An earlier run may have left objects in the target. */
      readonly resume: boolean;
      /** Static CT only: check the extra data of entries. */
      readonly deep: boolean;
      /** Static CT only: entries may name issuers that are unavailable. */
      readonly allowMissingIssuers: boolean;
      /** Those that earlier units were seen to name. */
      readonly missingIssuers: readonly MissingIssuer[];
    }
  | { readonly kind: "verify"; readonly deep: boolean };

/** What all units of a run have in common; plain data. */
export interface UnitSpec {
  readonly task: UnitTask;
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
  const { context, writer } = environment;
  const work = workOf(spec, environment);
  const extraData = extraDataCheck(spec.task, context, writer);
  const runUnit = async (unit: WorkUnit): Promise<UnitResult> => {
    const named: NamedIssuers = new Map();
    const bundles = expectedBundles(unit, context.source.format, (bytes, coordinate, isFresh) =>
      extraData?.check(bytes, coordinate, named, isFresh),
    );
    const findings = await work(bundles);
    return { ...seenIssuers(named), findings };
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

type Work = (bundles: ExpectedBundle[]) => Promise<UnitResult["findings"]>;

function workOf(spec: UnitSpec, { context, writer }: UnitEnvironment): Work {
  const { task, concurrency, budgetBytes } = spec;
  const common = { context, budget: new ByteBudget(budgetBytes), concurrency };
  if (task.kind === "verify") {
    const verifier = new BundleVerifier(common);
    return (bundles) => verifier.verify(bundles);
  }
  if (writer === undefined) throw new Error("a copy needs a writer");
  const copier = new BundleCopier({ ...task, ...common, writer });
  return async (bundles) => {
    await copier.copy(bundles);
    return [];
  };
}

function extraDataCheck(
  task: UnitTask,
  context: ReadContext,
  writer: TargetWriter | undefined,
): ExtraDataCheck | undefined {
  if (context.source.format !== "static-ct") return undefined;
  const { deep } = task;
  // A verification reports every issuer that is missing, and goes on.
  const [allowMissing, missing] =
    task.kind === "verify" ? [true, []] : [task.allowMissingIssuers, task.missingIssuers];
  return new ExtraDataCheck({
    issuers: new IssuerCache({ context, deep, writer: writer && (() => writer) }, missing),
    allowMissing,
    rereads: context.retry.contentAttempts > 0,
    deepCounters: deep ? context.counters : undefined,
  });
}

function seenIssuers(named: NamedIssuers): Pick<UnitResult, "issuers" | "missingIssuers"> {
  const issuers: PresentIssuer[] = [];
  const missingIssuers: MissingIssuer[] = [];
  for (const [{ fingerprint, bytes, problem }, entry] of named) {
    if (problem === undefined) issuers.push({ fingerprint, entry, bytes });
    else missingIssuers.push({ fingerprint, entry, problem });
  }
  return { issuers, missingIssuers };
}
