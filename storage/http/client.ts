/**
 * An HTTP/1.1 client for sources and uploads: undici's pools of many connections. HTTP/2 would carry all requests over
 * a single TCP window.
 */

import type { buildConnector, Dispatcher, Client as UndiciClient } from "undici";
import { UsageError } from "../../lib/errors.ts";
import type { ConnectionOutlook } from "../../lib/migrate/ports/backend.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { Connection, type ConnectionOptions, onread } from "./connection.ts";
import { ADDRESS_ATTEMPT_MS, type HttpTimeouts, hasProxy } from "./error-messages.ts";
import { type Carrier, Exchange } from "./exchange.ts";
import type { HttpRequest, HttpResponse, ResponseRules } from "./request.ts";
import { loadEnvHttpProxyAgent, Pool } from "./undici.ts";

/** In PEM, so that it can be sent to a worker thread. */
export interface TlsOptions {
  /** Certificate authorities to trust in place of the usual ones. */
  readonly ca?: string;
  /** A client certificate and its key, for the client's own origin. */
  readonly cert?: string;
  readonly key?: string;
}

export interface HttpClientOptions {
  /** The most to each origin, one request in flight on each. */
  readonly connections: number;
  /** Default: see DEFAULT_TIMEOUTS. */
  readonly timeouts?: Partial<HttpTimeouts> | undefined;
  readonly tls?: TlsOptions | undefined;
  /** The only one that is shown the client certificate. */
  readonly ownOrigin?: string;
  /** What other threads know of its connections. Default: nothing. */
  readonly outlook?: ConnectionOutlook | undefined;
}

export const DEFAULT_TIMEOUTS: HttpTimeouts = {
  connectMs: 10_000,
  headersMs: 30_000,
  bodyMs: 30_000,
  objectMs: 600_000,
};

export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeouts?: Partial<HttpTimeouts>;
  readonly maxBytes?: number | undefined;
  /** What the request fails with if the answer has more. */
  readonly tooLarge?: ResponseRules["tooLarge"] | undefined;
}

export interface ApiAnswer extends HttpResponse {
  readonly body: Buffer;
}

/** Of an API, unless more is asked for. */
export const MAX_ANSWER_BYTES = 1 << 20;

/** A hostile source may redirect every object to another origin: no more are remembered than this. */
const MAX_ORIGINS = 8;

/** Servers end connections that carry nothing, some after 5 s: sooner is better than a request lost by it. */
const MAX_IDLE_MS = 4_000;
/** A server that announces when it will do so does it no sooner than this after we have. */
const IDLE_MARGIN_MS = 500;

/** A larger body of a request is not copied into one piece. */
const MAX_JOINED_BYTES = 1 << 16;

const MAX_HEAD_BYTES = 1 << 14;

/** Objects that were given up on a new connection, and are remembered. */
const MAX_GIVEN_UP = 1_000;

/** Between two checks of the time of exchanges. */
const MAX_CHECK_MS = 250;

export class HttpClient implements Carrier {
  readonly timeouts: HttpTimeouts;
  readonly #options: HttpClientOptions;
  readonly #dispatchers = new Map<string, Dispatcher>();
  /** No longer used, but not done with what they carry. */
  readonly #leaving = new Set<Dispatcher>();
  readonly #connections = new Set<Connection>();
  /** By how much longer the first answer may take, of objects that were given up without one. */
  readonly #waitFactors = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  }

