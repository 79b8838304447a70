/**
 * Promise 4: an unfinished target cannot be mistaken for a log. The claim is the first thing written, and says
 * what is aimed at, so that the next run goes on with the same.
 */

import type { MigrationTarget } from "../../storage/target.ts";
import type { CheckpointPolicy } from "../tlog/checkpoint.ts";
import { TargetRefused, VerificationFailure } from "../tlog/errors.ts";
import type { LogFormat } from "../tlog/layout.ts";
import { equalBytes, formatHash } from "../tlog/merkle.ts";
import { formatMarker, type Marker, type MigrationRecord, parseMarker, parseRecord } from "./marker.ts";
import { openTrusted, type TrustedCheckpoint } from "./trusted-checkpoint.ts";

/** What the claim is made for. */
export interface ClaimRequest {
  readonly checkpoint: TrustedCheckpoint;
  readonly policy: CheckpointPolicy;
  readonly source: string;
  readonly format: LogFormat;
  /** Take over tiles that another tool left. */
  readonly adopt: boolean;
  readonly tool: string;
}

/** A target that is ours to write. */
export interface Claim {
  readonly kind: "claimed";
  /** The checkpoint that this run finishes first: the marker's, where an earlier run left one. */
  readonly aim: TrustedCheckpoint;
  readonly marker: Marker;
  /** Whether objects may be in place already. */
  readonly resume: boolean;
  release(): Promise<void>;
}

/** A target that an earlier run handed over, of the size and root that the source has now. */
export interface AlreadyDone {
  readonly kind: "handed-over";
  readonly record: MigrationRecord;
}

/**
 * Claims the target, or recognises our own claim.
 * @throws TargetRefused if it holds anything else, VerificationFailure if the source is not the log any more
 * that the claim was made for.
 */
export async function claimTarget(
  target: MigrationTarget,
  request: ClaimRequest,
): Promise<Claim | AlreadyDone> {
  const contents = await target.inspect();
  switch (contents.kind) {
    case "empty":
      return await freshClaim(target, request);
    case "unclaimed-tiles":
      return await adoption(target, request, contents.example);
    case "claimed":
      return await ownClaim(target, request, parseMarker(contents.marker, target.location));
    case "handed-over":
      return alreadyDone(target, request, parseRecord(contents.record, target.location));
    case "occupied":
      throw occupied(target, contents.found);
  }
}

async function freshClaim(target: MigrationTarget, request: ClaimRequest): Promise<Claim> {
  const marker = newMarker(request, false);
  await target.claim(formatMarker(marker));
  const lock = await target.lock();
  return { kind: "claimed", aim: request.checkpoint, marker, resume: false, ...lock };
}

async function adoption(target: MigrationTarget, request: ClaimRequest, example: string): Promise<Claim> {
  if (!request.adopt) {
    throw new TargetRefused({
      object: target.location,
      problem: `holds tiles that no migration of ours wrote, for example ${example}`,
      advice:
        "Choose an empty place; or, if it is an unfinished copy of this very log by another tool, pass --adopt",
    });
  }
  const marker = newMarker(request, true);
  await target.claim(formatMarker(marker));
  const lock = await target.lock();
  const trusted = await removeDistrustedSeals(target, marker);
  return { kind: "claimed", aim: request.checkpoint, marker: trusted, resume: true, ...lock };
}

async function ownClaim(target: MigrationTarget, request: ClaimRequest, marker: Marker): Promise<Claim> {
  const { checkpoint, policy, format } = request;
  const place = `the marker in ${target.location}`;
  requireSame(target, "origin", checkpoint.origin, marker.origin);
  requireSame(target, "format", format, marker.format);
  const aim = openTrusted(Buffer.from(marker.checkpoint), policy, place);
  requireNoRegress(checkpoint, aim, request.source);
  const lock = await target.lock();
  const trusted = marker.distrustSeals ? await removeDistrustedSeals(target, marker) : marker;
  return { kind: "claimed", aim, marker: trusted, resume: true, ...lock };
}

/**
 * A full level-1 tile says that everything below it is durable and right, but another tool wrote these. They
 * are removed, and only then does the marker stop to distrust them: a crash in between removes them again.
 */
async function removeDistrustedSeals(target: MigrationTarget, marker: Marker): Promise<Marker> {
  for await (const { path } of target.list("tile/1")) await target.remove(path);
  const trusted = { ...marker, distrustSeals: false };
  await target.replaceMarker(formatMarker(trusted));
  return trusted;
}

function alreadyDone(target: MigrationTarget, request: ClaimRequest, record: MigrationRecord): AlreadyDone {
  const { checkpoint } = request;
  requireSame(target, "origin", checkpoint.origin, record.origin);
  requireSame(target, "format", request.format, record.format);
  if (checkpoint.size === record.size) {
    requireSame(target, "root hash", formatHash(checkpoint.rootHash), record.rootHash);
    return { kind: "handed-over", record };
  }
  throw new TargetRefused({
    object: target.location,
    problem: `was handed over at size ${record.size} on ${record.finishedAt} and belongs to the log software there`,
    expected: `a source of that size`,
    found: `size ${checkpoint.size}`,
    advice:
      "If the source went on after the hand-over, its writer was not frozen: migrate into an empty place",
  });
}

/** A source may grow while a migration is unfinished, never shrink, and never have another root at one size. */
export function requireNoRegress(now: TrustedCheckpoint, aim: TrustedCheckpoint, source: string): void {
  const object = `${source}: the checkpoint`;
  const advice = "Do not go on before the log's operator has explained it; the target was left as it is";
  if (now.size < aim.size) {
    const [expected, found] = [`size ${aim.size} or more`, `size ${now.size}`];
    throw new VerificationFailure({
      object,
      problem: "the log shrank",
      expected,
      found,
      advice,
    });
  }
  if (now.size === aim.size && !equalBytes(now.rootHash, aim.rootHash)) {
    const [expected, found] = [formatHash(aim.rootHash), formatHash(now.rootHash)];
    const problem = `the log forked: at size ${now.size} it had another root before`;
    throw new VerificationFailure({ object, problem, expected, found, advice });
  }
}

function requireSame(target: MigrationTarget, what: string, here: string, there: string): void {
  if (here === there) return;
  throw new TargetRefused({
    object: target.location,
    problem: `holds another log: its ${what} differs`,
    expected: here,
    found: there,
    advice: "Choose another target",
  });
}

function occupied(target: MigrationTarget, found: string): TargetRefused {
  return new TargetRefused({
    object: target.location,
    problem: "is somebody's log, or could be one; nothing was changed",
    found,
    advice: "Choose an empty place",
  });
}

function newMarker({ checkpoint, source, format, tool }: ClaimRequest, distrustSeals: boolean): Marker {
  return {
    origin: checkpoint.origin,
    source,
    format,
    checkpoint: Buffer.from(checkpoint.note).toString("utf8"),
    smallestSize: checkpoint.size,
    distrustSeals,
    tool,
  };
}
