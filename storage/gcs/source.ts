/** A log in a bucket of Cloud Storage, as a source: for buckets that are not public, and for what was just written. */

import { type ObjectSource, type ReadOptions, SourceError } from "../../lib/migrate/ports/source.ts";
import { type BucketPlace, formatObjectName } from "../bucket/place.ts";
import { HttpClient } from "../http/client.ts";
import { HttpSource, type HttpSourceOptions } from "../http/source.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { once } from "../shared/memoize.ts";
import type { GcsAccess } from "./credentials.ts";
import { gcsError } from "./failures.ts";

/** How a bucket is read; credentials come from the access. */
export type GcsSourceOptions = Omit<HttpSourceOptions, "authorization" | "contact">;

export class GcsSource implements ObjectSource {
  readonly location: string;
  readonly #place: BucketPlace;
  readonly #access: GcsAccess;
  readonly #client: HttpClient;
  readonly #objects: HttpSource;
  readonly #buckets: HttpSource;

  /** @param options.client is closed with the source too. */
  constructor(place: BucketPlace, access: GcsAccess, options: GcsSourceOptions) {
    const client = options.client ?? new HttpClient(options);
    const withCredentials = { ...options, client, authorization: () => access.authorization() };
    const path = place.prefix.split("/").map(encodeURIComponent).join("/");
    this.location = formatObjectName(place);
    this.#place = place;
    this.#access = access;
    this.#client = client;
    // The XML API, whose answer to a request is the object and nothing else.
    this.#objects = new HttpSource(new URL(`${access.endpoint}/${place.bucket}/${path}`), withCredentials);
    this.#buckets = new HttpSource(new URL(`${access.endpoint}/storage/v1/b/?fields=name`), withCredentials);
  }

  locate(path: string): string {
    return formatObjectName(this.#place, path);
  }

  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    const found = await this.#readObject(path, options);
    if (found === undefined) await untilAborted(this.#requireBucket(), options.signal);
    return found;
  }

  closeIdle(): void {
    this.#client.closeIdle();
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #readObject(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    try {
      return await this.#access.renewing(() => this.#objects.read(path, options));
    } catch (error) {
      throw error instanceof SourceError ? gcsError(error, this.#place) : error;
    }
  }

  /** An object that is missing from a bucket that is missing is another matter. Asked until it was answered. */
  #requireBucket = once(async () => {
    const { bucket } = this.#place;
    try {
      if ((await this.#buckets.read(bucket, { maxBytes: 1 << 16 })) !== undefined) return;
    } catch (error) {
      // Credentials that may read objects need not allow to look at their bucket.
      if (error instanceof SourceError && error.status === 403) return;
      throw error;
    }
    const advice = "Check its name, or create it first";
    throw new SourceError(`there is no bucket ${bucket}`, { retryable: false, unreachable: true, advice });
  });
}
