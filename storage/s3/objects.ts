/**
 * The objects of a log in S3, as one thread writes and reads them: the hot path of a copy to a bucket. One request an
 * object, over undici. Measured with versitygw, in µs of CPU time an upload: of 256 KiB 300, 450 where the body is
 * signed; of 8 KiB 140 each time. `@aws-sdk/client-s3` takes 1,770 and 930. Over TLS as much as where the body is signed.
 */

import {
  type BucketObjects,
  type ObjectVersion,
  type StoredHeaders,
  storedHeaders,
} from "../bucket/bucket.ts";
import { checksumOf } from "../bucket/checksum.ts";
import { formatObjectName } from "../bucket/place.ts";
import { type ApiRequest, type BucketOptions, ObjectRequests } from "../bucket/requests.ts";
import type { FirstContact } from "../bucket/retries.ts";
import type { ApiAnswer } from "../http/client.ts";
import type { S3Access } from "./access.ts";
import { etagIn, notOfS3, versionIn } from "./answers.ts";
import { failureIn, S3Source } from "./source.ts";

export interface S3Options extends BucketOptions {
  /** How objects are stored. Default: as Tessera does. */
  readonly headers?: (path: string) => StoredHeaders;
}

export class S3Objects implements BucketObjects {
  protected readonly access: S3Access;
  protected readonly requests: ObjectRequests;
  readonly #reader: S3Source;
  readonly #headers: NonNullable<S3Options["headers"]>;
  readonly #signal: AbortSignal | undefined;

  /** @param signal breaks off requests that are under way, and waits between two of them. */
  constructor(access: S3Access, options: S3Options, signal?: AbortSignal, contact?: FirstContact) {
    const { connections, userAgentVersion, decodes = false, headers = storedHeaders } = options;
    this.access = access;
    this.#headers = headers;
    this.#signal = signal;
    this.requests = new ObjectRequests(access, options, signal, contact);
    const reading = {
      client: this.requests.client,
      connections,
      userAgentVersion,
      ...(!decodes && { encodingOf: (path: string) => headers(path).contentEncoding }),
    };
    this.#reader = new S3Source(access, reading);
  }

  /** What the operator calls an object. */
  locate(path: string): string {
    return formatObjectName(this.access.place, path);
  }

  /** Reads past every cache. */
  async get(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    let gzip: Uint8Array | undefined;
    const onGzip = (stored: Uint8Array | undefined): void => {
      gzip = stored;
    };
    const options = { maxBytes, fresh: true, onGzip, ...(this.#signal && { signal: this.#signal }) };
    const bytes = await this.requests.patiently(this.locate(path), () => this.#reader.read(path, options));
    return bytes && this.#headers(path).contentEncoding === "gzip" ? gzip : bytes;
  }

  /** Asks for a byte of it: a failure of HEAD would have no body that says why. */
  async stat(path: string): Promise<ObjectVersion | undefined> {
    const found = await this.#look(path, ["range", "bytes=0-0"]);
    // An empty object does not have that byte.
    const whole = found === "out of range" ? await this.#look(path, []) : found;
    return whole === "out of range" ? undefined : whole;
  }

  async put(path: string, bytes: Uint8Array, instead?: ObjectVersion): Promise<boolean> {
    const { contentType, cacheControl, contentEncoding } = this.#headers(path);
    const checksum = await checksumOf(bytes);
    const headers = ["content-type", contentType, "x-amz-checksum-crc32c", checksum];
    if (cacheControl !== undefined) headers.push("cache-control", cacheControl);
    if (contentEncoding !== undefined) headers.push("content-encoding", contentEncoding);
    headers.push(...(instead === undefined ? ["if-none-match", "*"] : ["if-match", instead.version]));
    const request = { method: "PUT", path: this.access.target(path), headers, body: [bytes] } as const;
    return await this.requests.call(this.locate(path), request, [200, 404, 412], (answer) => {
      if (answer.status === 412) return false;
      if (answer.status === 404) return this.missing(answer) ?? false;
      this.#requireStored(answer, checksum);
      return true;
    });
  }

  close(): Promise<void> {
    return this.requests.close();
  }

  #look(path: string, headers: string[]): Promise<ObjectVersion | "out of range" | undefined> {
    const request: ApiRequest = { method: "GET", path: this.access.target(path), headers };
    return this.requests.call(this.locate(path), request, [200, 206, 404, 416], (answer) => {
      if (answer.status === 416) return "out of range";
      return answer.status === 404 ? this.missing(answer) : versionIn(answer.headers, this.access.host);
    });
  }

  /** @throws SourceError unless the answer says that there is no such object. */
  protected missing(answer: ApiAnswer): undefined {
    const failure = failureIn(answer, this.access);
    if (failure !== undefined) throw failure;
  }

  /** A proxy's own page says nothing of the object. @throws SourceError */
  #requireStored({ headers, body }: ApiAnswer, checksum: string): void {
    const { host } = this.access;
    etagIn(headers, host);
    if (body.length > 0) throw notOfS3(host, "it has a body where there is nothing to say");
    const { "x-amz-checksum-crc32c": found = checksum } = headers;
    if (found !== checksum) throw notOfS3(host, "it is about other bytes than were sent");
  }
}
