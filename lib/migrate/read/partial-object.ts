/**
 * Partial tiles and bundles, which a log may delete once the full ones exist
 * (https://c2sp.org/tlog-tiles#partial-tiles). Servers report a missing object in many ways: 404 or 410, 403 to readers
 * without the right to list, 204, a web page, a redirect to one.
 */

import { FormatError } from "../../tlog/errors.ts";
import { SourceError } from "../ports/source.ts";

type Bytes = Uint8Array | undefined;

/** Two ways to read a partial object; each returns undefined if the object does not exist. */
export interface PartialObject {
  readonly partial: () => Promise<Bytes>;
  /** The full object, cut to the width. */
  readonly full: () => Promise<Bytes>;
  /** Whether the bytes can be those of the partial object. */
  readonly canBe: (bytes: Uint8Array) => boolean;
}

/**
 * The partial object, or the first part of the full one if the source answered with anything else.
 * @param fromFull whether to use only the full one.
 * @throws the error for the partial one, if the full one does not exist either; temporary errors.
 */
export async function readPartial(
  { partial, full, canBe }: PartialObject,
  fromFull: boolean | undefined,
): Promise<Bytes> {
  if (fromFull) return await full().catch(undefinedIfDefinite);
  let bytes: Bytes;
  let failure: unknown;
  try {
    bytes = await partial();
    if (bytes !== undefined && canBe(bytes)) return bytes;
  } catch (error) {
    failure = error;
    undefinedIfDefinite(error);
  }
  const isMissing = bytes === undefined && failure === undefined;
  const instead = isMissing ? await full() : await full().catch(undefinedIfDefinite);
  if (instead === undefined && failure !== undefined) throw failure;
  return instead ?? bytes;
}

/** @throws the error if it is temporary and says nothing about the object. */
function undefinedIfDefinite(error: unknown): undefined {
  if (error instanceof FormatError || (error instanceof SourceError && !error.retryable)) return;
  throw error;
}
