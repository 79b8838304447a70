/** A bucket of S3, or of a store that speaks its protocol, through the same requests as its objects. */

import { tooLarge } from "../../lib/migrate/ports/source.ts";
import type { ListOptions, StoredObject } from "../../lib/migrate/ports/target.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import type { Bucket, BucketObjects, ObjectVersion, VersionedObject } from "../bucket/bucket.ts";
import { requireConditionalWrites } from "../bucket/conditional-writes.ts";
import { type ListPage, type NameRange, pagedObjects } from "../bucket/listing.ts";
import type { ApiRequest } from "../bucket/requests.ts";
import { FirstContact } from "../bucket/retries.ts";
import type { S3Access } from "./access.ts";
import { notOfS3, pageIn, versionIn } from "./answers.ts";
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

  list(directory: string, options?: ListOptions): AsyncIterable<StoredObject> {
    const { host, place } = this.access;
    return pagedObjects(options, (range, token, isKnown) => {
      const path = this.access.listing({
        prefix: `${place.prefix}${directory}/`,
        ...(range.after !== undefined && { "start-after": place.prefix + range.after }),
        ...(token !== undefined && { "continuation-token": token }),
      });
      const request: ApiRequest = { method: "GET", path, headers: [], maxBytes: MAX_PAGE_BYTES };
      return this.requests.call(this.locate(directory), request, [200], ({ body }) => {
        const page = pageIn(body, host, place.prefix);
        if (page.nextToken !== undefined && isKnown(page.nextToken)) {
          throw notOfS3(host, "its listing goes round in a circle");
        }
        return cutOff(page, range, host);
      });
    });
  }

  /** In one request, whose answer has both. */
  getVersion(path: string, maxBytes: number): Promise<VersionedObject | undefined> {
    const target = this.access.target(path);
    const request: ApiRequest = { method: "GET", path: target, headers: [], maxBytes, tooLarge };
    return this.requests.call(this.locate(path), request, [200, 404], (answer) => {
      if (answer.status === 404) return this.missing(answer);
      const { "content-encoding": encoding } = answer.headers;
      if (encoding !== undefined) throw new FormatError("is encoded", "no Content-Encoding", `${encoding}`);
      return { ...versionIn(answer.headers, this.access.host), bytes: answer.body };
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

/** What of a page is in a range: a request to S3 says where a listing begins, and cannot say where it ends. @throws SourceError */
function cutOff(page: ListPage, { after, upTo }: NameRange, host: string): ListPage {
  if (after !== undefined && page.objects.some(({ path }) => path <= after)) {
    throw notOfS3(host, "it lists names that were not asked for: perhaps the store ignores start-after");
  }
  if (upTo === undefined) return page;
  const end = page.objects.findIndex(({ path }) => path > upTo);
  if (end === -1) return page;
  if (page.objects.slice(end).every(({ path }) => path > upTo)) {
    return { objects: page.objects.slice(0, end), nextToken: undefined };
  }
  throw notOfS3(host, "its listing is not in the order of the names");
}
