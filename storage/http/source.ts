/** Logs served over HTTP. Retrying is for the caller; a SourceError says whether and when it makes sense. */

import { UsageError } from "../../lib/errors.ts";
import type { Admission, RequestObserver } from "../../lib/migrate/ports/backend.ts";
import { type ObjectSource, type ReadOptions, SourceError } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { excerpt } from "../../lib/tlog/note.ts";
import { shownAddress } from "../../lib/tlog/shown-address.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { type Coding, decodeReserved } from "../shared/inflate.ts";
import { asOldLayout } from "../shared/old-layout.ts";
import { HttpClient, type HttpClientOptions } from "./client.ts";
import { basicCredentials } from "./headers.ts";
import { type Answerer, codingOf, type FailureOfApi, isObject, ObjectRules } from "./object-rules.ts";
import { isRedirect, type RedirectedBase, redirectedBase, redirectTarget } from "./redirects.ts";
import type { HttpResponse } from "./request.ts";

import { userAgent } from "./user-agent.ts";

/** A name and a value. */
export type Header = readonly [name: string, value: string];

export interface HttpSourceOptions extends Omit<HttpClientOptions, "ownOrigin"> {
  /** The version in the User-Agent. */
  readonly userAgentVersion: string;
  /** An e-mail address or URL for the User-Agent: public logs slow down clients that name no contact. */
  readonly contact?: string | undefined;
  /** Sent with every request to the source's own origin, and shown nowhere. */
  readonly headers?: readonly Header[];
  readonly observer?: RequestObserver;
  /** Asked before each request. The observer is notified of every request that was admitted. */
  readonly admit?: Admission;
  /** Notified of what the operator should know, a sentence each. */
  readonly notice?: ((sentence: string) => void) | undefined;
  /** The encoding that an object must have, undefined for none; another is refused with FormatError. Default: any is undone. */
  readonly encodingOf?: (path: string) => Coding | undefined;
  /** More headers for a request to the source's own origin, given its path and query: names and values in turn. */
  readonly authorization?: (target: string) => readonly string[] | Promise<readonly string[]>;
  /**
   * What any answer but an object means, undefined that there is none; redirects are not followed then. Default: what
   * its status means.
   */
  readonly failure?: FailureOfApi;
  /** Sends the requests, and is not closed with the source. Default: a client of the source's own. */
  readonly client?: HttpClient;
}

const MAX_REDIRECTS = 5;

/** So many places to which a base address redirects are used directly. */
const MAX_REDIRECTED_BASES = 4;

/** Headers that pass every cache on the way. */
const NO_CACHE = ["cache-control", "no-cache", "pragma", "no-cache"];

export class HttpSource implements ObjectSource {
  readonly isServed = true;
  readonly location: string;
  readonly #origin: string;
  /** Before and after an object's path. */
  readonly #prefix: string;
  readonly #query: string;
  readonly #options: HttpSourceOptions;
  readonly #client: HttpClient;
  /** Names and values in turn, built once. */
  readonly #headers: string[];
  /** For origins that a redirect leads to: they get no credentials. */
  readonly #headersElsewhere: string[];
  /** Credentials are all in the requests that may say who asks. */
  readonly #own: Answerer;
  /** Where the base address redirected the last object that it was asked for, if that shows where the others are. */
  #redirectedBase: RedirectedBase | undefined;
  /** All such places. */
  readonly #redirectedBases = new Set<string>();
  /** Whether it was reported that plain requests are redirected to https. */
  #redirectNoticed = false;

