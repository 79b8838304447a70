/** A log in a bucket of Cloud Storage, as a source: for buckets that are not public, and for what was just written. */

import { type ObjectSource, type ReadOptions, SourceError } from "../../lib/migrate/ports/source.ts";
import { HttpClient } from "../http/client.ts";
import { HttpSource, type HttpSourceOptions } from "../http/source.ts";
import { AbortWatch } from "../shared/abort-watch.ts";
import { once } from "../shared/memoize.ts";
import type { GcsAccess } from "./credentials.ts";
import { gcsError, noBucket } from "./error-messages.ts";
import { formatGcsName, type GcsPlace } from "./url.ts";

/** How a bucket is read; credentials come from the access. */
export type GcsSourceOptions = Omit<HttpSourceOptions, "authorization" | "contact">;

export class GcsSource implements ObjectSource {
  readonly location: string;
  readonly #place: GcsPlace;
  readonly #access: GcsAccess;
  readonly #ownClient: HttpClient | undefined;
  readonly #objects: HttpSource;
  readonly #buckets: HttpSource;
  readonly #aborts = new AbortWatch();

  constructor(place: GcsPlace, access: GcsAccess, options: GcsSourceOptions) {
    const client = options.client ?? new HttpClient(options);
    const withCredentials = { ...options, client, authorization: () => access.authorization() };
    const path = place.prefix.split("/").map(encodeURIComponent).join("/");
    this.location = formatGcsName(place);
    this.#place = place;
    this.#access = access;
    this.#ownClient = options.client === undefined ? client : undefined;
    // The XML API, whose answer to a request is the object and nothing else.
    this.#objects = new HttpSource(new URL(`${access.endpoint}/${place.bucket}/${path}`), withCredentials);
    this.#buckets = new HttpSource(new URL(`${access.endpoint}/storage/v1/b/?fields=name`), withCredentials);
  }

  locate(path: string): string {
    return formatGcsName(this.#place, path);
  }

  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    const found = await this.#withAdvice(this.#readObject(path, options));
    if (found === undefined) await this.#aborts.until(this.#requireBucket(), options.signal);
    return found;
  }

  async close(): Promise<void> {
    await this.#ownClient?.close();
  }

  async #readObject(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    try {
      return await this.#objects.read(path, options);
    } catch (error) {
      const isRefused = error instanceof SourceError && error.status === 401;
      if (isRefused && this.#access.discard()) return await this.#objects.read(path, options);
      throw error;
    }
  }

  async #withAdvice<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw error instanceof SourceError ? gcsError(error, this.#place) : error;
    }
  }

  /** An object that is missing from a bucket that is missing is another matter. Asked until it was answered. */
  #requireBucket = once(async () => {
    try {
      const found = await this.#buckets.read(this.#place.bucket, { maxBytes: 1 << 16 });
      if (found === undefined) throw noBucket(this.#place);
    } catch (error) {
      // Who may read objects need not be allowed to look at their bucket.
      if (!(error instanceof SourceError && error.status === 403)) throw error;
    }
  });
}
