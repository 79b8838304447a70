/** The text in a response of HTTP/1.1 (RFC 9112), taken apart; what does not fit the grammar is refused. */

import type { ResponseHeaders } from "./headers.ts";
import { HttpError } from "./http-error.ts";

/** What is said of anything that does not begin as a response does. */
export const NO_STATUS_LINE = "no status line of HTTP/1";

/** The characters of a token (RFC 9110 section 5.6.2). */
const TCHAR = "[!#$%&'*+.^_`|~0-9A-Za-z-]";
const TOKEN = new RegExp(`^${TCHAR}+$`);

/**
 * A chunk's size and its extensions, which are passed over (RFC 9112 section 7.1.1). No blanks beside the size:
 * there are servers that pad it, but Node refuses that too. 12 digits: 2^48 bytes and more are no object's.
 */
const QUOTED = String.raw`"(?:[\t\x20!\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"`;
const CHUNK_LINE = new RegExp(`^0*([0-9A-Fa-f]{1,12})(?:;${TCHAR}+(?:=(?:${TCHAR}+|${QUOTED}))?)*$`);

/** The first line of a response. */
export function parseStatusLine(line: string): { status: number; minor: number } {
  const match = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(line);
  if (match === null) throw new HttpError("NOT_HTTP", NO_STATUS_LINE);
  return { minor: Number(match[1]), status: Number(match[2]) };
}

const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** Names in lower case; a header that comes more than once is an array. */
export function parseHeaders(lines: readonly string[]): ResponseHeaders {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    // A folded line begins with a blank, which no name does.
    if (!TOKEN.test(name)) throw new HttpError("NOT_HTTP", "a header without a name");
    const value = withoutBlanks(line, colon + 1);
    if (FORBIDDEN_IN_VALUE.test(value)) throw new HttpError("NOT_HTTP", "a header with a control character");
    const key = name.toLowerCase();
    const earlier = headers[key];
    if (Array.isArray(earlier)) earlier.push(value);
    else headers[key] = earlier === undefined ? value : [earlier, value];
  }
  return headers;
}

/** What stands in a line from `start` on without the blanks around it. */
function withoutBlanks(line: string, start: number): string {
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Content-Length. */
export function parseLength(value: string | string[]): number {
  if (typeof value !== "string" || !/^[0-9]{1,15}$/.test(value))
    throw new HttpError("NOT_HTTP", "a length that is no number");
  return Number(value);
}

/** The size in the line before a chunk. */
export function parseChunkSize(line: string): number {
  const digits = CHUNK_LINE.exec(line)?.[1];
  if (digits === undefined) throw new HttpError("NOT_HTTP", "a chunk whose size is no number");
  return Number.parseInt(digits, 16);
}

/** The members of a list, in lower case. */
export function listOf(header: string | string[] | undefined): string[] {
  if (header === undefined) return [];
  return [header]
    .flat()
    .join(",")
    .toLowerCase()
    .split(",")
    .map((token) => token.trim());
}
