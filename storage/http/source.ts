/** Logs served over HTTP. Retrying is for the caller; a SourceError says whether and when it makes sense. */

import { UsageError } from "../../lib/errors.ts";
import type { Admission, RequestObserver } from "../../lib/migrate/ports/backend.ts";
import {
  type ObjectSource,
  type ReadOptions,
  SourceError,
  tooLarge,
} from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { excerpt } from "../../lib/tlog/note.ts";
import { shownAddress } from "../../lib/tlog/shown-address.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { type Coding, decodeReserved, ENCODING_SLACK_BYTES } from "../shared/inflate.ts";
import { asOldLayout } from "../shared/old-layout.ts";
import {
  type ApiAnswer,
  answerTooLarge,
  HttpClient,
  type HttpClientOptions,
  MAX_ANSWER_BYTES,
} from "./client.ts";
import { statusError } from "./error-messages.ts";
import type { HttpRequest, HttpResponse, ResponseRules } from "./exchange.ts";
import {
  basicCredentials,
  contentCodings,
  isRedirect,
  type ResponseHeaders,
  redirectTarget,
  retryAfterMs,
} from "./headers.ts";

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
  /** An object that is stored or sent in an encoding is refused with FormatError. Default: it is decoded. */
  readonly refusesEncodings?: boolean;
  /** More headers for a request to the source's own origin, given its path and query: names and values in turn. */
  readonly authorization?: (target: string) => readonly string[] | Promise<readonly string[]>;
  /**
   * What any answer but an object means, undefined that there is none; redirects are not followed then. Default: what
   * its status means.
   */
  readonly failure?: (answer: ApiAnswer) => SourceError | undefined;
  /** Sends the requests, and is not closed with the source. Default: a client of the source's own. */
  readonly client?: HttpClient;
}

const MAX_REDIRECTS = 5;

/** Headers that pass every cache on the way. */
const NO_CACHE = ["cache-control", "no-cache", "pragma", "no-cache"];

export class HttpSource implements ObjectSource {
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
  /** Whether something in the requests may say who asks. */
  readonly #hasCredentials: boolean;
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
    this.#hasCredentials = own.length > 0 || this.#query !== "" || options.tls?.cert !== undefined;
    this.#client = options.client ?? new HttpClient({ ...options, ownOrigin: baseUrl.origin });
  }

  locate(path: string): string {
    return `${this.#origin}${this.#prefix}${path}`;
  }

  async read(path: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    const target = `${this.#prefix}${path}${this.#query}`;
    let headers = this.#headers;
    if (this.#options.authorization !== undefined) {
      const authorization = this.#options.authorization(target);
      const isLate = authorization instanceof Promise;
      const more = isLate ? await untilAborted(authorization, options.signal) : authorization;
      headers = [...headers, ...more];
    }
    let response = await this.#get(this.#origin, target, headers, options);
    if (isRedirect(response.status)) response = await this.#follow(response, target, options);
    const { body } = response;
    const coding = codingOf(response.headers);
    if (body === undefined || coding === undefined) return body;
    if (this.#options.refusesEncodings) throw new FormatError("has an encoding", "none", coding);
    return decodeReserved(coding, body, options);
  }

  otherLayout(): Promise<string | undefined> {
    return asOldLayout(this, this.location);
  }

  async close(): Promise<void> {
    if (this.#options.client === undefined) await this.#client.close();
  }

  /** An object, or the answer that there is none, or a redirect. */
  async #get(origin: string, path: string, usual: string[], options: ReadOptions): Promise<HttpResponse> {
    const { fresh, maxBytes, reservation, signal } = options;
    const { admit, observer, failure } = this.#options;
    signal?.throwIfAborted();
    const admitted = admit?.(signal);
    if (admitted !== undefined) await admitted;
    const { timeouts } = this.#client;
    const headers = fresh ? [...usual, ...NO_CACHE] : usual;
    const rules = { timeouts, observer, signal, reservation, maxBytes, wireLimit, tooLarge };
    const request = { origin, method: "GET", path, headers } as const;
    if (failure !== undefined) return await this.#getOfApi(request, rules, failure);
    const response = await this.#client.request(request, rules);
    const { status } = response;
    if (status === 200 || status === 404 || status === 410 || isRedirect(status)) return response;
    const shown = this.#hasCredentials ? (origin === this.#origin ? "refused" : "withheld") : "none";
    throw statusError(status, new URL(origin).host, retryAfterMs(response.headers), shown);
  }

  /** As `#get`, of a server whose failures have bodies that say more than their status. */
  async #getOfApi(
    request: HttpRequest,
    rules: ResponseRules,
    failure: (answer: ApiAnswer) => SourceError | undefined,
  ): Promise<HttpResponse> {
    let isObject = false;
    const response = await this.#client.request(request, {
      ...rules,
      wireLimit(status, headers, maxBytes) {
        isObject = status === 200;
        return isObject ? rules.wireLimit(status, headers, maxBytes) : MAX_ANSWER_BYTES;
      },
      tooLarge: (maxBytes, found) =>
        isObject ? rules.tooLarge(maxBytes, found) : answerTooLarge(request, MAX_ANSWER_BYTES),
    });
    if (isObject) return response;
    const { status, headers, body = Buffer.of() } = response;
    const error = failure({ status, headers, body });
    if (error !== undefined) throw error;
    return { status, headers, body: undefined };
  }

  async #follow(redirect: HttpResponse, target: string, options: ReadOptions): Promise<HttpResponse> {
    let response = redirect;
    let at = new URL(this.#origin + target);
    for (let redirects = 1; redirects <= MAX_REDIRECTS; redirects++) {
      at = redirectTarget(at, response.headers);
      this.#notice(at);
      const headers = at.origin === this.#origin ? this.#headers : this.#headersElsewhere;
      response = await this.#get(at.origin, at.pathname + at.search, headers, options);
      if (!isRedirect(response.status)) return response;
    }
    throw new SourceError(`is redirected more than ${MAX_REDIRECTS} times, last by ${excerpt(at.host)}`, {
      retryable: false,
      advice: "Give the address at which the log really is",
    });
  }

  /** Every object costs a second request then, and what the first one carries can be read on the way. */
  #notice({ protocol, origin }: URL): void {
    const isToTls = this.#origin.startsWith("http:") && protocol === "https:";
    if (!isToTls || this.#redirectNoticed) return;
    this.#redirectNoticed = true;
    const advice = this.#hasCredentials ? ", or the credentials are not sent there" : "";
    this.#options.notice?.(`${this.location} redirects to ${origin}: give the https address${advice}`);
  }
}

/** The most bytes that the body of an answer may have, where it is an object. */
function wireLimit(status: number, headers: ResponseHeaders, maxBytes: number): number | undefined {
  if (status !== 200) return undefined;
  return codingOf(headers) === undefined ? maxBytes : maxBytes + ENCODING_SLACK_BYTES;
}

/**
 * The coding in which a body came. Some servers choose one that nobody asked for.
 * @throws FormatError if there are several, or one that cannot be undone.
 */
function codingOf(headers: ResponseHeaders): Coding | undefined {
  const codings = contentCodings(headers);
  const coding = CODINGS.get(codings[0] ?? "");
  if (codings.length === 0 || (codings.length === 1 && coding !== undefined)) return coding;
  const found = excerpt(codings.join(", "));
  throw new FormatError("has an encoding that is not understood", "gzip, br, zstd or none", found);
}

const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["br", "br"],
  ["zstd", "zstd"],
]);

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

export function userAgent({
  userAgentVersion,
  contact,
}: Pick<HttpSourceOptions, "userAgentVersion" | "contact">): string {
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
