/** Follows redirects to the actual location of a log's objects. */

import { SourceError } from "../../lib/migrate/ports/source.ts";
import { excerpt } from "../../lib/tlog/note.ts";
import { shownAddress } from "../../lib/tlog/shown-address.ts";
import { firstOf, type ResponseHeaders } from "./headers.ts";

/** Statuses that send a GET elsewhere (RFC 9110 §15.4). */
export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/**
 * The URL that a redirect leads to, without its credentials: they are not ours.
 * @throws SourceError if it names none, or one that must not be followed.
 */
export function redirectTarget(from: URL, headers: ResponseHeaders): URL {
  const location = firstOf(headers.location);
  if (location === undefined) throw otherRegion(from, headers) ?? notFollowed(from, "without saying where");
  const target = URL.parse(location, from);
  if (target === null) throw notFollowed(from, "to something that is not an address");
  target.username = "";
  target.password = "";
  if (target.protocol !== "https:" && target.protocol !== "http:") {
    throw notFollowed(from, `to ${excerpt(shownAddress(target.href))}, which is not HTTP`);
  }
  // Who can force a plain connection can read along and keep fresh objects back, signatures or not.
  if (from.protocol === "https:" && target.protocol === "http:") {
    throw notFollowed(from, `from https to plain http, at ${excerpt(shownAddress(target.href))}`);
  }
  return target;
}

function notFollowed(from: URL, where: string): SourceError {
  return new SourceError(`${from.host} redirects ${where}`, {
    retryable: false,
    advice: "Pass the log's actual address",
  });
}

/**
 * The failure of a redirect of S3's to another region, which has no address
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html).
 */
function otherRegion({ hostname }: URL, headers: ResponseHeaders): SourceError | undefined {
  const [region] = /^[a-z0-9-]{1,32}$/.exec(firstOf(headers["x-amz-bucket-region"]) ?? "") ?? [];
  if (region === undefined) return undefined;
  const [, bucket, domain] =
    /^((?:.+\.)?)s3(?:[.-][a-z0-9-]+)?\.(amazonaws\.com(?:\.cn)?)$/.exec(hostname) ?? [];
  const there = domain === undefined ? "" : `, at ${bucket}s3.${region}.${domain}`;
  return new SourceError(`${hostname} does not have the bucket: it is in the region ${region}`, {
    retryable: false,
    advice: `Give the bucket's address in that region${there}`,
  });
}

/** The place below which a base address redirects its objects. */
export interface RedirectedBase {
  readonly origin: string;
  /** Before an object's path. */
  readonly prefix: string;
}

/**
 * The place below which all objects are, if each is redirected as the object `path` was to `target`; undefined if that
 * does not follow, as where the query is a signature of one object that expires.
 */
export function redirectedBase(path: string, { origin, pathname, search }: URL): RedirectedBase | undefined {
  if (search !== "" || !pathname.endsWith(`/${path}`)) return undefined;
  return { origin, prefix: pathname.slice(0, -path.length) };
}
