/** A bucket of S3, or of a store that speaks its protocol, through the same requests as its objects. */

import type { StoredObject } from "../../lib/migrate/ports/target.ts";
import type { Bucket, BucketObjects, ObjectVersion } from "../bucket/bucket.ts";
import { requireConditionalWrites } from "../bucket/conditional-writes.ts";
import { pagedObjects } from "../bucket/listing.ts";
import type { ApiRequest } from "../bucket/requests.ts";
import { FirstContact } from "../bucket/retries.ts";
import type { S3Access } from "./access.ts";
import { notOfS3, pageIn } from "./answers.ts";
import { S3Objects, type S3Options } from "./objects.ts";

/** Of a thousand names that are as long as they may be. */
const MAX_PAGE_BYTES = 1 << 23;

export class S3Bucket extends S3Objects implements Bucket {
  readonly location: string;
  readonly #options: S3Options;

  constructor(access: S3Access, options: S3Options, signal?: AbortSignal) {
    super(access, options, signal, new FirstContact());
    this.#options = options;
    this.location = this.locate("");
  }

  until(signal: AbortSignal): Bucket {
    return new S3Bucket(this.access, this.#options, signal);
  }

  openObjects(signal?: AbortSignal): BucketObjects {
    return new S3Objects(this.access, this.#options, signal);
  }

  /** Of the stores that speak the protocol, some pass over conditions. */
  requireConditionalWrites(): Promise<void> {
    return requireConditionalWrites(this);
  }

  list(directory: string): AsyncIterable<StoredObject> {
    const { host, place } = this.access;
    return pagedObjects((token, isKnown) => {
      const path = this.access.listing({
        prefix: `${place.prefix}${directory}/`,
        ...(token !== undefined && { "continuation-token": token }),
      });
      const request: ApiRequest = { method: "GET", path, headers: [], maxBytes: MAX_PAGE_BYTES };
      return this.requests.call(this.locate(directory), request, [200], ({ body }) => {
        const page = pageIn(body, host, place.prefix);
        if (page.nextToken === undefined || !isKnown(page.nextToken)) return page;
        throw notOfS3(host, "its listing goes round in a circle");
      });
    });
  }

  /** Looks again before it removes: some stores pass over the condition, and there only an instant is left. */
  async remove(path: string, { version }: ObjectVersion): Promise<boolean> {
    const found = await this.stat(path);
    if (found === undefined) return true;
    if (found.version !== version) return false;
    const remove = (headers: string[]) => {
      const request = { method: "DELETE", path: this.access.target(path), headers } as const;
      return this.requests.call(
        this.locate(path),
        request,
        [200, 204, 404, 412, 501],
        ({ status }) => status,
      );
    };
    // Others do not know it.
    if ((await remove(["if-match", version])) === 501) await remove([]);
    return (await this.stat(path)) === undefined;
  }
}
