/**
 * A bucket of Cloud Storage through Google's client library: listings, claims and the lock, asked seldom and by the main
 * thread. The library takes 0.2 s to load, so that it is loaded when it is first used.
 *
 * Its own retrying is turned off. It waits for as long as minutes between two tries, tries a name again that does not
 * exist, and has no limit of time for an answer that does not come.
 */

import type { ApiError, File, Bucket as LibraryBucket } from "@google-cloud/storage";
import { SourceError, tooLarge } from "../../lib/migrate/ports/source.ts";
import type { StoredObject } from "../../lib/migrate/ports/target.ts";
import { oneLine } from "../../lib/tlog/errors.ts";
import { type Bucket, type BucketObjects, type ObjectVersion, storedHeaders } from "../bucket/bucket.ts";
import { DEFAULT_TIMEOUTS } from "../http/client.ts";
import { networkError, statusError } from "../http/error-messages.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { once } from "../shared/memoize.ts";
import { withinTime } from "../shared/within-time.ts";
import { GcsAccess } from "./credentials.ts";
import { gcsError } from "./error-messages.ts";
import { type GcsObjectOptions, GcsObjects } from "./objects.ts";
import { patiently } from "./retry.ts";
import { formatGcsName, type GcsPlace } from "./url.ts";

/** What the JSON API says to a listing, of the fields that are asked for. */
interface ListAnswer {
  readonly items?: readonly { readonly name: string; readonly size: string }[];
  readonly nextPageToken?: string;
}

/** How long an answer is waited for, in milliseconds. */
export interface BucketTimeouts {
  /** Each time that it is asked for. */
  readonly answerMs: number;
  /** When it is not asked for again any more. */
  readonly totalMs: number;
}

const TIMEOUTS: BucketTimeouts = { answerMs: 30_000, totalMs: 180_000 };

export interface GcsBucketOptions extends GcsObjectOptions {
  readonly timeouts?: BucketTimeouts;
}

export class GcsBucket implements Bucket {
  readonly location: string;
  readonly #place: GcsPlace;
  readonly #options: GcsBucketOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #timeouts: BucketTimeouts;
  readonly #access = new GcsAccess();
  /** Whether Cloud Storage was ever there. Where it was not, it is the network or the address that is wrong. */
  #wasReached = false;

  constructor(place: GcsPlace, options: GcsBucketOptions, signal?: AbortSignal) {
    this.location = formatGcsName(place);
    this.#place = place;
    this.#options = options;
    this.#signal = signal;
    this.#timeouts = options.timeouts ?? TIMEOUTS;
  }

