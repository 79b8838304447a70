/**
 * Where a log is read from. A backend implements ObjectSource; LogSource gives its objects the shapes that the
 * formats prescribe. Nothing is authenticated here and nothing is ever written: the source is only read.
 */

import { cutBundle, maxBundleSize } from "../../tlog/bundle.ts";
import { FormatError } from "../../tlog/errors.ts";
import {
  bundlePath,
  CHECKPOINT_PATH,
  type EntryBundleCoordinate,
  FULL_WIDTH,
  issuerPath,
  type LogFormat,
  type TileCoordinate,
  tilePath,
} from "../../tlog/layout.ts";
import { HASH_SIZE } from "../../tlog/merkle.ts";

/** Told by a backend as soon as it knows how large an object is, before it holds the bytes. */
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

/** What a backend of sources implements. An instance belongs to one thread. */
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

/** Largest checkpoint that is read: room for far more than the 16 signatures that clients must accept. */
const MAX_CHECKPOINT_BYTES = 1 << 20;

/** Largest object that is read: a Static CT data tile of 256 entries of 256 KiB. The format's own bound is 8 GiB. */
export const MAX_OBJECT_BYTES = 1 << 26;

/** Largest issuer that is read: certificates of authorities have one or two KB, RFC 6962 would allow 16 MB. */
export const MAX_ISSUER_BYTES = 1 << 16;

/** What may vary from one read to the next. */
export type ReadHints = Omit<ReadOptions, "maxBytes">;

/** A log as its readers see it. */
export class LogSource {
  readonly format: LogFormat;
  readonly #objects: ObjectSource;

  constructor(objects: ObjectSource, format: LogFormat) {
    this.#objects = objects;
    this.format = format;
  }

  get location(): string {
    return this.#objects.location;
  }

  locate(path: string): string {
    return this.#objects.locate(path);
  }

  /** Why bytes that were read from here do not authenticate, as a clause, where the source can tell. */
  explain(path: string, bytes: Uint8Array): string | undefined {
    return this.#objects.explain?.(path, bytes);
  }

  /** The signed checkpoint as it stands, past every cache. Undefined if there is none. */
  checkpoint(hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    return this.#objects.read(CHECKPOINT_PATH, { ...hints, fresh: true, maxBytes: MAX_CHECKPOINT_BYTES });
  }

  /**
   * The hashes of a tile, exactly `width` of them. Undefined if the source has it neither so wide nor full.
   * @throws FormatError if it has another size than its width asks for.
   */
  async tile(tile: TileCoordinate, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    const full = { ...tile, width: FULL_WIDTH };
    const exact = await this.#readTile(tile, hints);
    if (exact !== undefined || tile.width === FULL_WIDTH) return exact;
    return (await this.#readTile(full, hints))?.subarray(0, tile.width * HASH_SIZE);
  }

  /**
   * The bytes of an entry bundle of the log's format. Where a partial bundle is gone, the full one cut to its
   * first `width` entries (https://c2sp.org/tlog-tiles#partial-tiles). Undefined if there is neither. That the
   * bundle holds `width` entries is for the caller to find when it hashes them.
   */
  async entryBundle(bundle: EntryBundleCoordinate, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    const exact = await this.#readBundle(bundle, hints);
    if (exact !== undefined || bundle.width === FULL_WIDTH) return exact;
    const full = await this.#readBundle({ ...bundle, width: FULL_WIDTH }, hints);
    return full === undefined ? undefined : cutBundle(this.format, full, bundle.width);
  }

  /** DER of the certificate with this fingerprint, undefined if the source has none. */
  issuer(fingerprint: string, hints: ReadHints = {}): Promise<Uint8Array | undefined> {
    return this.#objects.read(issuerPath(fingerprint), { ...hints, maxBytes: MAX_ISSUER_BYTES });
  }

  close(): Promise<void> {
    return this.#objects.close();
  }

  async #readTile(tile: TileCoordinate, hints: ReadHints): Promise<Uint8Array | undefined> {
    const size = tile.width * HASH_SIZE;
    const hashes = await this.#objects.read(tilePath(tile), { ...hints, maxBytes: size });
    if (hashes !== undefined && hashes.length !== size) {
      throw new FormatError(
        "is not as long as a tile of its width",
        `${size} bytes`,
        `${hashes.length} bytes`,
      );
    }
    return hashes;
  }

  #readBundle(bundle: EntryBundleCoordinate, hints: ReadHints): Promise<Uint8Array | undefined> {
    const maxBytes = Math.min(maxBundleSize(this.format, bundle.width), MAX_OBJECT_BYTES);
    return this.#objects.read(bundlePath(this.format, bundle), { ...hints, maxBytes });
  }
}
