/**
 * The objects of a log in Cloud Storage, as one thread writes and reads them: the hot path of a copy to a bucket. One
 * request an object, by the JSON API's multipart upload and the XML API's download, over undici. Measured: less than half
 * of the 890 µs of CPU time that Google's client library takes for an object of 256 KiB, its checksums left out.
 */

import { randomUUID } from "node:crypto";
import { type BucketObjects, type ObjectVersion, storedHeaders } from "../bucket/bucket.ts";
import { checksumOf } from "../bucket/checksum.ts";
import { type BucketPlace, formatObjectName } from "../bucket/place.ts";
import { type ApiRequest, type BucketOptions, ObjectRequests } from "../bucket/requests.ts";
import type { FirstContact } from "../bucket/retries.ts";
import type { ApiAnswer } from "../http/client.ts";
import type { ResponseHeaders } from "../http/headers.ts";
import { generationIn, notOfTheApi, parseAnswer, requireChecksum, versionIn } from "./answers.ts";
import type { GcsAccess } from "./credentials.ts";
import { answerError } from "./failures.ts";
import { GcsSource } from "./source.ts";

const BOUNDARY = randomUUID();
const TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);

export class GcsObjects implements BucketObjects {
  protected readonly place: BucketPlace;
  protected readonly access: GcsAccess;
  protected readonly requests: ObjectRequests;
  readonly #reader: GcsSource;
  readonly #signal: AbortSignal | undefined;

  /** @param signal breaks off requests that are under way, and waits between two of them. */
  constructor(
    place: BucketPlace,
    access: GcsAccess,
    options: BucketOptions,
    signal?: AbortSignal,
    contact?: FirstContact,
  ) {
    const { connections, userAgentVersion, decodes = false } = options;
    const { endpoint: origin, host } = access;
    this.place = place;
    this.access = access;
    this.#signal = signal;
    const service = {
      origin,
      authorization: () => access.authorization(),
      renewing: <T>(send: () => Promise<T>) => access.renewing(send),
      failure: (answer: ApiAnswer) => answerError(answer, host, place),
    };
    this.requests = new ObjectRequests(service, options, signal, contact);
    const reading = {
      client: this.requests.client,
      connections,
      userAgentVersion,
      ...(!decodes && { encodingOf: () => undefined }),
      requireIntact: (headers: ResponseHeaders, body: Uint8Array) => requireIntact(headers, body, host),
    };
    this.#reader = new GcsSource(place, access, reading);
  }

  /** What the operator calls an object. */
  locate(path: string): string {
    return formatObjectName(this.place, path);
  }

  /** Reads past every cache. */
  get(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const options = { maxBytes, fresh: true, ...(this.#signal && { signal: this.#signal }) };
    return this.requests.patiently(this.locate(path), () => this.#reader.read(path, options));
  }

  stat(path: string): Promise<ObjectVersion | undefined> {
    const { host } = this.access;
    const request: ApiRequest = {
      method: "GET",
      path: `${this.metadataOf(path)}?fields=generation,updated`,
      headers: [],
    };
    return this.requests.call(this.locate(path), request, [200, 404], ({ status, body }) =>
      status === 404 ? undefined : versionIn(parseAnswer(body, host), host),
    );
  }

  async put(path: string, bytes: Uint8Array, instead?: ObjectVersion): Promise<boolean> {
    const { host } = this.access;
    const condition = `ifGenerationMatch=${instead?.version ?? 0}`;
    const query = `uploadType=multipart&name=${this.#encoded(path)}&${condition}&fields=generation,crc32c`;
    const target = `/upload/storage/v1/b/${this.place.bucket}/o?${query}`;
    const crc32c = await checksumOf(bytes);
    const body = [Buffer.from(metadata(path, crc32c)), bytes, TAIL];
    const headers = ["content-type", `multipart/related; boundary=${BOUNDARY}`];
    const request: ApiRequest = { method: "POST", path: target, headers, body };
    return await this.requests.call(this.locate(path), request, [200, 412], (answer) => {
      if (answer.status === 412) return false;
      // A proxy's own page says nothing of the object.
      const stored = parseAnswer(answer.body, host);
      generationIn(stored, host);
      requireChecksum(stored, crc32c, host);
      return true;
    });
  }

  close(): Promise<void> {
    return this.requests.close();
  }

  /** The path of an object's metadata. */
  protected metadataOf(path: string): string {
    return `/storage/v1/b/${this.place.bucket}/o/${this.#encoded(path)}`;
  }

  #encoded(path: string): string {
    return encodeURIComponent(this.place.prefix + path);
  }
}

/**
 * The checksum is that of the bytes as they are stored, of which Cloud Storage sends others where it decodes them.
 * @throws SourceError
 */
async function requireIntact(headers: ResponseHeaders, body: Uint8Array, host: string): Promise<void> {
  const [, crc32c] = /(?:^|,)\s*crc32c=([^,]*)/.exec([headers["x-goog-hash"] ?? ""].flat().join(",")) ?? [];
  const stored = headers["x-goog-stored-content-encoding"] ?? "identity";
  const isAsStored = stored === (headers["content-encoding"] ?? "identity");
  if (crc32c === undefined || !isAsStored || crc32c === (await checksumOf(body))) return;
  throw notOfTheApi(host, "its bytes are not those of its checksum");
}

/** The first part of an upload. Cloud Storage refuses the object if its bytes do not have this checksum. */
function metadata(path: string, crc32c: string): string {
  const headers = storedHeaders(path);
  const object = { ...headers, crc32c };
  return (
    `--${BOUNDARY}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(object)}\r\n` +
    `--${BOUNDARY}\r\ncontent-type: ${headers.contentType}\r\n\r\n`
  );
}
