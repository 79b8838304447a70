/** Whether a log's operator could write to whoever reads it. */

import { BlockList, isIP } from "node:net";
import { type LogFormat, UsageError } from "../../lib/index.ts";

/** The options that it depends on. */
export interface ContactOptions {
  readonly format: LogFormat;
  readonly contact?: string | undefined;
}

const LOOPBACK = addresses(["127.0.0.0", 8], ["::1", 128]);

/** What nobody outside can reach (IANA's registries of special-purpose addresses: "globally reachable" is false). */
const PRIVATE = addresses(
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["::", 128],
  ["fc00::", 7],
  ["fe80::", 10],
);

/**
 * Public Static CT logs slow down or block clients whose User-Agent names nobody: a copy from there would crawl,
 * or stop half-way, so it is not begun. A log on this machine or in Cloud Storage is read without asking anybody.
 * @throws UsageError if a Static CT log is read over the network and there is no contact.
 */
export function requireContact({ format, contact }: ContactOptions, source: string): void {
  if (format !== "static-ct" || !isOverNetwork(source)) return;
  const fault = contact === undefined ? "missing" : contactFault(contact);
  if (fault === undefined) return;
  throw new UsageError({
    object: contact === undefined ? "--contact" : `--contact ${contact}`,
    problem: `is ${fault}, and public Static CT logs slow down or block clients that name nobody to write to`,
    advice: "Pass --contact with your e-mail address, or the https URL of a page that tells how to reach you",
  });
}

/** What a contact is, in words, if it counts as none; undefined if it may reach somebody. */
export function contactFault(contact: string): string | undefined {
  const url = urlOfContact(contact);
  return url === undefined ? "neither an e-mail address nor an https URL" : urlFault(url);
}

/** Where a log is read without a contact too: a sentence about one that looks right and reaches nobody. */
export function contactWarning(contact: string): string | undefined {
  const url = urlOfContact(contact);
  const fault = url && urlFault(url);
  return fault && `--contact ${contact} is ${fault}: public logs count that as no contact`;
}

function urlFault(url: URL): string | undefined {
  const host = hostOf(url);
  if (isLoopback(host)) return "an address on your own machine";
  if (isPrivate(host)) return "an address in a private network";
  if (/(^|\.)example\.(com|net|org)$/.test(host)) return "an example address";
  return url.protocol === "https:" ? undefined : "an http URL, not an https one";
}

function isOverNetwork(source: string): boolean {
  const url = httpUrl(source);
  return url !== undefined && !isLoopback(hostOf(url));
}

/** What a contact leads to: for an e-mail address, its domain. Mail finds its way to a domain alone, and that has a dot. */
function urlOfContact(contact: string): URL | undefined {
  const [, domain] = /^[^\s@]+@((?:[\w-]+\.)+[\w-]+|localhost)\.?$/i.exec(contact) ?? [];
  return httpUrl(domain === undefined ? contact : `https://${domain}`);
}

/** An HTTP URL; undefined for anything else. */
function httpUrl(text: string): URL | undefined {
  return (/^https?:\/\//i.test(text) ? URL.parse(text) : null) ?? undefined;
}

/** The host of a URL, in lower case and with IP addresses in their usual form. */
function hostOf(url: URL): string {
  return url.hostname.replace(/\.$/, "");
}

/** `localhost` and the names below it (RFC 6761 §6.3), 127.0.0.0/8, ::1. */
function isLoopback(host: string): boolean {
  return /^(.+\.)?localhost$/.test(host) || isListed(LOOPBACK, host);
}

function isPrivate(host: string): boolean {
  return isListed(PRIVATE, host);
}

/** Whether a host is an IP address that a list has, also one of IPv4 that is written as one of IPv6. */
function isListed(list: BlockList, host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
}

function addresses(...subnets: readonly (readonly [address: string, prefix: number])[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of subnets)
    list.addSubnet(address, prefix, isIP(address) === 4 ? "ipv4" : "ipv6");
  return list;
}
