/** A log in a bucket of Cloud Storage, as a source: for buckets that are not public, and for what was just written. */

import { type ObjectSource, type ReadOptions, SourceError } from "../../lib/migrate/ports/source.ts";
import { HttpClient } from "../http/client.ts";
import { HttpSource, type HttpSourceOptions } from "../http/source.ts";
import { untilAborted } from "../shared/abort-watch.ts";
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
  readonly #client: HttpClient;
  readonly #objects: HttpSource;
  readonly #buckets: HttpSource;

  /** @param options.client is closed with the source too. */
  constructor(place: GcsPlace, access: GcsAccess, options: GcsSourceOptions) {
    const client = options.client ?? new HttpClient(options);
    const withCredentials = { ...options, client, authorization: () => access.authorization() };
    const path = place.prefix.split("/").map(encodeURIComponent).join("/");
    this.location = formatGcsName(place);
    this.#place = place;
    this.#access = access;
    this.#client = client;
    // The XML API, whose answer to a request is the object and nothing else.
    this.#objects = new HttpSource(new URL(`${access.endpoint}/${place.bucket}/${path}`), withCredentials);
    this.#buckets = new HttpSource(new URL(`${access.endpoint}/storage/v1/b/?fields=name`), withCredentials);
  }

  locate(path: string): string {
    return formatGcsName(this.#place, path);
  }

  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    const found = await this.#readObject(path, options, true);
    if (found === undefined) await untilAborted(this.#requireBucket(), options.signal);
    return found;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #readObject(
    path: string,
    options: ReadOptions,
    mayDiscard: boolean,
  ): Promise<Uint8Array | undefined> {
    try {
      return await this.#objects.read(path, options);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const isRefused = error.status === 401 && mayDiscard && this.#access.discard();
      if (isRefused) return await this.#readObject(path, options, false);
      throw gcsError(error, this.#place);
    }
  }

  /** An object that is missing from a bucket that is missing is another matter. Asked until it was answered. */
  #requireBucket = once(async () => {
    try {
      const found = await this.#buckets.read(this.#place.bucket, { maxBytes: 1 << 16 });
      if (found === undefined) throw noBucket(this.#place);
    } catch (error) {
      // Credentials that may read objects need not allow to look at their bucket.
      if (!(error instanceof SourceError && error.status === 403)) throw error;
    }
  });
}
