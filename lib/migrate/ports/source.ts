/**
 * The interface of sources. A source authenticates nothing and writes nothing: it is only read.
 */

import { bounded, FormatError } from "../../tlog/errors.ts";
import type { EntryBundleCoordinate, LogFormat, TileCoordinate } from "../../tlog/layout.ts";
import { formatCount } from "../../tlog/quantities.ts";

/** Memory for an object. A backend reserves it as soon as it knows the object's size, before it has the bytes. */
export interface ByteReservation {
  /** Resolves when the object may take `bytes` bytes in all; undefined if it may at once. Nothing is taken back. */
  atLeast(bytes: number): Promise<void> | undefined;
  /** Memory for the object's bytes, valid until the reservation ends. Default: newly allocated memory. */
  allocate?(bytes: number): Buffer;
}

export interface ReadOptions {
  /** A larger object, once decoded, is refused with FormatError before it is held in memory. */
  readonly maxBytes: number;
  /** Bypass every cache (`Cache-Control: no-cache`): the last answer did not authenticate. */
  readonly fresh?: boolean;
  readonly reservation?: ByteReservation;
  readonly signal?: AbortSignal;
  /**
   * Given the object as it is stored or came, where that is gzip of what is returned; undefined where it is not. The bytes
   * are good for as long as the reservation, and what they are has to be checked.
   */
  readonly onGzip?: (gzip: Uint8Array | undefined) => void;
}

/** An object in a listing, its path below the log's root. */
export interface ListedObject {
  readonly path: string;
  readonly bytes: number;
}

/** Objects below a log's root, addressed by path: what most backends implement, see `tiledLog`. Used by one thread. */
export interface ObjectSource {
  /** What the operator calls it: a URL or a directory. */
  readonly location: string;
  /** The name of an object in messages: a URL or a file's path. */
  locate(path: string): string;
  /**
   * The bytes of an object, undefined if there is none (404). They belong to the caller, who may write into them.
   * @throws SourceError if it could not be read; FormatError if it is too large, or encoded otherwise than it says.
   */
  read(path: string, options: ReadOptions): Promise<Uint8Array | undefined>;
  /** Why bytes from this source do not authenticate, as a clause, if this kind of source knows. */
  explain?(path: string, bytes: Uint8Array): string | undefined;
  /** The address of the same log in another layout, if there is one. */
  otherLayout?(): Promise<string | undefined>;
  /**
   * Every object but those that are known by their path, in no order; left out where a listing is impossible or costs
   * requests. @throws SourceError or FormatError
   */
  listOthers?(isKnown: (path: string) => boolean): AsyncIterable<ListedObject>;
  /** Closes idle connections: the source allows few, and other threads need them. */
  closeIdle?(): void;
  /** Whether a server answers, which may have other APIs of a log at the same address. */
  readonly isServed?: boolean;
  close(): Promise<void>;
}

/** An object that is larger than it may be. */
export class TooLargeError extends FormatError {}

/** What `read` throws for an object that is larger than it may be. */
export function tooLarge(maxBytes: number, found: string): TooLargeError {
  return new TooLargeError(
    "is larger than an object of its kind can be",
    `at most ${formatCount(maxBytes)} bytes`,
    found,
  );
}

/** A read that failed for a reason other than the bytes themselves. */
export class SourceError extends Error {
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What the server asked for by Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** What the operator can do about it, where there is something. */
  readonly advice: string | undefined;
  /** No connection was made (no such host, no TLS): on the first contact this means a wrong address. */
  readonly unreachable: boolean;
  /** The connection was closed, or the answer is not of the protocol: on the first contact most often a wrong port. */
  readonly brokenOff: boolean;
  /** A new connection had no answer: the server may already have as many connections as it accepts. */
  readonly turnedAway: boolean;
  /** Of the HTTP response that was the failure, where there was one. */
  readonly status: number | undefined;

  constructor(
    problem: string,
    details: Pick<SourceError, "retryable"> & Partial<Omit<SourceError, keyof Error>>,
    options?: ErrorOptions,
  ) {
    super(bounded(problem), options);
    this.name = "SourceError";
    this.retryable = details.retryable;
    this.retryAfterMs = details.retryAfterMs;
    this.advice = details.advice;
    this.unreachable = details.unreachable ?? false;
    this.brokenOff = details.brokenOff ?? false;
    this.turnedAway = details.turnedAway ?? false;
    this.status = details.status;
  }
}

/** Largest object that is read: a Static CT data tile of 256 entries of 256 KiB. The format's own bound is 8 GiB. */
export const MAX_OBJECT_BYTES = 1 << 26;

/** Largest issuer that is read: they have one or two KB, RFC 6962 would allow 16 MB. */
export const MAX_ISSUER_BYTES = 1 << 16;

