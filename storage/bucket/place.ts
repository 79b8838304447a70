/** The location of a log in an object store. */

import { UsageError } from "../../lib/errors.ts";
import { shownAddress } from "../../lib/tlog/shown-address.ts";

/** A bucket, and the prefix of the names of a log's objects there. */
export interface BucketPlace {
  /** Of its URLs: "gs" or "s3". */
  readonly scheme: string;
  readonly bucket: string;
  /** Empty, or ends with a slash. */
  readonly prefix: string;
}

/**
 * Names of 3 to 222 characters (https://cloud.google.com/storage/docs/buckets#naming). Those of S3 have at most 63, and
 * no underscores, but other stores that speak its protocol have other rules.
 */
const BUCKET_NAME = /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/;

/** Parses `scheme://bucket/prefix`. @throws UsageError if it is malformed. */
export function parseBucketUrl(url: URL): BucketPlace {
  const scheme = url.protocol.slice(0, -1);
  const wrong = (problem: string) =>
    new UsageError({
      object: shownAddress(url.href),
      problem,
      expected: `${scheme}://BUCKET or ${scheme}://BUCKET/PREFIX`,
    });
  if (url.username !== "" || url.password !== "" || url.port !== "" || url.search !== "" || url.hash !== "") {
    throw wrong("has more than a bucket and a prefix");
  }
  if (!BUCKET_NAME.test(url.hostname)) throw wrong("has no name that a bucket could have");
  const prefix = percentDecoded(url.pathname.slice(1), wrong).replace(/\/$/, "");
  const hasBadPart = prefix.split("/").some((part) => ["", ".", ".."].includes(part));
  if (prefix !== "" && hasBadPart) throw wrong("has a prefix with an empty or dotted part");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
  if (/[\u0000-\u001f\u007f]/.test(prefix)) throw wrong("has a control character in its prefix");
  return { scheme, bucket: url.hostname, prefix: prefix === "" ? "" : `${prefix}/` };
}

/** The URL of a place, or of an object in it, with special characters escaped. */
export function formatObjectName({ scheme, bucket, prefix }: BucketPlace, path = ""): string {
  return `${scheme}://${bucket}/${prefix.replaceAll(/[%?#]/g, encodeURIComponent)}${path}`;
}

function percentDecoded(path: string, wrong: (problem: string) => Error): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw wrong("is not percent-encoded as it must be");
  }
}
