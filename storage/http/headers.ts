/** Reads the headers of a response. */

import type { StatedLimit } from "../../lib/migrate/ports/backend.ts";

/** Headers by name in lower case. A header that occurs more than once is an array, even if it must be unique. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Content-Length, which means nothing next to Transfer-Encoding (RFC 9112 §6.3). */
export function announcedLength(headers: ResponseHeaders): number | undefined {
  const length = firstOf(headers["content-length"]);
  if (length === undefined || headers["transfer-encoding"] !== undefined) return undefined;
  return /^[0-9]{1,15}$/.test(length) ? Number(length) : undefined;
}

/**
 * The codings of a body, in order and in lower case. Several headers mean the same as one list (RFC 9110 §5.3).
 * aws-chunked is none: S3 takes uploads in it, and some software stores the header with the object by mistake
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html).
 */
export function contentCodings(headers: ResponseHeaders): string[] {
  const encoding = headers["content-encoding"];
  if (encoding === undefined) return [];
  const codings = [encoding].flat().join(",").toLowerCase().split(",");
  return codings.map((coding) => coding.trim()).filter((coding) => !NO_CODINGS.includes(coding));
}

const NO_CODINGS = ["", "identity", "aws-chunked"];

/** Milliseconds until a request may be sent again, where the server says so: by its own clock, if it has one. */
export function retryAfterMs(headers: ResponseHeaders): number | undefined {
  const value = firstOf(headers["retry-after"]);
  if (value === undefined) return undefined;
  return parseRetryAfter(value, timeOf(headers) ?? Date.now());
}

/** The server's own clock, in milliseconds since the epoch. */
function timeOf({ date }: ResponseHeaders): number | undefined {
  return parseHttpDate(firstOf(date)?.trim() ?? "");
}

/** A window that is longer than every month is a mistake, and would slow a run down for good. */
const MAX_WINDOW_SECONDS = 31 * 86_400;

const SECONDS_OF: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 };

/**
 * The limit on requests that a server states, the lowest of several; undefined if it states none:
 * RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10), RateLimit-Limit of earlier drafts, X-RateLimit-Limit with
 * its reset, or for each unit of time as gateways have it.
 */
export function statedLimit(headers: ResponseHeaders, nowMs = Date.now()): StatedLimit | undefined {
  let lowest: StatedLimit | undefined;
  const add = (count: string | undefined, seconds: number): void => {
    const requests = /^\d{1,15}$/.test(count ?? "") ? Number(count) : 0;
    if (requests === 0 || seconds <= 0 || seconds > MAX_WINDOW_SECONDS) return;
    if (lowest === undefined || requests / seconds < lowest.requests / lowest.seconds)
      lowest = { requests, seconds };
  };
  for (const policy of listed(headers["ratelimit-policy"])) {
    const [, window = "0"] = /;\s*w=(\d{1,9})\b/.exec(policy) ?? [];
    const isOfRequests = !policy.includes(";qu=") || /;qu="?requests"?/.test(policy);
    if (isOfRequests) add(/;\s*q=(\d+)/.exec(policy)?.[1] ?? /^\d+/.exec(policy)?.[0], Number(window));
  }
  for (const limit of listed(headers["ratelimit-limit"])) {
    const [, requests, window = "0"] = /^(\d+)\s*;.*?w=(\d{1,9})\b/.exec(limit) ?? [];
    add(requests, Number(window));
  }
  const secondsLeft = secondsUntil(Number(firstOf(headers["x-ratelimit-reset"])), timeOf(headers) ?? nowMs);
  if (secondsLeft >= 1) add(firstOf(headers["x-ratelimit-limit"])?.trim(), secondsLeft);
  for (const [unit, seconds] of Object.entries(SECONDS_OF)) {
    add(firstOf(headers[`x-ratelimit-limit-${unit}`])?.trim(), seconds);
  }
  return lowest;
}

/** @param reset seconds from now, or a time of day in seconds or milliseconds since the epoch. */
function secondsUntil(reset: number, nowMs: number): number {
  if (reset < 1e9) return reset;
  return (reset < 1e11 ? reset : reset / 1000) - nowMs / 1000;
}

/** The members of a header that is a list. */
function listed(header: string | string[] | undefined): string[] {
  return header === undefined
    ? []
    : [header]
        .flat()
        .join(",")
        .split(",")
        .map((member) => member.trim());
}

/** Milliseconds from `nowMs`: the value is a count of seconds or an HTTP-date (RFC 9110 §10.2.3), else undefined. */
export function parseRetryAfter(value: string, nowMs: number): number | undefined {
  const text = value.trim();
  if (/^\d+$/.test(text)) {
    const milliseconds = Number(text) * 1000;
    return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
  }
  const date = parseHttpDate(text);
  return date === undefined ? undefined : Math.max(0, date - nowMs);
}

/** The three forms of RFC 9110 §5.6.7. The weekday is asked for since Date.parse alone takes nearly anything. */
function parseHttpDate(text: string): number | undefined {
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return undefined;
  // asctime() carries no zone, and means UTC where Date.parse would take local time.
  const date = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(date) ? undefined : date;
}

/** The value of an Authorization header. */
export function basicCredentials(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}

/** Of a header that can have one value only, the first that came. */
export function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
