/** Whether a log's operator could write to whoever reads it. */

import { type LogFormat, UsageFailure } from "../lib/index.ts";

/** The options that it depends on. */
export interface ContactOptions {
  readonly format: LogFormat;
  readonly contact?: string | undefined;
}

/**
 * Public Static CT logs slow down or block clients whose User-Agent names nobody: a copy from there would crawl,
 * or stop half-way, so it is not begun. A log on this machine or in Cloud Storage is read without asking anybody.
 * @throws UsageFailure if a Static CT log is read over the network and there is no contact.
 */
export function requireContact({ format, contact }: ContactOptions, source: string): void {
  if (format !== "static-ct" || !isOverNetwork(source)) return;
  const fault = contact === undefined ? "missing" : contactFault(contact);
  if (fault === undefined) return;
  throw new UsageFailure({
    object: contact === undefined ? "--contact" : `--contact ${contact}`,
    problem: `is ${fault}, and public Static CT logs slow down or block clients that name nobody to write to`,
    advice: "Pass --contact with your e-mail address, or the https URL of a page that tells how to reach you",
  });
}

/** What a contact is, in words, if it counts as none; undefined if it may reach somebody. */
export function contactFault(contact: string): string | undefined {
  const host = hostOfContact(contact);
  return host === undefined ? "neither an e-mail address nor an http(s) URL" : hostFault(host);
}

/** Where a log is read without a contact too: a sentence about one that looks right and reaches nobody. */
export function contactWarning(contact: string): string | undefined {
  const host = hostOfContact(contact);
  const fault = host === undefined ? undefined : hostFault(host);
  return fault && `--contact ${contact} is ${fault}: public logs count that as no contact`;
}

function hostFault(host: string): string | undefined {
  if (isLoopback(host)) return "an address on your own machine";
  return /(^|\.)example\.(com|net|org)$/.test(host) ? "an example address" : undefined;
}

function isOverNetwork(source: string): boolean {
  const host = hostOfUrl(source);
  return host !== undefined && !isLoopback(host);
}

/** Mail finds its way to a domain alone, and that has a dot. */
function hostOfContact(contact: string): string | undefined {
  const [, domain] = /^[^\s@]+@((?:[\w-]+\.)+[\w-]+|localhost)\.?$/i.exec(contact) ?? [];
  return hostOfUrl(domain === undefined ? contact : `https://${domain}`);
}

/** The host of an HTTP URL, in lower case and with IP addresses in their usual form. Undefined for anything else. */
function hostOfUrl(url: string): string | undefined {
  const parsed = /^https?:\/\//i.test(url) ? URL.parse(url) : null;
  return parsed?.hostname.replace(/\.$/, "");
}

/** `localhost` and the names below it (RFC 6761 §6.3), 127.0.0.0/8, ::1. */
function isLoopback(host: string): boolean {
  return /^(.+\.)?localhost$/.test(host) || /^127\.\d+\.\d+\.\d+$/.test(host) || host === "[::1]";
}
