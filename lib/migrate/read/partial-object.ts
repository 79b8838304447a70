/**
 * Partial tiles and bundles, which a log may delete once the full ones exist
 * (https://c2sp.org/tlog-tiles#partial-tiles). Sites say in many ways that there is nothing: 404 or 410, 403 to readers
 * without the right to list, 204, a web page, a redirect to one.
 */

import { FormatError } from "../../tlog/errors.ts";
import { SourceError } from "../ports/source.ts";

type Bytes = Uint8Array | undefined;

/** Two ways to read a partial object; each gives undefined where there is none. */
export interface PartialObject {
  readonly partial: () => Promise<Bytes>;
  /** The full object, cut to the width. */
  readonly full: () => Promise<Bytes>;
  /** Whether the bytes of the partial object can be it. */
  readonly canBe: (bytes: Uint8Array) => boolean;
}

/**
 * The partial object, or the beginning of the full one where the source answered with anything else.
 * @param fromFull whether only the full one will do.
 * @throws what the partial one failed with, if the full one is not there either; what may pass.
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

/** @throws the error if it says nothing of the object, and the same request may be answered later. */
function undefinedIfDefinite(error: unknown): undefined {
  if (error instanceof FormatError || (error instanceof SourceError && !error.retryable)) return;
  throw error;
}