  /** @throws SourceError if there is no whole response; what the rules or the signal say. */
  request(request: HttpRequest, rules: ResponseRules): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const exchange = new Exchange(this, request, rules, { resolve, reject });
      if (rules.signal?.aborted === true) exchange.fail(rules.signal.reason);
      else this.dispatch(exchange);
    });
  }

  /** Asks an API: any answer with a body of up to `maxBytes`, by default 1 MiB, is one. @throws as `request` does. */
  async send(
    request: HttpRequest,
    { signal, timeouts, maxBytes = MAX_ANSWER_BYTES, tooLarge }: SendOptions = {},
  ): Promise<ApiAnswer> {
    const { body = Buffer.of(), ...head } = await this.request(request, {
      signal,
      timeouts: { ...this.timeouts, ...timeouts },
      maxBytes,
      wireLimit: () => maxBytes,
      tooLarge: tooLarge ?? (() => answerTooLarge(new URL(request.origin).host, maxBytes)),
    });
    return { ...head, body };
  }

  dispatch(exchange: Exchange): void {
    const { origin, method, path, headers, body } = exchange.request;
    exchange.newConnection.successesBefore = this.#options.outlook?.successes ?? 0;
    if (this.#waitFactors.size > 0)
      exchange.newConnection.waitFactor = this.#waitFactors.get(origin + path) ?? 1;
    try {
      const dispatcher = this.#dispatcherOf(origin);
      if (body === undefined) dispatcher.dispatch({ origin, method, path, headers }, exchange);
      else dispatcher.dispatch({ origin, method, path, ...framed(headers, body) }, exchange);
    } catch (error) {
      exchange.refuse(error);
    }
  }

  /** Closes connections that carry nothing. */
  closeIdle(): void {
    for (const { stats, socket } of this.#connections) if (stats.size === 0) socket?.destroy();
  }

  /** Ends what is under way and closes every connection. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    const dispatchers = [...this.#dispatchers.values(), ...this.#leaving];
    this.#dispatchers.clear();
    const destroyed = dispatchers.map((dispatcher) => dispatcher.destroy());
    // undici leaves those that are being made to themselves.
    for (const { socket } of this.#connections) socket?.destroy();
    await Promise.all(destroyed);
  }

  #dispatcherOf(origin: string): Dispatcher {
    if (this.#closed) throw new SourceError("the source was closed", { retryable: false });
    const open = this.#dispatchers.get(origin);
    if (open !== undefined) return open;
    if (this.#dispatchers.size >= MAX_ORIGINS) this.#forgetOldest();
    const dispatcher = this.#open(origin);
    this.#dispatchers.set(origin, dispatcher);
    return dispatcher;
  }

  /** Makes way for another origin. The first is the source's own, and stays. */
  #forgetOldest(): void {
    const [, oldest] = this.#dispatchers;
    if (oldest === undefined) return;
    const [origin, dispatcher] = oldest;
    this.#dispatchers.delete(origin);
    this.#leaving.add(dispatcher);
    dispatcher.close().finally(() => this.#leaving.delete(dispatcher));
  }

  #open(origin: string): Dispatcher {
    const { connectMs } = this.timeouts;
    const { ca, cert, key } = this.#options.tls ?? {};
    const reading = {
      onread,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
    } as buildConnector.BuildOptions;
    const own = origin === this.#options.ownOrigin ? { cert, key } : {};
    const connect = { ...reading, timeout: connectMs, ca, ...own };
    this.#checkTimes();
    if (!hasProxy()) return this.#pool(origin, { connect });
    try {
      const EnvHttpProxyAgent = loadEnvHttpProxyAgent();
      return new EnvHttpProxyAgent({
        connect,
        requestTls: connect,
        proxyTls: reading,
        connectTimeout: connectMs,
        allowH2: false,
        factory: (target, options) => this.#pool(target, options),
        // For the request that opens a tunnel, which is a part of connecting.
        clientFactory: (target, options) => new Pool(target, { ...options, headersTimeout: connectMs }),
      });
    } catch {
      // Not shown: it may have a password.
      throw new UsageError({ object: "HTTPS_PROXY or HTTP_PROXY", problem: "is not the address of a proxy" });
    }
  }

  #pool(origin: string | URL, { connect }: Pick<UndiciClient.Options, "connect">): Dispatcher {
    return new Pool(origin, {
      ...(connect === undefined ? {} : { connect }),
      connections: this.#options.connections,
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: MAX_HEAD_BYTES,
      keepAliveTimeout: MAX_IDLE_MS,
      keepAliveMaxTimeout: MAX_IDLE_MS,
      keepAliveTimeoutThreshold: IDLE_MARGIN_MS,
      // Exchanges check their time: undici's limit for a head begins again with each interim response.
      headersTimeout: 0,
      bodyTimeout: 0,
      factory: (target, options) => {
        const connection = new Connection(target, options as ConnectionOptions);
        this.#connections.add(connection);
        return connection;
      },
    });
  }

  #checkTimes(): void {
    const { headersMs, bodyMs, objectMs } = this.timeouts;
    const check = (): void => {
      const now = performance.now();
      const { outlook } = this.#options;
      if (outlook?.areScarce === true) this.closeIdle();
      for (const connection of this.#connections) {
        if (connection.destroyed) this.#connections.delete(connection);
        else {
          if (outlook !== undefined) this.#checkFirstAnswer(connection.latest, now, outlook);
          connection.exchange?.checkTime(now);
        }
      }
    };
    const everyMs = Math.min(MAX_CHECK_MS, headersMs / 4, bodyMs / 4, objectMs / 4);
    this.#timer ??= setInterval(check, everyMs).unref();
  }

  /** What is given up has twice the time when it is asked for again: the object may be slow, and not the connection. */
  #checkFirstAnswer(exchange: Exchange | undefined, now: number, outlook: ConnectionOutlook): void {
    if (exchange?.checkFirstAnswer(now, outlook) !== true) return;
    const { request, newConnection } = exchange;
    if (this.#waitFactors.size === MAX_GIVEN_UP) this.#waitFactors.clear();
    this.#waitFactors.set(request.origin + request.path, 2 * newConnection.waitFactor);
  }
}

/** The failure of an API, or of what answers in its place, that does not come to an end. */
export function answerTooLarge(host: string, maxBytes: number): SourceError {
  return new SourceError(`${host} answered with more than ${formatCount(maxBytes)} bytes`, {
    retryable: false,
  });
}

/**
 * A large body goes out in its pieces: to join them was measured to double the CPU time of an upload of 256 KiB. One piece
 * is written as it is. As a list undici would await its way to the network, and where TLS is slower than the server's
 * answer it would then end the connection: measured, after four of ten uploads to a server nearby.
 */
function framed(
  headers: string[],
  body: readonly Uint8Array[],
): Pick<Dispatcher.DispatchOptions, "headers" | "body"> {
  const [whole, ...others] = body;
  if (whole !== undefined && others.length === 0) return { headers, body: whole };
  const bytes = body.reduce((sum, { length }) => sum + length, 0);
  if (bytes <= MAX_JOINED_BYTES) return { headers, body: Buffer.concat(body) };
  // undici takes any iterable, which its types do not say.
  return { headers: [...headers, "content-length", String(bytes)], body: body as unknown as Uint8Array };
}
