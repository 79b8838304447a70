/**
 * The objects of a log in Cloud Storage, as one thread writes and reads them: the hot path of a copy to a bucket. One
 * request an object, by the JSON API's multipart upload and the XML API's download, over undici. Measured: less than half
 * of the 890 µs of CPU time that Google's client library takes for an object of 256 KiB, its checksums left out.
 */

import { randomUUID } from "node:crypto";
import type { TargetRequest } from "../../lib/migrate/ports/backend.ts";
import { type BucketObjects, type ObjectVersion, storedHeaders } from "../bucket/bucket.ts";
import { type ApiAnswer, HttpClient } from "../http/client.ts";
import type { HttpRequest } from "../http/exchange.ts";
import { userAgent } from "../http/source.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { once } from "../shared/memoize.ts";
import type { GcsAccess } from "./credentials.ts";
import { answerError, patiently } from "./failures.ts";
import { GcsSource } from "./source.ts";
import { formatGcsName, type GcsPlace } from "./url.ts";

export type GcsObjectOptions = Pick<TargetRequest, "connections" | "retry" | "userAgentVersion">;

/** An upload over a slow line takes its time before any header can come. */
const TIMEOUTS = { headersMs: 300_000 };

type ApiRequest = Omit<HttpRequest, "origin">;

const BOUNDARY = randomUUID();
const TAIL = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);

// Only where it is needed: it is an addon, and every thread of a copy into a directory would load it.
const crc32 = once(() => import("@node-rs/crc32"));

export class GcsObjects implements BucketObjects {
  readonly #place: GcsPlace;
  readonly #access: GcsAccess;
  readonly #options: GcsObjectOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #client: HttpClient;
  readonly #reader: GcsSource;
  readonly #headers: readonly string[];

  /** @param signal breaks off requests that are under way, and waits between two of them. */
  constructor(place: GcsPlace, access: GcsAccess, options: GcsObjectOptions, signal?: AbortSignal) {
    const { connections, userAgentVersion } = options;
    this.#place = place;
    this.#access = access;
    this.#options = options;
    this.#signal = signal;
    this.#client = new HttpClient({ connections });
    // What is encoded is not what belongs there, whatever it decodes to: its size in a listing is another.
    const reading = { client: this.#client, connections, userAgentVersion, refusesGzip: true };
    this.#reader = new GcsSource(place, access, reading);
    this.#headers = ["user-agent", userAgent(options)];
  }

  /** Reads past every cache. */
  get(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const options = { maxBytes, fresh: true, ...(this.#signal && { signal: this.#signal }) };
    return this.#patiently(path, () => this.#reader.read(path, options));
  }

  async stat(path: string): Promise<ObjectVersion | undefined> {
    const target = `/storage/v1/b/${this.#place.bucket}/o/${this.#encoded(path)}?fields=generation,updated`;
    const answer = await this.#call(path, { method: "GET", path: target, headers: [] }, [200, 404]);
    if (answer.status === 404) return undefined;
    const { generation, updated } = JSON.parse(answer.body.toString("utf8")) as Record<string, unknown>;
    return { version: String(generation), storedAt: Date.parse(String(updated)) };
  }

  async put(path: string, bytes: Uint8Array, instead?: ObjectVersion): Promise<boolean> {
    const condition = `ifGenerationMatch=${instead?.version ?? 0}`;
    const query = `uploadType=multipart&name=${this.#encoded(path)}&${condition}&fields=generation`;
    const target = `/upload/storage/v1/b/${this.#place.bucket}/o?${query}`;
    const body = [Buffer.from(await metadata(path, bytes)), bytes, TAIL];
    const headers = ["content-type", `multipart/related; boundary=${BOUNDARY}`];
    const answer = await this.#call(path, { method: "POST", path: target, headers, body }, [200, 412]);
    return answer.status === 200;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #encoded(path: string): string {
    return encodeURIComponent(this.#place.prefix + path);
  }

  /** An answer of one of these statuses. */
  #call(path: string, request: ApiRequest, expected: readonly number[]): Promise<ApiAnswer> {
    return this.#patiently(path, () => this.#access.renewing(() => this.#send(request, expected)));
  }

  async #send(request: ApiRequest, expected: readonly number[]): Promise<ApiAnswer> {
    const { endpoint: origin, host } = this.#access;
    const signal = this.#signal;
    const authorization = await untilAborted(this.#access.authorization(), signal);
    const headers = [...request.headers, ...this.#headers, ...authorization];
    const answer = await this.#client.send({ ...request, origin, headers }, { signal, timeouts: TIMEOUTS });
    if (!expected.includes(answer.status)) throw answerError(answer, host, this.#place);
    return answer;
  }

  #patiently<T>(path: string, attempt: () => Promise<T>): Promise<T> {
    const limits = { retry: this.#options.retry, signal: this.#signal };
    return patiently(formatGcsName(this.#place, path), limits, attempt);
  }
}

/** The first part of an upload. Cloud Storage refuses the object if its bytes do not have this checksum. */
async function metadata(path: string, bytes: Uint8Array): Promise<string> {
  const { crc32c } = await crc32();
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32c(bytes));
  const headers = storedHeaders(path);
  const object = { ...headers, crc32c: checksum.toString("base64") };
  return (
    `--${BOUNDARY}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(object)}\r\n` +
    `--${BOUNDARY}\r\ncontent-type: ${headers.contentType}\r\n\r\n`
  );
}
