/**
 * The connections of one HTTP source: kept alive, bounded in number, one request at a time on each. Objects
 * come from one origin; further connections exist only if that origin redirects elsewhere.
 *
 * A request that meets a connection which its server has just ended is sent again, so that what servers say in
 * Keep-Alive about how long they wait need not be heeded.
 *
 * HTTP/1.1 over many connections and not HTTP/2: one session would carry all requests over a single TCP window,
 * and a second request behind one under way would wait for its body and be lost with it.
 */

import { type ConnectionOwner, type Exchange, HttpConnection, type PendingRequest } from "./connection.ts";
import type { HttpTimeouts } from "./error-messages.ts";
import { HttpError } from "./http-error.ts";
import type { Endpoint } from "./socket.ts";

/** Options of TLS that tests and private certificate authorities need. */
export interface TlsOptions {
  /** Certificate authorities to trust in place of the usual ones, in PEM. */
  readonly ca?: string;
}

/** A hostile source may redirect every object to another origin: no more are remembered than this and those in use. */
const MAX_ORIGINS = 8;

/** What is asked of a server. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  /** Path and query. */
  readonly target: string;
  /** Header lines, each ended by CR LF. */
  readonly headers: string;
  /** In pieces, which stay as they are until the exchange ends. */
  readonly body?: readonly Uint8Array[];
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
    this.send(origin, { method: "GET", target, headers }, exchange);
  }

  /** The same for any request that may be sent again if the connection is found to have ended. */
  send(origin: string, request: HttpRequest, exchange: Exchange): void {
    const { target } = request;
    if (this.#closed) {
      exchange.onResponseError(new HttpError("SOURCE_CLOSED"));
      return;
    }
    if (!/^\/[\x21-\x7e]*$/.test(target)) {
      exchange.onResponseError(new HttpError("BAD_PATH", "its path has characters that no request may have"));
      return;
    }
    this.#at(origin).request(request, exchange);
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
      this.#forgetUnused();
      connections = new OriginConnections(new URL(origin), this.#connections, this.#timeouts, this.#tls);
      this.#origins.set(origin, connections);
    }
    return connections;
  }

  /** Makes way for another origin. The first is the source's own, and stays. */
  #forgetUnused(): void {
    for (const [origin, connections] of [...this.#origins].slice(1)) {
      if (this.#origins.size < MAX_ORIGINS) return;
      if (connections.inUse) continue;
      connections.close();
      this.#origins.delete(origin);
    }
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
      port: origin.port === "" ? (secure ? 443 : 80) : Number(origin.port),
      tls: secure ? tls : undefined,
    };
  }

  /** Whether a request is under way or waiting. */
  get inUse(): boolean {
    return this.#open.size > this.#idle.length;
  }

  request({ method, target, headers, body }: HttpRequest, exchange: Exchange): void {
    const length = body === undefined ? "" : `content-length: ${totalBytes(body)}\r\n`;
    const text = `${method} ${target} HTTP/1.1\r\n${this.#hostLine}connection: keep-alive\r\n${length}${headers}\r\n`;
    this.#waiting.push({ text, body, exchange });
    const connection = this.#idle.pop();
    if (connection !== undefined) this.onIdle(connection);
    else this.#connectWaiting();
  }

  close(): void {
    const closed = new HttpError("SOURCE_CLOSED");
    const waiting = this.#waiting.splice(0);
    for (const connection of [...this.#open]) connection.destroy(closed);
    for (const { exchange } of waiting) exchange.onResponseError(closed);
  }

  onIdle(connection: HttpConnection): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (connection.send(next)) return;
    }
    this.#idle.push(connection);
  }

  onGone(connection: HttpConnection, unanswered: PendingRequest | undefined): void {
    this.#open.delete(connection);
    const idle = this.#idle.indexOf(connection);
    if (idle !== -1) this.#idle.splice(idle, 1);
    // Over a new connection, which tells a server that is gone from one that had enough of the old one.
    if (unanswered !== undefined) this.#connect(unanswered);
    this.#connectWaiting();
  }

  #connectWaiting(): void {
    while (this.#open.size < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#connect(next);
    }
  }

  #connect(request: PendingRequest): void {
    try {
      this.#open.add(new HttpConnection(this.#endpoint, this.#timeouts, request, this));
    } catch (error) {
      // What the system or TLS refuses before anything is tried.
      request.exchange.onResponseError(error as Error);
    }
  }
}

function totalBytes(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
