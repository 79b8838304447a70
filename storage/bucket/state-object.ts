/** The object in which a bucket names the state store of its log; in a mirror, it is the private state itself. */

import { FormatError } from "../../lib/tlog/errors.ts";
import type { BucketObjects, ObjectVersion } from "./bucket.ts";
import type { StoreReader } from "./log-state.ts";

export const STATE_OBJECT = ".state/tlog-migrate.json";

export interface BucketDocument extends ObjectVersion {
  readonly text: string;
}

export interface StateObject extends BucketDocument {
  /** The options that name the state store, if it names one. */
  readonly store: string | undefined;
  /** Which of a migration's two documents it is, if it is a mirror's. */
  readonly kind: "marker" | "record" | undefined;
}

/** The bucket's document, undefined if there is none. */
export async function readStateObject(
  bucket: BucketObjects,
  readers: readonly StoreReader[],
): Promise<StateObject | undefined> {
  const document = await readDocument(bucket, STATE_OBJECT);
  if (document === undefined) return undefined;
  const fields = parseFields(document.text);
  return {
    ...document,
    store: readers.map((read) => read(fields)).find((options) => options !== undefined),
    kind: (["marker", "record"] as const).find((kind) => `tlog-migrate-${kind}` in fields),
  };
}

function parseFields(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** A marker contains a checkpoint of at most a megabyte, which JSON may double. */
const MAX_DOCUMENT_BYTES = 1 << 22;

/** A document. Replaced between the two requests, it has a version that is gone: nothing is stored in its place. */
export async function readDocument(bucket: BucketObjects, path: string): Promise<BucketDocument | undefined> {
  const version = await bucket.stat(path);
  if (version === undefined) return undefined;
  try {
    const bytes = await bucket.get(path, MAX_DOCUMENT_BYTES);
    return bytes && { ...version, text: Buffer.from(bytes).toString("utf8") };
  } catch (error) {
    // Whatever it is, it is not ours.
    if (error instanceof FormatError) return { ...version, text: "" };
    throw error;
  }
}

/** Stores a document where there is none, or in place of `instead`: whether it is what is there now. */
export async function writeDocument(
  bucket: BucketObjects,
  path: string,
  text: string,
  instead?: ObjectVersion,
): Promise<boolean> {
  if (await bucket.put(path, Buffer.from(text), instead)) return true;
  // A request whose answer got lost was repeated, and found its own object in its way.
  return (await readDocument(bucket, path))?.text === text;
}
