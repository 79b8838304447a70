/** Where an HTTP redirect leads (RFC 9110 §15.4), and which redirects are not followed. */

import { SourceError } from "../../lib/migrate/ports/source.ts";
import { oneLine } from "../../lib/tlog/errors.ts";

/** Statuses that send a GET elsewhere. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/**
 * The URL that `location` names, seen from `from`, without its credentials: what a server hands out is not
 * ours to authenticate with.
 * @throws SourceError if it names none, or one that must not be followed.
 */
export function redirectTarget(from: URL, location: string | undefined): URL {
  const target = location === undefined ? null : URL.parse(location, from);
  if (target === null) {
    throw notFollowed(
      from,
      location === undefined ? "without saying where" : "to something that is no address",
    );
  }
  target.username = "";
  target.password = "";
  if (target.protocol !== "https:" && target.protocol !== "http:") {
    throw notFollowed(from, `to ${printable(target)}, which is not HTTP`);
  }
  // Who can force a plain connection can read along and keep fresh objects back, signatures or not.
  if (from.protocol === "https:" && target.protocol === "http:") {
    throw notFollowed(from, `from https to plain http, at ${printable(target)}`);
  }
  return target;
}

/** For messages: a URL without credentials or query, either of which may be a secret. */
export function printable(url: URL): string {
  return oneLine(`${url.protocol}//${url.host}${url.pathname}`);
}

function notFollowed(from: URL, whither: string): SourceError {
  return new SourceError(`${from.host} redirects ${whither}`, {
    retryable: false,
    advice: "Give the address at which the log really is",
  });
}
