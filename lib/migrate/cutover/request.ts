/**
 * The request for a cutover: an object in the private state of a target, by which it reaches the copy at work there from
 * any machine. It names the claim that it is for, and is no authority by itself: only a copy that was started on that
 * claim, with its own keys, acts on it.
 */

import { randomUUID } from "node:crypto";
import type { TargetWriter } from "../ports/target.ts";
import type { Marker } from "../target/marker.ts";

export const REQUEST_PATH = ".state/tlog-migrate-cutover.json";

const MAX_REQUEST_BYTES = 1 << 20;
const VERSION_FIELD = "tlog-migrate-cutover";
const VERSION = 1;

const STATES = ["asked", "accepted", "refused"] as const;

/** What of a marker stays the same while its aim is raised. */
export type ClaimName = Pick<Marker, "origin" | "source" | "smallestSize">;

export interface CutoverRequest extends ClaimName {
  readonly id: string;
  readonly state: (typeof STATES)[number];
  /** Why it is refused. */
  readonly reason?: string | undefined;
}

export function newRequest(marker: Marker): CutoverRequest {
  return { ...claimOf(marker), id: randomUUID(), state: "asked" };
}

export function claimOf({ origin, source, smallestSize }: Marker): ClaimName {
  return { origin, source, smallestSize };
}

export function isOfClaim(request: CutoverRequest, { origin, source, smallestSize }: ClaimName): boolean {
  return request.origin === origin && request.source === source && request.smallestSize === smallestSize;
}

/** The request that is there; undefined if there is none, or something else. */
export async function readRequest(writer: TargetWriter): Promise<CutoverRequest | undefined> {
  const bytes = await writer.read(REQUEST_PATH, MAX_REQUEST_BYTES);
  if (bytes === undefined) return undefined;
  try {
    const { [VERSION_FIELD]: version, ...request } = JSON.parse(Buffer.from(bytes).toString("utf8"));
    const { id, origin, source, smallestSize, state, reason } = request;
    const areTexts = [id, origin, source, reason ?? ""].every((text) => typeof text === "string");
    const isRequest = version === VERSION && areTexts && STATES.includes(state);
    return isRequest ? { id, origin, source, smallestSize, state, reason } : undefined;
  } catch {
    return undefined;
  }
}

/** Durable when it resolves. @throws TargetRefusedError if the target is not claimed any more. */
export async function writeRequest(writer: TargetWriter, request: CutoverRequest): Promise<void> {
  const batch = writer.batch();
  await batch.put(REQUEST_PATH, Buffer.from(`${JSON.stringify({ [VERSION_FIELD]: VERSION, ...request })}\n`));
  await batch.commit();
}
