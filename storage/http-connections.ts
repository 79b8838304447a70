/**
 * The connections of one HTTP source: kept alive, bounded in number, one request at a time on each. Objects
 * come from one origin; further connections exist only if that origin redirects elsewhere.
 *
 * HTTP/1.1 over many connections and not HTTP/2: one session would carry all requests over a single TCP window,
 * and a second request behind one under way would wait for its body and be lost with it.
 */

import {
  type ConnectionOwner,
  type Endpoint,
  type Exchange,
  HttpConnection,
  type PendingRequest,
} from "./http-connection.ts";
import type { HttpTimeouts } from "./http-errors.ts";
import { HttpFault } from "./http-fault.ts";

/** Options of TLS that tests and private certificate authorities need. */
export interface TlsOptions {
  /** Certificate authorities to trust in place of the usual ones, in PEM. */
  readonly ca?: string;
}

export class HttpConnections {
  readonly #connections: number;
  readonly #timeouts: HttpTimeouts;
  readonly #tls: TlsOptions;
  readonly #origins = new Map<string, OriginConnections>();
  #closed = false;

  /** At most `connections` to each origin. */
  constructor(connections: number, timeouts: HttpTimeouts, tls: TlsOptions) {
    this.#connections = connections;
    this.#timeouts = timeouts;
    this.#tls = tls;
  }

  /**
   * Sends a GET; everything that happens to it, failures included, is told to `exchange`.
   * @param headers header lines, each ended by CR LF.
   */
  get(origin: string, target: string, headers: string, exchange: Exchange): void {
    if (this.#closed) {
      exchange.onResponseError(new HttpFault("SOURCE_CLOSED"));
      return;
    }
    if (!/^\/[\x21-\x7e]*$/.test(target)) {
      exchange.onResponseError(new HttpFault("BAD_PATH", "its path has characters that no request may have"));
      return;
    }
    this.#at(origin).request(target, headers, exchange);
  }

  /** Breaks off what is under way and closes every connection. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const origin of this.#origins.values()) origin.close();
    this.#origins.clear();
  }

  #at(origin: string): OriginConnections {
    let connections = this.#origins.get(origin);
    if (connections === undefined) {
      connections = new OriginConnections(new URL(origin), this.#connections, this.#timeouts, this.#tls);
      this.#origins.set(origin, connections);
    }
    return connections;
  }
}

/** The connections to one origin, and the requests that wait for one. */
class OriginConnections implements ConnectionOwner {
  readonly #limit: number;
  readonly #timeouts: HttpTimeouts;
  readonly #endpoint: Endpoint;
  readonly #hostLine: string;
  readonly #open = new Set<HttpConnection>();
  /** The last one used is used first, so that those beyond need can end. */
  readonly #idle: HttpConnection[] = [];
  readonly #waiting: PendingRequest[] = [];

  constructor(origin: URL, limit: number, timeouts: HttpTimeouts, tls: TlsOptions) {
    const secure = origin.protocol === "https:";
    this.#limit = limit;
    this.#timeouts = timeouts;
    this.#hostLine = `host: ${origin.host}\r\n`;
    this.#endpoint = {
      // An IPv6 address has brackets in a URL, and none where a connection is opened.
      host: origin.hostname.replace(/^\[|\]$/g, ""),
      port: Number(origin.port) || (secure ? 443 : 80),
      tls: secure ? tls : undefined,
    };
  }

  request(target: string, headers: string, exchange: Exchange): void {
    const text = `GET ${target} HTTP/1.1\r\n${this.#hostLine}connection: keep-alive\r\n${headers}\r\n`;
    this.#dispatch({ text, exchange });
  }

  close(): void {
    const closed = new HttpFault("SOURCE_CLOSED");
    const waiting = this.#waiting.splice(0);
    for (const connection of [...this.#open]) connection.destroy(closed);
    for (const { exchange } of waiting) exchange.onResponseError(closed);
  }

  onIdle(connection: HttpConnection): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(connection);
    else connection.send(next);
  }

  onGone(connection: HttpConnection, unanswered: PendingRequest | undefined): void {
    this.#open.delete(connection);
    const idle = this.#idle.indexOf(connection);
    if (idle !== -1) this.#idle.splice(idle, 1);
    // Over a new connection, which tells a server that is gone from one that had enough of the old one.
    if (unanswered !== undefined) this.#connect(unanswered);
    else if (this.#open.size < this.#limit && this.#waiting.length > 0)
      this.#connect(this.#waiting.shift() as PendingRequest);
  }

  #dispatch(request: PendingRequest): void {
    const connection = this.#idle.pop();
    if (connection !== undefined) connection.send(request);
    else if (this.#open.size < this.#limit) this.#connect(request);
    else this.#waiting.push(request);
  }

  #connect(request: PendingRequest): void {
    this.#open.add(new HttpConnection(this.#endpoint, this.#timeouts, request, this));
  }
}
