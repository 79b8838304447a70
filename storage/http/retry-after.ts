/**
 * What a server asks for by Retry-After (RFC 9110 §10.2.3): public logs answer 429 and 503 with either form.
 */

/**
 * Milliseconds from `nowMs` (as of `Date.now()`) until a request may be sent again, 0 for a date in the past.
 * Undefined for a value that is neither a count of seconds nor an HTTP-date.
 */
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
