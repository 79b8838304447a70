/**
 * Logs served over HTTP: what tlog-tiles and the Static CT API call monitoring, over HTTP/1.1 with kept-alive
 * connections. Retrying is for the caller; a SourceError says whether and when it makes sense.
 */

import { UsageError } from "../../lib/errors.ts";
import { type ObjectSource, type ReadOptions, SourceError } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { AbortWatch } from "../shared/abort-watch.ts";
import { gunzipReserved } from "../shared/gzip.ts";
import type { HttpTimeouts } from "./error-messages.ts";
import { type Answer, HttpExchange, type RequestObserver } from "./exchange.ts";
import { HttpConnections, type TlsOptions } from "./pool.ts";
import { printable, redirectTarget } from "./redirect.ts";

/** Lets a request pass, at once or later. */
export type Admission = (signal: AbortSignal | undefined) => Promise<void> | undefined;

export interface HttpSourceOptions {
  /** The most connections, and so requests in flight, to the origin of the source, and to each that it redirects to. */
  readonly connections: number;
  /** The version in the User-Agent. */
  readonly userAgentVersion: string;
  /** An e-mail address or URL for the User-Agent: public logs slow down clients that name no contact. */
  readonly contact?: string;
  /** Default: 10 s to connect, 30 s to the headers, 30 s between two arrivals of body bytes, 10 minutes for all of an object. */
  readonly timeouts?: Partial<HttpTimeouts>;
  readonly observer?: RequestObserver;
  /**
   * Asked before each request. Where it returns a promise, the request is sent when that resolves; it rejects when
   * the signal of the read fires. The observer hears of every request that was admitted, whatever becomes of it.
   */
  readonly admit?: Admission;
  readonly connect?: TlsOptions;
  /** True: an object that is stored or sent gzip-encoded is refused with FormatError. Default: it is decoded. */
  readonly refusesGzip?: boolean;
  /** A header line with credentials for a request to the source's own origin, ended by CR LF. */
  readonly authorization?: () => string | Promise<string>;
}

export const DEFAULT_TIMEOUTS: HttpTimeouts = {
  connectMs: 10_000,
  headersMs: 30_000,
  bodyMs: 30_000,
  objectMs: 600_000,
};

const MAX_REDIRECTS = 5;

export class HttpSource implements ObjectSource {
  readonly location: string;
  readonly #origin: string;
  readonly #host: string;
  /** What stands before and after an object's path. */
  readonly #prefix: string;
  readonly #query: string;
  readonly #connections: HttpConnections;
  readonly #timeouts: HttpTimeouts;
  readonly #observer: RequestObserver | undefined;
  readonly #admit: Admission | undefined;
  readonly #headers: RequestHeaders;
  readonly #refusesGzip: boolean;
  readonly #authorization: (() => string | Promise<string>) | undefined;
  readonly #aborts = new AbortWatch();

  /**
   * Reads below `baseUrl`. Credentials in it are sent as basic authorization, and a query with every request;
   * both only to its own origin, and neither is ever shown.
   */
  constructor(baseUrl: URL, options: HttpSourceOptions) {
    this.#origin = baseUrl.origin;
    this.#host = baseUrl.host;
    this.#query = baseUrl.search;
    this.#prefix = baseUrl.pathname.endsWith("/") ? baseUrl.pathname : `${baseUrl.pathname}/`;
    this.location = printable(baseUrl);
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.#observer = options.observer;
    this.#admit = options.admit;
    this.#headers = requestHeaders(baseUrl, userAgent(options));
    this.#refusesGzip = options.refusesGzip ?? false;
    this.#authorization = options.authorization;
    this.#connections = new HttpConnections(options.connections, this.#timeouts, options.connect ?? {});
  }

