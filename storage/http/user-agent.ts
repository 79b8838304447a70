/** The User-Agent of requests, by which a public log can reach who reads it. */

import { UsageError } from "../../lib/errors.ts";

export interface UserAgentParts {
  readonly userAgentVersion: string;
  /** An e-mail address or a URL. */
  readonly contact?: string | undefined;
}

/** @throws UsageError if the contact cannot be part of it. */
export function userAgent({ userAgentVersion, contact }: UserAgentParts): string {
  if (contact === undefined) return `tlog-migrate/${userAgentVersion}`;
  if (!/^[\x21-\x7e]+$/.test(contact) || /[()\\]/.test(contact)) {
    throw new UsageError({
      object: "contact",
      problem: "cannot be part of a User-Agent",
      expected: "an e-mail address or URL without spaces or parentheses",
      found: contact,
    });
  }
  return `tlog-migrate/${userAgentVersion} (+${contact})`;
}
