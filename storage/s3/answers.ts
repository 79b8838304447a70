/** Answers of S3. A proxy in between may answer in its place, so every field is checked. */

import type { SourceError } from "../../lib/migrate/ports/source.ts";
import type { StoredObject } from "../../lib/migrate/ports/target.ts";
import { attempt } from "../../lib/tlog/errors.ts";
import type { ObjectVersion } from "../bucket/bucket.ts";
import { foreignAnswer } from "../bucket/foreign-answer.ts";
import type { ListPage } from "../bucket/listing.ts";
import type { ResponseHeaders } from "../http/headers.ts";
import { parseXml, textIn, type XmlElement } from "./xml.ts";

/** S3's error document for a failed request. */
export interface S3Error {
  /** As in https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. */
  readonly code: string;
  readonly message: string;
  /** Where the bucket is, if it is elsewhere. */
  readonly region: string | undefined;
}

/** Undefined of a body that is not S3's. */
export function errorIn(body: Buffer): S3Error | undefined {
  const error = documentIn(body, "Error");
  const code = error && textIn(error, "Code")?.trim();
  if (error === undefined || code === undefined || !/^\w{1,100}$/.test(code)) return undefined;
  return { code, message: textIn(error, "Message")?.trim() ?? "", region: textIn(error, "Region")?.trim() };
}

/** A page of a listing below a prefix, which the paths then lack. @throws SourceError */
export function pageIn(body: Buffer, host: string, prefix: string): ListPage {
  const page = documentIn(body, "ListBucketResult");
  if (page === undefined) throw notOfS3(host, "it is not a list of objects");
  const isTruncated = textIn(page, "IsTruncated");
  const nextToken = isTruncated === "true" ? textIn(page, "NextContinuationToken") : undefined;
  if (!(isTruncated === "false" || (isTruncated === "true" && nextToken))) {
    throw notOfS3(host, "it does not say where the listing goes on, or that it ends");
  }
  const objects = page.children
    .filter(({ name }) => name === "Contents")
    .map((item): StoredObject => {
      const [key, size] = [textIn(item, "Key"), textIn(item, "Size")];
      if (key === undefined || !key.startsWith(prefix) || size === undefined || !/^\d{1,15}$/.test(size)) {
        throw notOfS3(host, "it lists something that is not an object below the prefix");
      }
      return { path: key.slice(prefix.length), bytes: Number(size) };
    });
  return { objects, nextToken };
}

/** Which version an object has, and since when. @throws SourceError */
export function versionIn(headers: ResponseHeaders, host: string): ObjectVersion {
  const { "last-modified": lastModified } = headers;
  const storedAt = typeof lastModified === "string" ? Date.parse(lastModified) : Number.NaN;
  if (Number.isNaN(storedAt)) throw notOfS3(host, "it does not say when the object was stored");
  return { version: etagIn(headers, host), storedAt };
}

/** @throws SourceError if there is none that a condition could name. */
export function etagIn({ etag }: ResponseHeaders, host: string): string {
  // A weak one belongs to what somebody on the way has made of the object.
  if (typeof etag === "string" && /^[\x21\x23-\x7e]{1,200}$|^"[\x21\x23-\x7e]{1,200}"$/.test(etag))
    return etag;
  throw notOfS3(host, "it does not say which version the object has");
}

/** An answer that somebody else may have given. */
export function notOfS3(host: string, why: string): SourceError {
  return foreignAnswer(host, "S3", why);
}

function documentIn(body: Buffer, name: string): XmlElement | undefined {
  const root = attempt(() => parseXml(body.toString("utf8")));
  return root?.name === name ? root : undefined;
}
