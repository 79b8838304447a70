/** Who may ask the server of a run: everything on it is public to those who reach it, but not to pages of others. */

import type { IncomingMessage } from "node:http";
import { BlockList, isIP, isIPv6 } from "node:net";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8);
LOOPBACK.addAddress("::1", "ipv6");

export function isLoopback(address: string): boolean {
  return isIP(address) !== 0 && LOOPBACK.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type AskedBy = Pick<IncomingMessage, "method" | "headers">;

/**
 * Why a request is refused, undefined where it is not.
 * @param listensOn the address at which the server listens.
 */
export function refusalOf({ method, headers }: AskedBy, listensOn: string): Refusal | undefined {
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, reason: "Only GET and HEAD", headers: { allow: "GET, HEAD" } };
  }
  // A page of another site whose name was made to resolve to this machine (DNS rebinding) could read all of it.
  if (isLoopback(listensOn) && !isOwnName(headers.host)) {
    return { status: 421, reason: "Only under the name localhost, or under a loopback address" };
  }
  // Browsers say so of what pages of other sites ask for. A link from there is fine.
  const { "sec-fetch-site": site = "none", "sec-fetch-mode": mode } = headers;
  if (site !== "none" && site !== "same-origin" && mode !== "navigate") {
    return { status: 403, reason: "Not for pages of other sites" };
  }
  return undefined;
}

/** A host, with any port: it may be forwarded. */
function isOwnName(host: string | undefined): boolean {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+))(?::[0-9]+)?$/i.exec(host ?? "") ?? [];
  const name = bracketed ?? plain ?? "";
  return /^localhost\.?$/i.test(name) || isLoopback(name);
}
