/**
 * The connections of one HTTP source: kept alive, bounded in number, one request at a time on each. Objects
 * come from one origin; a second set of connections exists only if that origin redirects elsewhere.
 */

import { Socket } from "node:net";
import { Agent, buildConnector, type Dispatcher, Pool } from "undici";
import type { HttpTimeouts } from "./http-errors.ts";

/** Options of TLS that tests and private certificate authorities need. */
export interface TlsOptions {
  /** Certificate authorities to trust in place of the usual ones, in PEM. */
  readonly ca?: string;
}

export class HttpConnections {
  readonly #origin: string;
  readonly #pool: Pool;
  readonly #options: Pool.Options;
  readonly #connecting = new Set<Socket>();
  #elsewhere: Agent | undefined;

  /** At most `connections` to `origin`, and as many to each origin that it redirects to. */
  constructor(origin: string, connections: number, timeouts: HttpTimeouts, tls: TlsOptions) {
    this.#origin = origin;
    this.#options = {
      connections,
      // A second request behind one under way would wait for its body and be lost with it.
      pipelining: 1,
      // One HTTP/2 session would carry all requests over a single TCP window.
      allowH2: false,
      headersTimeout: timeouts.headersMs,
      bodyTimeout: timeouts.bodyMs,
      connect: this.#connector(buildConnector({ ...tls, allowH2: false, timeout: timeouts.connectMs })),
    };
    this.#pool = new Pool(origin, this.#options);
  }

  /** Sends a GET; everything that happens to it, failures included, is told to `handler`. */
  get(origin: string, path: string, headers: string[], handler: Dispatcher.DispatchHandler): void {
    if (origin === this.#origin) {
      this.#pool.dispatch({ method: "GET", path, headers }, handler);
      return;
    }
    this.#elsewhere ??= new Agent(this.#options);
    this.#elsewhere.dispatch({ origin, method: "GET", path, headers }, handler);
  }

  /** Breaks off what is under way and closes every connection. */
  async close(): Promise<void> {
    for (const socket of this.#connecting) socket.destroy();
    await Promise.all([this.#pool.destroy(), this.#elsewhere?.destroy()]);
  }

  /**
   * undici forgets a socket that is still connecting when it is destroyed, which would keep the process alive
   * until the connection times out.
   */
  #connector(connect: buildConnector.connector): buildConnector.connector {
    return (options, callback) => {
      const opened: unknown = connect(options, (...outcome) => {
        if (opened instanceof Socket) this.#connecting.delete(opened);
        callback(...outcome);
      });
      if (opened instanceof Socket) this.#connecting.add(opened);
    };
  }
}
