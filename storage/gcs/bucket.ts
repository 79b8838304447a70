/**
 * A bucket of Cloud Storage through Google's client library: listings, claims and the lock, asked seldom and by the main
 * thread. The library is loaded when it is first used: that takes 0.2 s. Its own retrying is turned off: it waits for
 * minutes, tries again a name that does not exist, and waits for ever for an answer that does not come.
 */

import type { ApiError, File, Bucket as LibraryBucket } from "@google-cloud/storage";
import { SourceError, tooLarge } from "../../lib/migrate/ports/source.ts";
import type { StoredObject } from "../../lib/migrate/ports/target.ts";
import { FIRST_CONTACT_RETRIES } from "../../lib/migrate/throttle/backoff.ts";
import { type Bucket, type BucketObjects, type ObjectVersion, storedHeaders } from "../bucket/bucket.ts";
import { DEFAULT_TIMEOUTS } from "../http/client.ts";
import { networkError, statusError } from "../http/error-messages.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { once } from "../shared/memoize.ts";
import { withinTime } from "../shared/within-time.ts";
import { GcsAccess } from "./credentials.ts";
import { gcsError, patiently } from "./failures.ts";
import { type GcsObjectOptions, GcsObjects } from "./objects.ts";
import { formatGcsName, type GcsPlace } from "./url.ts";

/** Of the JSON API, with the fields that are asked for. */
type ListAnswer = Readonly<{ items?: { name: string; size: string }[]; nextPageToken?: string }>;

/** How long an answer is waited for, each time that it is asked for. */
const ANSWER_MS = 30_000;
/** When it is not asked for again any more. */
const TOTAL_MS = 180_000;

export class GcsBucket implements Bucket {
  readonly location: string;
  readonly #place: GcsPlace;
  readonly #options: GcsObjectOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #access = new GcsAccess();
  /** Whether Cloud Storage was ever there. Where it was not, it is the network or the address that is wrong. */
  #wasReached = false;
  /** How often the connection broke off before that. */
  #brokenOff = 0;

  constructor(place: GcsPlace, options: GcsObjectOptions, signal?: AbortSignal) {
    this.location = formatGcsName(place);
    this.#place = place;
    this.#options = options;
    this.#signal = signal;
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
    return this.#unless(404, path, async (file) => {
      const [{ generation = 0, updated = "" }] = await file.getMetadata();
      return { version: String(generation), storedAt: Date.parse(updated) };
    });
  }

  get(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return this.#unless(404, path, async (file) => {
      const [bytes] = await file.download({ validation: "crc32c", decompress: false });
      if (bytes.length > maxBytes) throw tooLarge(maxBytes, `${bytes.length} bytes`);
      return bytes;
    });
  }

  async put(path: string, bytes: Uint8Array, instead?: ObjectVersion): Promise<boolean> {
    const options = {
      resumable: false,
      validation: "crc32c",
      preconditionOpts: { ifGenerationMatch: instead?.version ?? 0 },
      metadata: { ...storedHeaders(path) },
    } as const;
    const stored = await this.#unless(412, path, async (file) => {
      await file.save(Buffer.from(bytes), options);
      return true;
    });
    return stored ?? false;
  }

  async remove(path: string, { version }: ObjectVersion): Promise<boolean> {
    const removed = await this.#unless(412, path, (file) =>
      file.delete({ ignoreNotFound: true, ifGenerationMatch: version }),
    );
    // Another version may be there, or none: a request whose answer got lost was sent again.
    return removed !== undefined || (await this.stat(path)) === undefined;
  }

  async close(): Promise<void> {}

  #library = once(async () => {
    const { Storage } = await import("@google-cloud/storage");
    const authClient = await this.#access.auth();
    const storage = new Storage({ retryOptions: { autoRetry: false }, ...(authClient && { authClient }) });
    return storage.bucket(this.#place.bucket);
  });

  /** What is done with an object; undefined where the answer has this status. */
  #unless<T>(status: number, path: string, work: (file: File) => Promise<T>): Promise<T | undefined> {
    return this.#do(path, (bucket) =>
      work(bucket.file(this.#place.prefix + path)).catch((error: unknown) => {
        if (statusOf(error) === status) return undefined;
        throw error;
      }),
    );
  }

  #do<T>(path: string, work: (bucket: LibraryBucket) => Promise<T>): Promise<T> {
    const [signal, { retry }] = [this.#signal, this.#options];
    const attempt = () => untilAborted(this.#ask(work), signal);
    return patiently(this.locate(path), { retry, signal, totalMs: TOTAL_MS }, attempt);
  }

  async #ask<T>(work: (bucket: LibraryBucket) => Promise<T>): Promise<T> {
    // Asked for first, since the library has no clear words for credentials that it cannot find.
    await this.#access.authorization();
    const bucket = await this.#library();
    try {
      const answer = await withinTime(work(bucket), ANSWER_MS, noAnswer);
      this.#wasReached = true;
      return answer;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** A failure of the library's in our words; anything else is left as it is. */
  #failure(error: unknown): unknown {
    if (!(error instanceof Error && "code" in error)) return error;
    const { host } = this.#access;
    const status = statusOf(error);
    if (status !== undefined) {
      this.#wasReached = true;
      return gcsError(statusError(status, host, undefined), this.#place, error.message);
    }
    const failure = networkError(error, { host, timeouts: DEFAULT_TIMEOUTS }, false);
    if (this.#wasReached) return failure;
    if (failure.brokenOff) this.#brokenOff++;
    if (!failure.unreachable && this.#brokenOff <= FIRST_CONTACT_RETRIES) return failure;
    return new SourceError(failure.message, { ...failure, retryable: false }, { cause: error });
  }
}

function statusOf(error: unknown): number | undefined {
  const code = error instanceof Error && "code" in error ? (error as ApiError).code : undefined;
  return typeof code === "number" ? code : undefined;
}

function noAnswer(): SourceError {
  const advice = "Check this machine's network, then run the same command again";
  const problem = `Cloud Storage gave no answer within ${ANSWER_MS / 1000} s`;
  return new SourceError(problem, { retryable: true, advice });
}
