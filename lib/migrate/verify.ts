/**
 * Verification of a whole log where it stands, from the top down: the root authenticates the right edge, each
 * tile what is below it, every leaf hash is recomputed. It goes on past faults, so that all of them are told.
 */

import { directoryOf, openTarget } from "../../storage/open.ts";
import { MAX_OBJECT_BYTES } from "../../storage/source.ts";
import type { MigrationTarget } from "../../storage/target.ts";
import { formatHash } from "../tlog/merkle.ts";
import { type Authority, findAuthority, treeStateOf } from "./authority.ts";
import type { Finding } from "./bundle-verifier.ts";
import { Findings } from "./findings.ts";
import type { LogWorkOptions } from "./options.ts";
import { planUnits, unitBundles } from "./plan.ts";
import { Progress } from "./progress.ts";
import { openReadContext, type ReadContext } from "./read-context.ts";
import { parallelismOf, readSpecOf } from "./run.ts";
import { startWorkers } from "./start-workers.ts";
import { compareListing } from "./stored-log.ts";
import { TileRecomputation } from "./tile-recomputation.ts";
import { AuthenticTree, type TreeHead } from "./tree.ts";

export interface VerifyOptions extends Omit<LogWorkOptions, "policy"> {
  /** `https://…`, `http://…`, `file:///…` or a path. */
  readonly log: string;
  /** What makes the checkpoint trusted; may be left out for a migrated directory that has none yet. */
  readonly policy?: LogWorkOptions["policy"] | undefined;
}

/** What a verification found: what `verify --json` prints. */
export interface VerificationReport {
  readonly log: string;
  /** Undefined where the log was held against its tree state, which does not name it. */
  readonly origin?: string;
  /** What the log was held against. */
  readonly authority: Authority["kind"];
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
  /** Entries whose leaf hashes were recomputed and are right. */
  readonly entries: number;
  readonly seconds: number;
  readonly entriesPerSecond: number;
  readonly requests: number;
  readonly retries: number;
  /** Objects that are bad, missing, or beyond the tree. */
  readonly faults: number;
  /** The first of them, at most 100, by path. */
  readonly findings: readonly Finding[];
  /** What was taken on trust, a sentence each. */
  readonly notChecked: readonly string[];
}

/** Requests that the main thread has in flight. */
const MAIN_THREAD_CONCURRENCY = 8;

/**
 * Verifies a log. Faults are in the report; it throws only where there is nothing to hold the log against, or
 * the log cannot be read.
 * @throws LogFailure, or the signal's reason.
 */
export async function verifyLog(options: VerifyOptions): Promise<VerificationReport> {
  const startedAt = performance.now();
  const progress = options.progress ?? new Progress();
  const signal = options.signal ?? new AbortController().signal;
  const spec = { ...readSpecOf(options.log, options), concurrency: MAIN_THREAD_CONCURRENCY };
  const context = openReadContext(spec, progress.own, signal);
  try {
    const place = directoryOf(options.log) === undefined ? undefined : openTarget(options.log);
    const authority = await findAuthority(context, place, options.policy);
    const found = new Findings();
    await verifyTree(context, authority.head, options, progress, found);
    const beyond = place && (await verifyListing(context, place, authority.head, found));
    progress.phase = "done";
    const counters = progress.total();
    const seconds = (performance.now() - startedAt) / 1000;
    const { kind, origin, head } = authority;
    return {
      log: context.source.location,
      ...(origin === undefined ? {} : { origin }),
      authority: kind,
      size: head.size,
      rootHash: formatHash(head.rootHash),
      entries: counters.get("entries"),
      seconds,
      entriesPerSecond: Math.round(counters.get("entries") / seconds),
      requests: counters.get("requests"),
      retries: counters.get("retries"),
      faults: found.count,
      findings: found.first(),
      notChecked: notChecked(options, kind, beyond),
    };
  } finally {
    await context.source.close();
  }
}

async function verifyTree(
  context: ReadContext,
  head: TreeHead,
  options: VerifyOptions,
  progress: Progress,
  found: Findings,
): Promise<void> {
  progress.phase = "authenticating the tree";
  progress.startRound(head.size);
  const recomputation = new TileRecomputation(context, (finding) => found.add(finding));
  const tree = await AuthenticTree.authenticate(context, head, recomputation);
  progress.phase = "verifying";
  const parallelism = parallelismOf(options);
  const units = planUnits(
    tree,
    unitBundles(head.size, parallelism.workers),
    async () => false,
    () => {},
  );
  const readSpec = readSpecOf(options.log, options);
  const pool = startWorkers<Finding[]>({ kind: "verify" }, head.size, parallelism, readSpec, progress);
  try {
    await pool.run(units, (_, findings) => found.addAll(findings), context.signal);
  } finally {
    await pool.stop();
  }
}

/**
 * What only a listing shows: objects beyond the tree, obsolete partials, and those of the right edge that
 * reading got around. Where log software has gone on beyond the checkpoint, a listing says nothing about it.
 */
async function verifyListing(
  context: ReadContext,
  place: MigrationTarget,
  head: TreeHead,
  found: Findings,
): Promise<"compared" | "beyond the checkpoint"> {
  const integrated = await treeStateOf(place);
  if (integrated !== undefined && integrated.size > head.size) return "beyond the checkpoint";
  const { format } = context.source;
  const writer = place.openWriter();
  const read = (path: string) => writer.read(path, MAX_OBJECT_BYTES);
  for await (const finding of compareListing(place.list("tile"), format, head.size, read)) found.add(finding);
  return "compared";
}

function notChecked(
  { format, policy }: VerifyOptions,
  authority: Authority["kind"],
  listing: "compared" | "beyond the checkpoint" | undefined,
): string[] {
  const unchecked: string[] = [];
  if (authority === "treeState") {
    unchecked.push("A signature: there is no checkpoint yet, the log was held against its own tree state");
  } else if (policy === undefined || !("verifiers" in policy)) {
    unchecked.push("The checkpoint's signature");
  }
  if (listing === "beyond the checkpoint") {
    unchecked.push("What the log software has integrated beyond the checkpoint");
  }
  if (listing === undefined) unchecked.push("What stands beyond the tree: a log over HTTP cannot be listed");
  if (format === "static-ct") {
    unchecked.push(
      "What a Static CT leaf hash does not cover: precertificates as submitted, fingerprints of chains, issuers",
    );
  }
  return unchecked;
}
