/** `--contact`: how a log's operator can reach whoever reads the log. */

import { UsageError } from "../../lib/errors.ts";
import type { LogFormat } from "../../lib/tlog/layout.ts";

/**
 * Reads an e-mail address or an https URL. Its host has a name: an address or `localhost` leads nobody back here.
 * @throws UsageError
 */
export function contactAddress(text: string): string {
  const isMail = /^[^\s@/]+@[^\s@/:]+$/.test(text);
  const url = isMail || /^https:\/\//i.test(text) ? URL.parse(isMail ? `https://${text}` : text) : null;
  if (url === null || !/\.[a-z][\w-]*\.?$/i.test(url.hostname)) {
    throw notContact("Give your e-mail address, or the https URL of a page that says how to reach you.");
  }
  if (!/(^|\.)(localhost|example\.(com|net|org))\.?$/i.test(url.hostname)) return text;
  throw notContact("It is an example address: give your own.");
}

function notContact(problem: string): UsageError {
  return new UsageError({ object: "--contact", problem });
}

/**
 * Public Static CT logs slow down or block clients whose User-Agent names nobody: a copy would crawl, or stop
 * half-way, so it is not started.
 * @throws UsageError if a Static CT log is read over the network and there is no contact.
 */
export function requireContact(contact: unknown, { hostname }: URL, format: LogFormat): void {
  const isLocal = /^((.+\.)?localhost\.?|127\.[\d.]+|\[::1\])$/.test(hostname);
  if (format !== "static-ct" || contact !== undefined || isLocal) return;
  throw new UsageError({
    object: "--contact",
    problem: "is missing, and public Static CT logs slow down or block clients that name nobody to write to",
    advice: "Pass --contact with your e-mail address, or the https URL of a page that says how to reach you",
  });
}
