/** What a copy would do, and what it would take: everything that it looks at is looked at, and nothing is changed. */

import {
  type ErrorFacts,
  LogError,
  OperationError,
  TargetRefusedError,
  UsageError,
  VerificationError,
} from "../errors.ts";
import { freezeLine } from "../tlog/checkpoint.ts";
import type { LogFormat } from "../tlog/layout.ts";
import { formatHash } from "../tlog/merkle.ts";
import { MISSING_ADVICE } from "./issuers/cache.ts";
import { requireFirstBundle } from "./lifecycle/copy-tree.ts";
import { checkMigration } from "./options/check-options.ts";
import type { MigrationOptions } from "./options/options.ts";
import { describeTarget } from "./options/places.ts";
import { type Amounts, amountsOf, type InPlace } from "./plan/amounts.ts";
import { seenGrowth } from "./plan/growth.ts";
import { type SampledLog, sampleLog } from "./plan/sampled-log.ts";
import { spaceWarnings, targetWarnings, warningsOf } from "./plan/warnings.ts";
import type { BackendModules } from "./ports/backend.ts";
import type { FreeSpace } from "./ports/target.ts";
import { beyondTree, openTree } from "./read/authentic.ts";
import { withMinIndex } from "./read/min-index.ts";
import { readTrustedCheckpoint, type TrustedCheckpoint } from "./read/trusted-checkpoint.ts";
import type { Pruned } from "./report/report.ts";
import { type ReportedSignature, reportedSignatures } from "./report/reported-signatures.ts";
import { type CopySession, checkpointContext, openCopySession } from "./session.ts";
import { lookAtTarget, type TargetProspect } from "./target/claim.ts";
import { treeStateFor } from "./target/marker.ts";
import { refused } from "./target/refusals.ts";
import { countSeals, guaranteeTooLittle } from "./target/seals.ts";
import { storedTiles } from "./target/stored-log.ts";

export type PlanOutcome =
  /** All of it is copied. */
  | "fresh"
  /** What another tool left is taken over, and what is wrong or missing is copied. */
  | "adopt"
  /** An earlier copy is continued. */
  | "resume"
  /** An earlier run has done all of it. */
  | "already-handed-over"
  /** The same, and the log software there has continued the log since. */
  | "taken-over"
  /** A copy would end with `refusal`. */
  | "refused";

/** Why a copy would fail, and how its exit code is found. */
export interface Refusal extends ErrorFacts {
  readonly kind: "operation" | "usage" | "verification" | "refused";
}

/** What the handover would write, in this order. */
export interface PlannedHandover {
  /** What log software goes on from; left out of a mirror. */
  readonly treeState?: {
    readonly name: string;
    readonly size: number;
    readonly rootHash: string;
    readonly collectFrom: number;
  };
  /** What the record is called. */
  readonly record: string;
  /** What is removed, or changed so that log software starts. */
  readonly guard: string;
  /** Whether the source's checkpoint is stored too. */
  readonly checkpoint: boolean;
}

