/**
 * The interface of a bucket in any object store. An implementation retries temporary failures, and its errors name the
 * object and say what to do.
 */

import type { MigrationTarget } from "../../lib/migrate/ports/target.ts";
import { CHECKPOINT_PATH, ISSUER_DIRECTORY } from "../../lib/tlog/layout.ts";

/** The version of an object, different for each object that was stored under its name. */
export interface ObjectVersion {
  /** A generation or an ETag: other bytes have another one, the same bytes stored again may have the same. */
  readonly version: string;
  /** When it was stored, by the store's clock, in milliseconds since the epoch. */
  readonly storedAt: number;
}

/** An object as it was stored in one version. */
export interface VersionedObject extends ObjectVersion {
  readonly bytes: Uint8Array;
}

/** Objects of a bucket, by their paths below the log's root. */
export interface BucketObjects {
  /**
   * Its bytes as stored, undefined if there is none.
   * @throws FormatError if it is over `maxBytes`, stored or decoded, or not in the encoding that it is to be stored in.
   */
  get(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  stat(path: string): Promise<ObjectVersion | undefined>;
  /**
   * Stores an object in place of the version `instead`, by default only where there is none. When it resolves, the object
   * is whole and durable, and the bytes are the caller's again.
   * @returns whether it was stored. False also for a request that was repeated because its answer got lost.
   */
  put(path: string, bytes: Uint8Array, instead?: ObjectVersion): Promise<boolean>;
  close(): Promise<void>;
}

/** A bucket, or the part of it below a prefix. Used by the main thread. */
export interface Bucket extends BucketObjects, Pick<MigrationTarget, "location" | "locate" | "list"> {
  /**
   * An object with its version. Of one that is replaced meanwhile the version may be older than the bytes, never newer.
   * @throws FormatError if it is over `maxBytes`, or encoded.
   */
  getVersion(path: string, maxBytes: number): Promise<VersionedObject | undefined>;
  /** Removes an object if it has this version: whether there is none now. */
  remove(path: string, version: ObjectVersion): Promise<boolean>;
  /** The same bucket for work that ends when the signal fires. */
  until(signal: AbortSignal): Bucket;
  /** Before a claim. @throws TargetRefusedError if the store cannot keep what `put` promises. */
  requireConditionalWrites(): Promise<void>;
  /** Its objects for a thread that reads and writes many, over connections of its own. */
  openObjects(signal?: AbortSignal): BucketObjects;
}

/** The headers with which an object is stored. */
export interface StoredHeaders {
  readonly contentType: string;
  readonly cacheControl?: string;
  /** In which its bytes are stored. Default: none. */
  readonly contentEncoding?: "gzip";
}

const CHECKPOINT: StoredHeaders = { contentType: "text/plain; charset=utf-8", cacheControl: "no-cache" };
/** Of our own documents, which change. */
const STATE: StoredHeaders = { contentType: "application/json", cacheControl: "no-store" };
const ISSUER: StoredHeaders = { contentType: "application/pkix-cert" };
const RESOURCE: StoredHeaders = {
  contentType: "application/octet-stream",
  cacheControl: "max-age=604800,immutable",
};

/** Those of Tessera's drivers, and of TesseraCT's for issuers. */
export function storedHeaders(path: string): StoredHeaders {
  if (path === CHECKPOINT_PATH) return CHECKPOINT;
  if (path.startsWith(".state/")) return STATE;
  return path.startsWith(`${ISSUER_DIRECTORY}/`) ? ISSUER : RESOURCE;
}