  /**
   * Reads below `baseUrl`. Credentials in it are sent as basic authorization, and a query with every request;
   * both only to its own origin, and neither is ever shown.
   */
  constructor(baseUrl: URL, options: HttpSourceOptions) {
    requireClearHost(baseUrl);
    this.#origin = baseUrl.origin;
    this.#query = baseUrl.search;
    this.#prefix = baseUrl.pathname.endsWith("/") ? baseUrl.pathname : `${baseUrl.pathname}/`;
    this.location = shownAddress(baseUrl.href);
    this.#options = options;
    this.#headersElsewhere = ["user-agent", userAgent(options), "accept-encoding", "gzip"];
    const own = [...(options.headers ?? []).flat(), ...basicAuthorization(baseUrl)];
    this.#headers = [...this.#headersElsewhere, ...own];
    const hasCredentials = own.length > 0 || this.#query !== "" || options.tls?.cert !== undefined;
    this.#own = { host: baseUrl.host, credentials: hasCredentials ? "refused" : "none" };
    this.#client = options.client ?? new HttpClient({ ...options, ownOrigin: baseUrl.origin });
  }

  locate(path: string): string {
    return `${this.#origin}${this.#prefix}${path}`;
  }

  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    // What is to be read past caches is asked of the base address: it may redirect elsewhere by now.
    const base = options.fresh === true ? undefined : this.#redirectedBase;
    const redirected = base && (await this.#getBelow(base, path, options));
    const response = redirected ?? (await this.#getOwn(path, options));
    const { body } = response;
    const coding = codingOf(response.headers);
    if (body === undefined) return undefined;
    this.#requireEncoding(path, coding);
    if (coding === undefined) return body;
    const bytes = await decodeReserved(coding, body, options);
    if (coding === "gzip") options.onGzip?.(body);
    return bytes;
  }

  otherLayout(): Promise<string | undefined> {
    return asOldLayout(this, this.location);
  }

  closeIdle(): void {
    this.#client.closeIdle();
  }

  async close(): Promise<void> {
    if (this.#options.client === undefined) await this.#client.close();
  }

  /** The object as the base address has it, or where that redirects to. */
  async #getOwn(path: string, options: ReadOptions): Promise<HttpResponse> {
    const target = `${this.#prefix}${path}${this.#query}`;
    const { authorization } = this.#options;
    const response = await this.#get(this.#origin, target, this.#headers, options, authorization);
    if (isRedirect(response.status)) return await this.#follow(response, { path, target }, options);
    this.#redirectedBase = undefined;
    return response;
  }

  /**
   * The object where the base address redirected others to, so that not each of them costs a second request; undefined
   * if it is not there: the base address says then whether there is one at all.
   */
  async #getBelow(
    base: RedirectedBase,
    path: string,
    options: ReadOptions,
  ): Promise<HttpResponse | undefined> {
    const { origin, prefix } = base;
    try {
      const response = await this.#get(origin, prefix + path, this.#headersAt(origin), options);
      if (isObject(response.status)) return response;
    } catch (error) {
      this.#forget(base);
      if (!(error instanceof SourceError) || error.retryable) throw error;
    }
    this.#forget(base);
    return undefined;
  }