  until(signal: AbortSignal): Bucket {
    return new GcsBucket(this.#place, this.#options, signal);
  }

  openObjects(signal?: AbortSignal): BucketObjects {
    return new GcsObjects(this.#place, this.#access, this.#options, signal);
  }

  locate(path: string): string {
    return formatGcsName(this.#place, path);
  }

  async *list(directory: string): AsyncGenerator<StoredObject> {
    const { prefix } = this.#place;
    let pageToken: string | undefined;
    do {
      const query = {
        prefix: `${prefix}${directory}/`,
        autoPaginate: false,
        fields: "items(name,size),nextPageToken",
        ...(pageToken === undefined ? {} : { pageToken }),
      };
      const [, , answer] = await this.#do(directory, (bucket) => bucket.getFiles(query));
      const { items = [], nextPageToken } = answer as ListAnswer;
      for (const { name, size } of items) yield { path: name.slice(prefix.length), bytes: Number(size) };
      pageToken = nextPageToken;
    } while (pageToken !== undefined);
  }

  stat(path: string): Promise<ObjectVersion | undefined> {
    const stat = async (file: File) => {
      const [{ generation = 0, updated = "" }] = await file.getMetadata();
      return { version: String(generation), storedAt: Date.parse(updated) };
    };
    return this.#doWith(path, (file) => stat(file).catch(where(404, undefined)));
  }

  get(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const get = async (file: File) => {
      const [bytes] = await file.download({ validation: "crc32c", decompress: false });
      if (bytes.length > maxBytes) throw tooLarge(maxBytes, `${bytes.length} bytes`);
      return bytes;
    };
    return this.#doWith(path, (file) => get(file).catch(where(404, undefined)));
  }

  put(path: string, bytes: Uint8Array, instead?: ObjectVersion): Promise<boolean> {
    const options = {
      resumable: false,
      validation: "crc32c",
      preconditionOpts: { ifGenerationMatch: instead?.version ?? 0 },
      metadata: { ...storedHeaders(path) },
    } as const;
    const put = async (file: File) => {
      await file.save(Buffer.from(bytes), options);
      return true;
    };
    return this.#doWith(path, (file) => put(file).catch(where(412, false)));
  }

  async remove(path: string, { version }: ObjectVersion): Promise<boolean> {
    const remove = async (file: File) => {
      await file.delete({ ignoreNotFound: true, ifGenerationMatch: version });
      return true;
    };
    // Another version may be there, or none: a request whose answer got lost was sent again.
    const isRemoved = await this.#doWith(path, (file) => remove(file).catch(where(412, false)));
    return isRemoved || (await this.stat(path)) === undefined;
  }

  async close(): Promise<void> {}

  #library = once(async () => {
    const { Storage } = await import("@google-cloud/storage");
    const authClient = await this.#access.auth();
    const storage = new Storage({ retryOptions: { autoRetry: false }, ...(authClient && { authClient }) });
    return storage.bucket(this.#place.bucket);
  });

  #doWith<T>(path: string, work: (file: File) => Promise<T>): Promise<T> {
    return this.#do(path, (bucket) => work(bucket.file(this.#place.prefix + path)));
  }

  #do<T>(path: string, work: (bucket: LibraryBucket) => Promise<T>): Promise<T> {
    const limits = {
      retry: this.#options.retry,
      signal: this.#signal,
      totalMs: this.#timeouts.totalMs,
      isWorthwhile: (error: SourceError) => this.#wasReached || !error.unreachable,
    };
    return patiently(this.locate(path), limits, () => untilAborted(this.#ask(work), this.#signal));
  }

  async #ask<T>(work: (bucket: LibraryBucket) => Promise<T>): Promise<T> {
    // Asked for first, since the library has no clear words for credentials that it cannot find.
    await this.#access.authorization();
    const bucket = await this.#library();
    const { answerMs } = this.#timeouts;
    try {
      const answer = await withinTime(work(bucket), answerMs, () => noAnswer(answerMs));
      this.#wasReached = true;
      return answer;
    } catch (error) {
      if (statusOf(error) !== undefined) this.#wasReached = true;
      throw this.#sourceError(error);
    }
  }

  /** A failure of the library's in our words; anything else is left as it is. */
  #sourceError(error: unknown): unknown {
    if (!(error instanceof Error && "code" in error)) return error;
    const { host } = this.#access;
    const status = statusOf(error);
    if (status === undefined) return networkError(error, { host, timeouts: DEFAULT_TIMEOUTS }, false);
    return gcsError(statusError(status, host, undefined), this.#place, oneLine(error.message).slice(0, 300));
  }
}

function statusOf(error: unknown): number | undefined {
  const code = error instanceof Error && "code" in error ? (error as ApiError).code : undefined;
  return typeof code === "number" ? code : undefined;
}

/** Makes a result of failures with this status. */
function where<T>(status: number, result: T): (error: unknown) => T {
  return (error) => {
    if (statusOf(error) === status) return result;
    throw error;
  };
}

function noAnswer(answerMs: number): SourceError {
  const advice = "Check this machine's network, then run the same command again";
  return new SourceError(`Cloud Storage gave no answer within ${answerMs / 1000} s`, {
    retryable: true,
    advice,
  });
}