/** What may vary from one read to the next. */
export interface ReadHints extends Omit<ReadOptions, "maxBytes"> {
  /** A partial object did not authenticate: read the first part of the full one, undefined if there is none. */
  readonly fromFull?: boolean;
}

/** Reads an object until its bytes authenticate, for which `authenticate` throws no FormatError, or gives up. */
export type AuthenticRead = <T>(
  path: string,
  read: (hints: ReadHints) => Promise<Uint8Array | undefined>,
  authenticate: (bytes: Uint8Array) => T,
) => Promise<T>;

/** Reads one of the parts that an object is made of, and only it again where that fails. @throws LogError */
export type PartRead = (
  path: string,
  read: (hints: ReadHints) => Promise<Uint8Array | undefined>,
) => Promise<Uint8Array>;

export interface BundleHints extends ReadHints {
  /** For a bundle that is stored as many objects. Default: each is read once, and the bundle fails if one does. */
  readonly readPart?: PartRead;
}

/** Size and root of a tree. */
export interface TreeHead {
  readonly size: number;
  readonly rootHash: Uint8Array;
}

/** Hashes of the right-edge partial tiles by level, undefined where the tree has none. */
export type RightEdge = readonly (Uint8Array | undefined)[];

/**
 * The tree of a checkpoint: everything that it returns is authenticated. Levels and indexes are those of tlog-tiles:
 * hash i of tile n at level L is the Merkle tree hash of the leaves [(n·256+i)·256^L, (n·256+i+1)·256^L).
 */
export interface HashTree {
  readonly head: TreeHead;
  /** The hashes of the partial tile of a level, undefined where the tree has none there. */
  edge(level: number): Uint8Array | undefined;
  /** The 256 hashes of a full tile. */
  fullTile(level: number, index: number): Promise<Uint8Array>;
  /** The hash of a full tile in its parent. */
  hashOf(level: number, index: number): Promise<Uint8Array>;
  /** The root of the first `size` entries: what an earlier checkpoint of the same log must have had. */
  rootOfPrefix(size: number): Promise<Uint8Array>;
}

/** Called with the failure if a tile is unavailable: finds the tile's hashes elsewhere, or throws. */
export interface TileRecovery {
  fullTile(failure: unknown, level: number, index: number, expected: Uint8Array): Promise<Uint8Array>;
  edge(failure: unknown, head: TreeHead): Promise<RightEdge>;
}

/** A log as the engine reads it; it need not be stored as tiles. An instance belongs to one thread. */
export interface LogSource extends Omit<ObjectSource, "read" | "explain" | "otherLayout" | "isServed"> {
  readonly format: LogFormat;
  /** A bundle takes a request for each of its entries: none is read for an estimate. */
  readonly hasCostlyBundles?: boolean;
  /** The same log, read in another format; undefined if it has only one. It is closed with this one. */
  inFormat?(format: LogFormat): LogSource;
  /** As in `ObjectSource`; it may have to read for it. */
  explain(path: string, bytes: Uint8Array): string | undefined | Promise<string | undefined>;
  /** The signed checkpoint, read past every cache. Undefined if there is none. */
  checkpoint(hints?: ReadHints): Promise<Uint8Array | undefined>;
  /** The signed tree head of RFC 6962 (get-sth), of a log that may have it in place of a checkpoint. */
  treeHead?(hints?: ReadHints): Promise<Uint8Array | undefined>;
  /** The file by which a log may say its minimum index; undefined if there is none. */
  minIndex?(hints?: ReadHints): Promise<Uint8Array | undefined>;
  /** The hashes of a tile, exactly `width` of them; undefined if the source has none. @throws FormatError */
  tile(tile: TileCoordinate, hints?: ReadHints): Promise<Uint8Array | undefined>;
  /** The bytes of an entry bundle; undefined if the source has none. That it has `width` entries is not checked. */
  entryBundle(bundle: EntryBundleCoordinate, hints?: BundleHints): Promise<Uint8Array | undefined>;
  /** DER of the certificate with this fingerprint (lower-case hex SHA-256); undefined if the source has none. */
  issuer(fingerprint: string, hints?: ReadHints): Promise<Uint8Array | undefined>;
  /**
   * The tree of a head, authenticated from its root down.
   * @throws VerificationError if what the source has does not give the root.
   */
  openTree(head: TreeHead, read: AuthenticRead, recovery?: TileRecovery): Promise<HashTree>;
  /** A sentence about objects of the source beyond a tree of this size, which are neither copied nor verified. */
  beyond?(size: number): Promise<string | undefined>;
  /** The address of the same log in another layout, if there is one with this number of entries. */
  otherLayout?(size: number): Promise<string | undefined>;
}