/** What `plan --json` prints. */
export interface PlanReport extends Amounts {
  readonly outcome: PlanOutcome;
  readonly refusal?: Refusal;
  readonly origin: string;
  readonly source: string;
  readonly target: string;
  readonly format: LogFormat;
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
  readonly signatures: readonly ReportedSignature[];
  /** The signed line that declares the log frozen. */
  readonly frozen?: string;
  /** What is missing of a pruned log; an estimate. */
  readonly pruned?: Pruned;
  /** How many bundles were read for it, and their bytes. */
  readonly sampled: { readonly bundles: number; readonly bytes: number };
  /** Static CT only: issuers that sampled entries name; there may be more. */
  readonly issuers?: { readonly count: number; readonly missing: number };
  /** Left out where there is no bound. */
  readonly freeSpace?: FreeSpace;
  /** How fast the source grew while it was looked at; 0 if it did not. */
  readonly growthPerSecond: number;
  readonly handover: PlannedHandover;
  /** Warnings for the operator, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Plans a migration.
 * @throws LogError if the source cannot be read or does not verify; what the target has against it is in the report.
 */
export async function planMigration(options: MigrationOptions, modules: BackendModules): Promise<PlanReport> {
  checkMigration(options);
  const { canBeTakenOver } = await describeTarget(options.target, options.targetOptions ?? {}, modules);
  const opened = await openCopySession(options, modules);
  try {
    const firstContact = { ...checkpointContext(opened), firstContact: true };
    const checkpoint = await readTrustedCheckpoint(firstContact, options.policy);
    const readAt = performance.now();
    const session = await withMinIndex(opened, checkpoint.size, options.minIndex);
    return await planOpened(session, checkpoint, readAt, canBeTakenOver);
  } finally {
    await opened.close();
  }
}

async function planOpened(
  session: CopySession,
  checkpoint: TrustedCheckpoint,
  readAt: number,
  canBeTakenOver: boolean,
): Promise<PlanReport> {
  const { context, progress, target, options } = session;
  progress.origin = checkpoint.origin;
  progress.phase = "authenticating the tree";
  progress.startRound(checkpoint.size);
  const look = await unlessRefused(() => lookAt(session, checkpoint));
  const refusedBefore = missingAnswers(session);
  const isStored = look.value?.prospect.kind === "claimed";
  const tree = await openTree(context, checkpoint, isStored ? storedTiles(session) : undefined);
  await requireFirstBundle(context, tree);
  const lacksPartials = missingAnswers(session) > refusedBefore;
  progress.phase = "sampling the log";
  const sampled = await sampleLog(session, tree);
  const amounts = amountsOf(session, checkpoint.size, sampled, look.value?.inPlace ?? NOTHING);
  const freeSpace = await target.freeSpace?.();
  const failed = look.refusal ?? (await otherRefusal(session, look.value?.prospect, sampled, amounts));
  const growth = await seenGrowth(session, checkpoint, readAt);
  const { minIndex = 0 } = context;
  const frozen = freezeLine(checkpoint);
  progress.phase = "done";
  return {
    outcome: failed ? "refused" : outcomeOf(look.value?.prospect),
    ...(failed && { refusal: failed }),
    origin: checkpoint.origin,
    source: context.source.location,
    target: target.location,
    format: options.format,
    size: checkpoint.size,
    rootHash: formatHash(checkpoint.rootHash),
    signatures: reportedSignatures(checkpoint),
    ...(frozen !== undefined && { frozen }),
    ...(minIndex > 0 && { pruned: { minIndex, absentEntries: sampled.absentBundles * 256 } }),
    sampled: sampled.read,
    ...(options.format === "static-ct" && {
      issuers: { count: sampled.issuers.count, missing: sampled.issuers.missing.length },
    }),
    ...amounts,
    ...(freeSpace && { freeSpace }),
    growthPerSecond: growth.perSecond,
    handover: plannedHandover(session, checkpoint, look.value?.prospect, canBeTakenOver),
    warnings: [
      ...warningsOf(options, checkpoint, sampled, lacksPartials),
      ...growth.warnings,
      ...(await targetWarnings(session)),
      ...spaceWarnings(look.value?.prospect, amounts, freeSpace),
      ...(await beyondTree(context.source, checkpoint.size)),
    ],
  };
}

const NOTHING: InPlace = { sealedBundles: 0, looksInTarget: false };

const KINDS = [
  ["usage", UsageError],
  ["verification", VerificationError],
  ["refused", TargetRefusedError],
  ["operation", OperationError],
] as const;

/** What work gives, or the failure by which a copy would end there. */
async function unlessRefused<T>(
  work: () => Promise<T>,
): Promise<{ readonly value?: T; readonly refusal?: Refusal }> {
  try {
    return { value: await work() };
  } catch (error) {
    const kind = KINDS.find(([, Kind]) => error instanceof Kind)?.[0];
    if (kind === undefined || !(error instanceof LogError)) throw error;
    return { refusal: { kind, ...error.facts } };
  }
}

/** What a copy would find in the target, and need not copy. */
async function lookAt(
  session: CopySession,
  checkpoint: TrustedCheckpoint,
): Promise<{ readonly prospect: TargetProspect; readonly inPlace: InPlace }> {
  const { target, guarantees, options, context } = session;
  const prospect = await lookAtTarget(session, checkpoint);
  if (prospect.kind === "new") return { prospect, inPlace: { ...NOTHING, looksInTarget: prospect.adopts } };
  if (prospect.kind === "handed-over") return { prospect, inPlace: { ...NOTHING, isAll: true } };
  const lock = await target.lockState?.();
  if (lock?.isRunning === true) {
    throw refused(target, {
      problem: "another copy into this target is at work",
      found: `process ${lock.pid} on ${lock.host}`,
      advice: "Wait for it to end or stop it, then run this command again",
    });
  }
  const { marker } = prospect;
  const wanted = { ...guarantees, size: checkpoint.size, recheck: options.recheck === true };
  const minIndex = Math.max(marker.minIndex, context.minIndex ?? 0);
  const isDistrusted = await guaranteeTooLittle(session.issuerLists, marker, wanted);
  const seals = isDistrusted ? 0 : await countSeals(target, checkpoint.size, minIndex);
  return { prospect, inPlace: { sealedBundles: seals * 256, looksInTarget: true } };
}

/** What a copy would fail by later on. */
async function otherRefusal(
  session: CopySession,
  prospect: TargetProspect | undefined,
  { issuers }: SampledLog,
  { bytes, objects }: Amounts,
): Promise<Refusal | undefined> {
  const { options, target } = session;
  const [missing] = issuers.missing;
  const { refusal } = await unlessRefused(async () => {
    if (missing !== undefined && options.allowMissingIssuers !== true) {
      const problem = `${missing.problem}, and entry ${missing.entry} names it`;
      throw new VerificationError({ object: missing.path, problem, advice: MISSING_ADVICE });
    }
    if (prospect?.kind !== "new" || prospect.adopts) return;
    await target.requireFreeSpace({ bytes: bytes.likely, objects });
  });
  return refusal;
}

function outcomeOf(prospect: TargetProspect | undefined): PlanOutcome {
  if (prospect?.kind === "claimed") return "resume";
  if (prospect?.kind === "handed-over") return prospect.grown ? "taken-over" : "already-handed-over";
  return prospect?.adopts === true ? "adopt" : "fresh";
}

function plannedHandover(
  { target, options }: CopySession,
  checkpoint: TrustedCheckpoint,
  prospect: TargetProspect | undefined,
  canBeTakenOver: boolean,
): PlannedHandover {
  const smallestSize = prospect?.kind === "claimed" ? prospect.marker.smallestSize : checkpoint.size;
  const { size, rootHash, collectFrom } = treeStateFor(checkpoint, { smallestSize });
  const name = target.treeStateName;
  return {
    ...(canBeTakenOver && { treeState: { name, size, rootHash: formatHash(rootHash), collectFrom } }),
    record: target.recordName,
    guard: target.markerName,
    checkpoint: options.saveCheckpoint === true || target.handsOverCheckpoint === true,
  };
}

/** Requests to which the source had no object so far. */
function missingAnswers({ progress }: CopySession): number {
  const byStatus = progress.total().requestsByStatus();
  return [403, 404, 410].reduce((total, status) => total + (byStatus.get(status) ?? 0), 0);
}
