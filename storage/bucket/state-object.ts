/** The object in which a bucket names the state store of its log; in a mirror, it is the private state itself. */

import { FormatError } from "../../lib/tlog/errors.ts";
import type { Bucket, ObjectVersion } from "./bucket.ts";
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
  bucket: Bucket,
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

/** A document. What it is replaced by is stored in place of its version alone. */
export async function readDocument(bucket: Bucket, path: string): Promise<BucketDocument | undefined> {
  try {
    const found = await bucket.getVersion(path, MAX_DOCUMENT_BYTES);
    return found && { version: found.version, storedAt: found.storedAt, text: textOf(found.bytes) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // Whatever it is, it is not ours.
    const version = await bucket.stat(path);
    return version && { ...version, text: "" };
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

/** Stores a document where there is none, or in place of `instead`: whether it is what is there now. */
export async function writeDocument(
  bucket: Bucket,
  path: string,
  text: string,
  instead?: ObjectVersion,
): Promise<boolean> {
  if (await bucket.put(path, Buffer.from(text), instead)) return true;
  // A request whose answer got lost was repeated, and found its own object in its way.
  return (await readDocument(bucket, path))?.text === text;
}
