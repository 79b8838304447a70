/** A bucket of Cloud Storage, through the same requests as its objects. */

import type { StoredObject } from "../../lib/migrate/ports/target.ts";
import type { Bucket, BucketObjects, ObjectVersion } from "../bucket/bucket.ts";
import { pagedObjects } from "../bucket/listing.ts";
import type { BucketPlace } from "../bucket/place.ts";
import type { ApiRequest, BucketOptions } from "../bucket/requests.ts";
import { FirstContact } from "../bucket/retries.ts";
import { notOfTheApi, pageIn, parseAnswer } from "./answers.ts";
import type { GcsAccess } from "./credentials.ts";
import { GcsObjects } from "./objects.ts";

/** Of a thousand names that are as long as they may be. */
const MAX_PAGE_BYTES = 1 << 23;

export class GcsBucket extends GcsObjects implements Bucket {
  readonly location: string;
  readonly #options: BucketOptions;

  constructor(place: BucketPlace, access: GcsAccess, options: BucketOptions, signal?: AbortSignal) {
    super(place, access, options, signal, new FirstContact());
    this.#options = options;
    this.location = this.locate("");
  }

  until(signal: AbortSignal): Bucket {
    return new GcsBucket(this.place, this.access, this.#options, signal);
  }

  openObjects(signal?: AbortSignal): BucketObjects {
    return new GcsObjects(this.place, this.access, this.#options, signal);
  }

  async requireConditionalWrites(): Promise<void> {}

  list(directory: string): AsyncIterable<StoredObject> {
    const { bucket, prefix } = this.place;
    const { host } = this.access;
    return pagedObjects((pageToken, isKnown) => {
      const query = new URLSearchParams({
        prefix: `${prefix}${directory}/`,
        fields: "items(name,size),nextPageToken",
        ...(pageToken !== undefined && { pageToken }),
      });
      const path = `/storage/v1/b/${bucket}/o?${query}`;
      const request: ApiRequest = { method: "GET", path, headers: [], maxBytes: MAX_PAGE_BYTES };
      return this.requests.call(this.locate(directory), request, [200], ({ body }) => {
        const page = pageIn(parseAnswer(body, host), host, prefix);
        if (page.nextToken === undefined || !isKnown(page.nextToken)) return page;
        throw notOfTheApi(host, "its listing goes round in a circle");
      });
    });
  }

  async remove(path: string, { version }: ObjectVersion): Promise<boolean> {
    const target = `${this.metadataOf(path)}?ifGenerationMatch=${version}`;
    const request: ApiRequest = { method: "DELETE", path: target, headers: [] };
    const status = await this.requests.call(
      this.locate(path),
      request,
      [200, 204, 404, 412],
      (answer) => answer.status,
    );
    // Another version may be there, or none: a request whose answer got lost was sent again.
    return status !== 412 || (await this.stat(path)) === undefined;
  }
}
