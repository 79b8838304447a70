/**
 * Where a log is read from. Nothing is authenticated here and nothing is ever written: the source is only read.
 */

import { FormatError } from "../../tlog/errors.ts";
import type { EntryBundleCoordinate, LogFormat, TileCoordinate } from "../../tlog/layout.ts";
import type { HashTree, TileRecovery, TreeHead } from "../tree/hash-tree.ts";

/** Memory for an object. A backend asks for it as soon as it knows the object's size, before it holds the bytes. */
export interface ByteReservation {
  /**
   * Resolves when the object may take `bytes` bytes of memory in all; undefined if it may at once. Never takes
   * back what it gave.
   */
  atLeast(bytes: number): Promise<void> | undefined;
  /** Memory for the object's bytes, good until the reservation ends. Default: memory of its own. */
  allocate?(bytes: number): Buffer;
}

export interface ReadOptions {
  /** An object that decodes to more than this is refused with FormatError before it is held in memory. */
  readonly maxBytes: number;
  /** Pass every cache on the way (`Cache-Control: no-cache`): the last answer did not authenticate. */
  readonly fresh?: boolean;
  readonly reservation?: ByteReservation;
  readonly signal?: AbortSignal;
}

/** Objects below a log's root, addressed by path: what most backends implement, see `TiledLog`. Used by one thread. */
export interface ObjectSource {
  /** What the operator calls it: a URL or a directory. */
  readonly location: string;
  /** The name of an object in messages: a URL or a file's path. */
  locate(path: string): string;
  /**
   * The bytes of the object at `path` below the log's root, undefined if there is none (404). The bytes belong
   * to the caller, who may write into them.
   * @throws SourceError if it could not be read; FormatError if its encoding is not what it says or it is
   * larger than `maxBytes`.
   */
  read(path: string, options: ReadOptions): Promise<Uint8Array | undefined>;
  /** Why bytes that were read from here do not authenticate, as a clause, where this kind of source can tell. */
  explain?(path: string, bytes: Uint8Array): string | undefined;
  close(): Promise<void>;
}

/** What `read` throws for an object that is larger than it may be. */
export function tooLarge(maxBytes: number, found: string): FormatError {
  return new FormatError("is larger than an object of its kind can be", `at most ${maxBytes} bytes`, found);
}

/** A read that failed for a reason other than the bytes themselves. */
export class SourceError extends Error {
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What the server asked for by Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** What the operator can do about it, where there is something. */
  readonly advice: string | undefined;
  /**
   * Whether no contact was made at all (no such host, connection refused, no TLS). Even where such a failure is
   * retryable, on the first contact it means a wrong address rather than bad luck.
   */
  readonly unreachable: boolean;
  /** Of the HTTP response that was the failure, where there was one. */
  readonly status: number | undefined;

  constructor(
    problem: string,
    details: {
      retryable: boolean;
      status?: number | undefined;
      retryAfterMs?: number | undefined;
      advice?: string | undefined;
      unreachable?: boolean;
    },
    options?: ErrorOptions,
  ) {
    super(problem, options);
    this.name = "SourceError";
    this.retryable = details.retryable;
    this.retryAfterMs = details.retryAfterMs;
    this.advice = details.advice;
    this.unreachable = details.unreachable ?? false;
    this.status = details.status;
  }
}

/** Largest object that is read: a Static CT data tile of 256 entries of 256 KiB. The format's own bound is 8 GiB. */
export const MAX_OBJECT_BYTES = 1 << 26;

/** Largest issuer that is read: certificates of authorities have one or two KB, RFC 6962 would allow 16 MB. */
export const MAX_ISSUER_BYTES = 1 << 16;

/** What may vary from one read to the next. */
export type ReadHints = Omit<ReadOptions, "maxBytes">;

/**
 * Reads an object until its bytes authenticate, or until the source had every fair chance.
 * @param path the object's path, for messages.
 * @param authenticate throws FormatError unless the bytes are right.
 */
export type AuthenticRead = <T>(
  path: string,
  read: (hints: ReadHints) => Promise<Uint8Array | undefined>,
  authenticate: (bytes: Uint8Array) => T,
) => Promise<T>;

/** A log as the engine reads it; it need not be stored as tiles. An instance belongs to one thread. */
export interface LogSource {
  /** What the operator calls it: a URL or a directory. */
  readonly location: string;
  readonly format: LogFormat;
  /** The name of an object in messages: a URL or a file's path. */
  locate(path: string): string;
  /** Why bytes that were read from here do not authenticate, as a clause, where the source can tell. */
  explain(path: string, bytes: Uint8Array): string | undefined;
  /** The signed checkpoint, read past every cache. Undefined if there is none. */
  checkpoint(hints?: ReadHints): Promise<Uint8Array | undefined>;
  /** The hashes of a tile, exactly `width` of them; undefined if the source has none. @throws FormatError */
  tile(tile: TileCoordinate, hints?: ReadHints): Promise<Uint8Array | undefined>;
  /**
   * The bytes of an entry bundle of the log's format; undefined if the source has none. The caller checks that it
   * holds `width` entries, when it hashes them.
   */
  entryBundle(bundle: EntryBundleCoordinate, hints?: ReadHints): Promise<Uint8Array | undefined>;
  /** DER of the certificate with this fingerprint (lower-case hex SHA-256); undefined if the source has none. */
  issuer(fingerprint: string, hints?: ReadHints): Promise<Uint8Array | undefined>;
  /**
   * The tree of a head, authenticated from its root down.
   * @throws VerificationError if what the source has does not give the root.
   */
  openTree(head: TreeHead, read: AuthenticRead, recovery?: TileRecovery): Promise<HashTree>;
  close(): Promise<void>;
}