  /** A base address that redirects to more and more places has one for each object, or takes turns. */
  #learn(base: RedirectedBase | undefined): void {
    if (base !== undefined && this.#redirectedBases.size <= MAX_REDIRECTED_BASES) {
      this.#redirectedBases.add(base.origin + base.prefix);
    }
    this.#redirectedBase = this.#redirectedBases.size > MAX_REDIRECTED_BASES ? undefined : base;
  }

  /** Unless another was learned meanwhile. */
  #forget(base: RedirectedBase): void {
    if (this.#redirectedBase === base) this.#redirectedBase = undefined;
  }

  #requireEncoding(path: string, coding: Coding | undefined): void {
    const { encodingOf } = this.#options;
    const required = encodingOf?.(path);
    if (encodingOf === undefined || coding === required) return;
    throw new FormatError(`has ${coding ? "an" : "no"} encoding`, required ?? "none", coding ?? "none");
  }

  /** Only the source's own origin is sent what was given for it. */
  #headersAt(origin: string): string[] {
    return origin === this.#origin ? this.#headers : this.#headersElsewhere;
  }

  /**
   * An object, or the answer that there is none, or a redirect.
   * @param authorize gives more headers when the request may start: a signature that has waited may be too old.
   */
  async #get(
    origin: string,
    path: string,
    usual: string[],
    options: ReadOptions,
    authorize?: HttpSourceOptions["authorization"],
  ): Promise<HttpResponse> {
    const { fresh, maxBytes, reservation, signal } = options;
    const { admit, observer, failure } = this.#options;
    signal?.throwIfAborted();
    const admitted = admit?.(signal);
    if (admitted !== undefined) await admitted;
    const { timeouts } = this.#client;
    const own = authorize ? [...usual, ...(await this.#authorized(authorize, path, signal))] : usual;
    const headers = fresh ? [...own, ...NO_CACHE] : own;
    const rules = new ObjectRules(
      { timeouts, observer, signal, reservation, maxBytes },
      this.#answererAt(origin),
      failure,
    );
    const response = await this.#client.request({ origin, method: "GET", path, headers }, rules);
    if (isObject(response.status)) return response;
    const error = rules.failure(response);
    if (error !== undefined) throw error;
    return { ...response, body: undefined };
  }

  /** A request that cannot be authorized does not start, and leaves its turn to another. */
  async #authorized(
    authorize: NonNullable<HttpSourceOptions["authorization"]>,
    path: string,
    signal: AbortSignal | undefined,
  ): Promise<readonly string[]> {
    try {
      const headers = authorize(path);
      return headers instanceof Promise ? await untilAborted(headers, signal) : headers;
    } catch (error) {
      this.#options.observer?.released?.(0);
      throw error;
    }
  }

  async #follow(
    redirect: HttpResponse,
    { path, target }: { readonly path: string; readonly target: string },
    options: ReadOptions,
  ): Promise<HttpResponse> {
    let response = redirect;
    let at = new URL(this.#origin + target);
    let hasQuery = false;
    for (let redirects = 1; redirects <= MAX_REDIRECTS; redirects++) {
      at = redirectTarget(at, response.headers);
      this.#notice(at);
      hasQuery ||= at.search !== "";
      response = await this.#get(at.origin, at.pathname + at.search, this.#headersAt(at.origin), options);
      if (isRedirect(response.status)) continue;
      this.#learn(hasQuery ? undefined : redirectedBase(path, at));
      return response;
    }
    throw new SourceError(`is redirected more than ${MAX_REDIRECTS} times, last by ${excerpt(at.host)}`, {
      retryable: false,
      advice: "Pass the log's actual address",
    });
  }

  #answererAt(origin: string): Answerer {
    if (origin === this.#origin) return this.#own;
    return {
      host: new URL(origin).host,
      credentials: this.#own.credentials === "none" ? "none" : "withheld",
    };
  }

  /** What the first requests carry can be read on the way then. */
  #notice({ protocol, origin }: URL): void {
    const isToTls = this.#origin.startsWith("http:") && protocol === "https:";
    if (!isToTls || this.#redirectNoticed) return;
    this.#redirectNoticed = true;
    const advice = this.#own.credentials === "refused" ? ", or the credentials are not sent there" : "";
    this.#options.notice?.(`${this.location} redirects to ${origin}: give the https address${advice}`);
  }
}

/** @throws UsageError for an @ behind the host: what is taken for the host may be the beginning of a password. */
function requireClearHost({ href, pathname, search, hash }: URL): void {
  if (!`${pathname}${search}${hash}`.includes("@")) return;
  throw new UsageError({
    object: shownAddress(href),
    problem: "has an @ behind what would be its host",
    advice: "In a password write %2F for /, %3F for ? and %23 for #; in a path or query write %40 for @",
  });
}

function basicAuthorization({ username, password }: URL): string[] {
  if (username === "" && password === "") return [];
  return ["authorization", basicCredentials(percentDecoded(username), percentDecoded(password))];
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
