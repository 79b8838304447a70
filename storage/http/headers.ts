/** What the headers of a response say. */

/** Names in lower case. A header that came more than once is an array, whatever it is. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Content-Length, which means nothing beside Transfer-Encoding (RFC 9112 §6.3). */
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
  return parseRetryAfter(value, parseHttpDate(firstOf(headers.date)?.trim() ?? "") ?? Date.now());
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
