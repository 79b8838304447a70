/**
 * What the headers of a response say. A header that came more than once is an array, whatever it is, so that
 * none may be taken for a string.
 */

import { parseRetryAfter } from "./retry-after.ts";

/** Names in lower case. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Content-Length, which means nothing beside Transfer-Encoding (RFC 9112 §6.3). */
export function announcedLength(headers: ResponseHeaders): number | undefined {
  const length = first(headers["content-length"]);
  return length === undefined || headers["transfer-encoding"] !== undefined ? undefined : Number(length);
}

/**
 * The codings that a body went through, in order and in lower case, without those that change nothing. Several
 * Content-Encoding headers mean the same as one list (RFC 9110 §5.3).
 */
export function contentCodings(headers: ResponseHeaders): string[] {
  const encoding = headers["content-encoding"];
  if (encoding === undefined) return [];
  const codings = [encoding].flat().join(",").toLowerCase().split(",");
  return codings.map((coding) => coding.trim()).filter((coding) => coding !== "" && coding !== "identity");
}

/** Where a redirect leads. */
export function redirectLocation(headers: ResponseHeaders): string | undefined {
  return first(headers.location);
}

/** Milliseconds until a request may be sent again, where the server says so. */
export function retryAfterMs(headers: ResponseHeaders): number | undefined {
  const value = first(headers["retry-after"]);
  return value === undefined ? undefined : parseRetryAfter(value, Date.now());
}

/** Of a header that can have one value only, the first that came. */
function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
