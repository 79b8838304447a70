/**
 * A bucket of Cloud Storage through Google's client library: listings, claims and the lock, asked seldom and by the main
 * thread. The library is loaded when it is first used: that takes 0.2 s. Its own retrying is turned off: it waits for
 * minutes, tries again a name that does not exist, and waits for ever for an answer that does not come.
 */

import type { ApiError, File, Bucket as LibraryBucket } from "@google-cloud/storage";
import { LogError } from "../../lib/errors.ts";
import { SourceError, tooLarge } from "../../lib/migrate/ports/source.ts";
import type { ListOptions, StoredObject } from "../../lib/migrate/ports/target.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import {
  type Bucket,
  type BucketObjects,
  type ObjectVersion,
  storedHeaders,
  type VersionedObject,
} from "../bucket/bucket.ts";
import { checksumOf } from "../bucket/checksum.ts";
import { pagedObjects } from "../bucket/listing.ts";
import { type BucketPlace, formatObjectName } from "../bucket/place.ts";
import type { BucketOptions } from "../bucket/requests.ts";
import { FirstContact, patiently, SELDOM_TOTAL_MS } from "../bucket/retries.ts";
import { DEFAULT_TIMEOUTS } from "../http/client.ts";
import { networkError } from "../http/error-messages.ts";
import { statusError } from "../http/status-errors.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { once } from "../shared/memoize.ts";
import { withinTime } from "../shared/within-time.ts";
import { generationIn, notOfTheApi, pageIn, versionIn } from "./answers.ts";
import { GcsAccess } from "./credentials.ts";
import { gcsError } from "./failures.ts";
import { GcsObjects } from "./objects.ts";

/** How long an answer is waited for, each time that it is asked for. */
const ANSWER_MS = 30_000;

export class GcsBucket implements Bucket {
  readonly location: string;
  readonly #place: BucketPlace;
  readonly #options: BucketOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #access = new GcsAccess();
  readonly #contact = new FirstContact();

  constructor(place: BucketPlace, options: BucketOptions, signal?: AbortSignal) {
    this.location = formatObjectName(place);
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

  async requireConditionalWrites(): Promise<void> {}

  locate(path: string): string {
    return formatObjectName(this.#place, path);
  }

  list(directory: string, options?: ListOptions): AsyncIterable<StoredObject> {
    const { prefix } = this.#place;
    const { host } = this.#access;
    return pagedObjects(options, ({ after, upTo }, pageToken, isKnown) => {
      const query = {
        prefix: `${prefix}${directory}/`,
        fields: "items(name,size),nextPageToken",
        ...(after !== undefined && { startOffset: prefix + after }),
        ...(upTo !== undefined && { endOffset: prefix + upTo }),
        ...(pageToken === undefined ? {} : { pageToken }),
      };
      return this.#do(directory, async (bucket) => {
        const page = pageIn(await listPage(bucket, query), host, prefix);
        if (page.nextToken !== undefined && isKnown(page.nextToken)) {
          throw notOfTheApi(host, "its listing goes round in a circle");
        }
        const isAsked = ({ path }: StoredObject) =>
          (after === undefined || path >= after) && (upTo === undefined || path < upTo);
        if (page.objects.every(isAsked)) return page;
        throw notOfTheApi(host, "it lists names that were not asked for");
      });
    });
  }

  stat(path: string): Promise<ObjectVersion | undefined> {
    return this.#unless(404, path, async (file) => {
      const [metadata] = await file.getMetadata();
      return versionIn(metadata, this.#access.host);
    });
  }

  /**
   * Where the answer breaks off, Node warns of eleven listeners on one stream (MaxListenersExceededWarning): those of
   * teeny-request, retry-request and the library itself, on a stream of this one request. Nothing of ours is on it.
   */
  get(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return this.#unless(404, path, async (file) => {
      const [bytes] = await file.download({ validation: "crc32c", decompress: false });
      if (bytes.length > maxBytes) throw tooLarge(maxBytes, `${formatCount(bytes.length)} bytes`);
      return bytes;
    });
  }

  async getVersion(path: string, maxBytes: number): Promise<VersionedObject | undefined> {
    const version = await this.#unless(404, path, async (file) => {
      const [metadata] = await file.getMetadata();
      // The library holds all of it before it gives any.
      if (Number(metadata.size) > maxBytes)
        throw tooLarge(maxBytes, `${formatCount(Number(metadata.size))} bytes`);
      return versionIn(metadata, this.#access.host);
    });
    const bytes = version && (await this.get(path, maxBytes));
    return bytes && { ...version, bytes };
  }

  async put(path: string, bytes: Uint8Array, instead?: ObjectVersion): Promise<boolean> {
    const crc32c = await checksumOf(bytes);
    const options = {
      resumable: false,
      // By the library: it removes the object, whoever stored it, where the answer has another checksum.
      validation: false,
      preconditionOpts: { ifGenerationMatch: instead?.version ?? 0 },
      metadata: { ...storedHeaders(path), crc32c },
    } as const;
    const { host } = this.#access;
    const stored = await this.#unless(412, path, async (file) => {
      await file.save(Buffer.from(bytes), options);
      generationIn(file.metadata, host);
      if (file.metadata.crc32c === crc32c) return true;
      throw notOfTheApi(host, "it is about other bytes than were sent");
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
    const [signal, { retry, retried }] = [this.#signal, this.#options];
    const attempt = () => untilAborted(this.#ask(work), signal);
    return patiently(this.locate(path), { retry, retried, signal, totalMs: SELDOM_TOTAL_MS }, attempt);
  }

  async #ask<T>(work: (bucket: LibraryBucket) => Promise<T>): Promise<T> {
    // Asked for first, since the library has no clear words for credentials that it cannot find.
    await this.#access.authorization();
    const bucket = await this.#library();
    try {
      const answer = await withinTime(work(bucket), ANSWER_MS, noAnswer);
      this.#contact.wasMade = true;
      return answer;
    } catch (error) {
      const failure = this.#failure(error);
      throw failure instanceof SourceError ? this.#contact.classify(failure) : failure;
    }
  }

  /** A failure of the library's in our words, also one that an answer has caused which it did not expect. */
  #failure(error: unknown): unknown {
    if (!(error instanceof Error) || error instanceof LogError || error instanceof FormatError) return error;
    const { host } = this.#access;
    const status = statusOf(error);
    if (status !== undefined)
      return gcsError(statusError({ status, headers: {} }, host), this.#place, error.message);
    const isOfLibrary = "code" in error || error instanceof SourceError;
    if (!isOfLibrary) return notOfTheApi(host, error.message);
    return networkError(error, { host, timeouts: DEFAULT_TIMEOUTS }, false);
  }
}

/** As `getFiles` asks for it, which ends the process at a list that it does not expect. */
function listPage(bucket: LibraryBucket, qs: Readonly<Record<string, string>>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    bucket.request({ uri: "/o", qs }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
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