  locate(path: string): string {
    return `${this.#origin}${this.#prefix}${path}`;
  }

  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    const usual = options.fresh ? this.#headers.fresh : this.#headers.usual;
    const line = this.#authorization?.() ?? "";
    const headers =
      usual + (typeof line === "string" ? line : await this.#aborts.until(line, options.signal));
    const target = `${this.#prefix}${path}${this.#query}`;
    let answer = await this.#get(this.#origin, this.#host, target, headers, options);
    if (answer.kind === "redirect") answer = await this.#follow(answer.location, target, options);
    if (answer.kind === "absent") return undefined;
    if (!answer.gzipped) return answer.bytes;
    if (this.#refusesGzip) throw new FormatError("has an encoding", "none", "gzip");
    return gunzipReserved(answer.bytes, options, (leave) => this.#aborts.until(leave, options.signal));
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  async #get(
    origin: string,
    host: string,
    target: string,
    headers: string,
    options: ReadOptions,
  ): Promise<Answer> {
    const { signal } = options;
    signal?.throwIfAborted();
    const admitted = this.#admit?.(signal);
    if (admitted !== undefined) await admitted;
    const context = {
      peer: { host, timeouts: this.#timeouts },
      aborts: this.#aborts,
      observer: this.#observer,
    };
    return new Promise((resolve, reject) => {
      const exchange = new HttpExchange(context, options, { resolve, reject });
      // Given up while the leave was on its way: the exchange ends unsent, and whoever admitted it hears of that.
      if (signal?.aborted === true) exchange.abort(signal.reason);
      this.#connections.get(origin, target, headers, exchange);
    });
  }

  async #follow(
    firstLocation: string | undefined,
    target: string,
    options: ReadOptions,
  ): Promise<Exclude<Answer, { kind: "redirect" }>> {
    let location = firstLocation;
    let at = new URL(this.#origin + target);
    for (let redirects = 1; redirects <= MAX_REDIRECTS; redirects++) {
      at = redirectTarget(at, location);
      const known = at.origin === this.#origin ? this.#headers : this.#headers.elsewhere;
      const headers = options.fresh ? known.fresh : known.usual;
      const answer = await this.#get(at.origin, at.host, at.pathname + at.search, headers, options);
      if (answer.kind !== "redirect") return answer;
      location = answer.location;
    }
    throw new SourceError(`is redirected more than ${MAX_REDIRECTS} times, last by ${at.host}`, {
      retryable: false,
      advice: "Give the address at which the log really is",
    });
  }
}

interface HeaderChoice {
  readonly usual: string;
  /** To pass every cache on the way. */
  readonly fresh: string;
}

/** Built once, for all requests: header lines. */
interface RequestHeaders extends HeaderChoice {
  /** For origins that a redirect leads to: they get no credentials. */
  readonly elsewhere: HeaderChoice;
}

function requestHeaders(base: URL, agent: string): RequestHeaders {
  const common = `user-agent: ${agent}\r\naccept-encoding: gzip\r\n`;
  const withFresh = (usual: string): HeaderChoice => ({
    usual,
    fresh: `${usual}cache-control: no-cache\r\npragma: no-cache\r\n`,
  });
  const elsewhere = withFresh(common);
  if (base.username === "" && base.password === "") return { ...elsewhere, elsewhere };
  const credentials = `${percentDecoded(base.username)}:${percentDecoded(base.password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString("base64")}`;
  return { ...withFresh(`${common}authorization: ${authorization}\r\n`), elsewhere };
}

function percentDecoded(credential: string): string {
  try {
    return decodeURIComponent(credential);
  } catch {
    throw new UsageError({
      object: "the credentials in the source's address",
      problem: "are not percent-encoded",
      advice: "Write a percent sign as %25",
    });
  }
}

export function userAgent({
  userAgentVersion,
  contact,
}: Pick<HttpSourceOptions, "userAgentVersion" | "contact">): string {
  if (contact === undefined) return `tlog-migrate/${userAgentVersion}`;
  if (!/^[\x21-\x7e]+$/.test(contact) || /[()\\]/.test(contact)) {
    throw new UsageError({
      object: "contact",
      problem: "cannot stand in a User-Agent",
      expected: "an e-mail address or URL without spaces or parentheses",
      found: contact,
    });
  }
  return `tlog-migrate/${userAgentVersion} (+${contact})`;
}
