/**
 * One HTTP request and what comes back. This is the hot path of a migration: body bytes are read straight to
 * their place.
 */

import { type ReadOptions, tooLarge } from "../../lib/migrate/ports/source.ts";
import { FormatError, oneLine } from "../../lib/tlog/errors.ts";
import type { Abortable, AbortWatch } from "../shared/abort-watch.ts";
import { GZIP_SLACK_BYTES } from "../shared/gzip.ts";
import { type BodyOwner, HttpBody } from "./body.ts";
import type { Exchange, ExchangeCarrier } from "./connection.ts";
import { Deadline } from "./deadline.ts";
import { lengthError, networkError, type Peer, statusError, trickleError } from "./error-messages.ts";
import {
  announcedLength,
  contentCodings,
  type ResponseHeaders,
  redirectLocation,
  retryAfterMs,
} from "./headers.ts";
import { isRedirect } from "./redirect.ts";

/** Told of every HTTP request that is sent, redirects included. A status is 0 if there was no response. */
export interface RequestObserver {
  started(): void;
  /** The head of the response came, so many milliseconds after the request was sent; with what Retry-After asks for. */
  answered?(status: number, milliseconds: number, retryAfterMs: number | undefined): void;
  /**
   * The server has nothing more to do for it: it ended, or we hold it up since the reader has no room. Comes once,
   * and before `ended`.
   */
  released?(status: number): void;
  /** `bytesOnWire` counts the body as it came, before gunzip. */
  ended(status: number, milliseconds: number, bytesOnWire: number): void;
}

/** What a server may say to a GET other than that it cannot serve it. */
export type Answer =
  | { readonly kind: "object"; readonly bytes: Buffer; readonly gzipped: boolean }
  | { readonly kind: "absent" }
  | { readonly kind: "redirect"; readonly location: string | undefined };

/** Bodies that nobody wants are let pass up to this size and for so long; then a new connection is cheaper. */
const DUMP_BYTES = 1 << 16;
const DUMP_MS = 1000;

/** What an exchange needs beside the options of the read that it is for. */
export interface ExchangeContext {
  readonly peer: Peer;
  readonly aborts: AbortWatch;
  readonly observer: RequestObserver | undefined;
}

/** How the promise of an answer is settled. */
type Outcome = Pick<PromiseWithResolvers<Answer>, "resolve" | "reject">;

/** Hand it to connections, once: it then settles its outcome, whatever happens. */
export class HttpExchange implements Exchange, BodyOwner, Abortable {
  readonly #context: ExchangeContext;
  readonly #options: ReadOptions;
  readonly #startedAt: number;
  #sentAt = 0;
  /** For the whole of the response. Looked at when something arrives: the connection sees to it when nothing does. */
  readonly #deadline = new Deadline();
  /** Undefined once settled: what still points here must not keep the object alive. */
  #outcome: Outcome | undefined;
  /** Of an object whose answer is awaited. */
  #body: HttpBody | undefined;
  #carrier: ExchangeCarrier | undefined;
  #status = 0;
  #received = 0;
  /** The most that the body may have on the wire. */
  #wireLimit = 0;
  #gzipped = false;
  #complete = false;
  #released = false;
  #over = false;
  #dumpTimer: NodeJS.Timeout | undefined;

  constructor(context: ExchangeContext, options: ReadOptions, outcome: Outcome) {
    this.#context = context;
    this.#options = options;
    this.#outcome = outcome;
    this.#startedAt = performance.now();
    if (options.signal !== undefined) context.aborts.add(options.signal, this);
    context.observer?.started();
  }

  onRequestStart(carrier: ExchangeCarrier): boolean {
    // Given up while it was waiting for a connection, which remains for others.
    if (this.#outcome === undefined) {
      this.#end();
      return false;
    }
    this.#carrier = carrier;
    this.#sentAt = performance.now();
    this.#deadline.start(this.#context.peer.timeouts.objectMs);
    return true;
  }

  onRequestLost(): void {
    this.#carrier = undefined;
  }

  onArrival(): void {
    // Whatever came: interim responses, the lines of chunks and trailers can be trickled too.
    if (this.#deadline.passed) this.abort(trickleError(this.#context.peer));
  }

  onResponseStart(status: number, headers: ResponseHeaders): void {
    try {
      if (status >= 200) this.#respond(status, headers);
    } catch (error) {
      this.abort(error);
    }
  }

  onResponseData(bytes: Buffer): void {
    this.#received += bytes.length;
    try {
      if (this.#body !== undefined) this.#receive(this.#body, bytes);
      else if (this.#received > DUMP_BYTES) this.#carrier?.abort();
    } catch (error) {
      this.abort(error);
    }
  }

  bodySpace(): Buffer | undefined {
    return this.#body?.space();
  }

  onBodyFilled(count: number): void {
    this.#received += count;
    this.#body?.filled(count);
  }

  onResponseEnd(): void {
    this.#complete = true;
    if (this.#body?.waiting === false) this.#deliver(this.#body);
    this.#end();
  }

  onResponseError(error: Error): void {
    const sent = this.#carrier !== undefined;
    this.#settle()?.reject(networkError(error, this.#context.peer, sent));
    this.#end();
  }

  granted(): void {
    if (this.#body === undefined) return;
    this.#deadline.release();
    if (this.#complete) this.#deliver(this.#body);
    else this.#carrier?.resume();
  }

  refused(reason: unknown): void {
    this.abort(reason);
  }

  /** Rejects with `reason`, and ends the request if it is under way. */
  abort(reason: unknown): void {
    const outcome = this.#settle();
    if (outcome === undefined) return;
    outcome.reject(reason);
    this.#carrier?.abort();
  }

  #respond(status: number, headers: ResponseHeaders): void {
    this.#status = status;
    const retryAfter = status === 200 ? undefined : retryAfterMs(headers);
    this.#context.observer?.answered?.(status, performance.now() - this.#sentAt, retryAfter);
    if (status === 200) {
      this.#expectObject(announcedLength(headers), contentCodings(headers));
      return;
    }
    this.#dumpTimer = setTimeout(() => this.#carrier?.abort(), DUMP_MS);
    // What is made of headers may fail, and is made before the outcome is taken: nobody could be told after.
    if (status === 404 || status === 410) {
      this.#settle()?.resolve({ kind: "absent" });
    } else if (isRedirect(status)) {
      const location = redirectLocation(headers);
      this.#settle()?.resolve({ kind: "redirect", location });
    } else {
      this.#settle()?.reject(statusError(status, this.#context.peer.host, retryAfter));
    }
  }

  #expectObject(announced: number | undefined, codings: string[]): void {
    const { maxBytes, reservation } = this.#options;
    const [coding] = codings;
    this.#gzipped = coding === "gzip" || coding === "x-gzip";
    this.#wireLimit = maxBytes + (this.#gzipped ? GZIP_SLACK_BYTES : 0);
    if (codings.length > (this.#gzipped ? 1 : 0)) {
      const found = oneLine(codings.join(", "));
      this.abort(new FormatError("has an encoding that is not understood", "gzip or none", found));
    } else if (announced !== undefined && announced > this.#wireLimit) {
      this.abort(tooLarge(maxBytes, `${announced} bytes`));
    } else {
      this.#body = new HttpBody(announced, reservation, this);
    }
  }

  #receive(body: HttpBody, bytes: Buffer): void {
    if (this.#received > this.#wireLimit) {
      this.abort(tooLarge(this.#options.maxBytes, `more than ${this.#wireLimit} bytes`));
      return;
    }
    body.add(bytes);
    // Not before there are bytes to hold back: leave is nearly always given before the next ones arrive.
    if (!body.waiting) return;
    this.#carrier?.pause();
    this.#deadline.hold();
    this.#release();
  }

  #deliver(body: HttpBody): void {
    try {
      const bytes = body.take();
      if (bytes === undefined) this.#settle()?.reject(lengthError(this.#context.peer));
      else this.#settle()?.resolve({ kind: "object", bytes, gzipped: this.#gzipped });
    } catch (error) {
      // No memory to join the pieces in.
      this.#settle()?.reject(error);
    }
  }

  /** The outcome, for who comes first to settle it. */
  #settle(): Outcome | undefined {
    const outcome = this.#outcome;
    if (outcome === undefined) return undefined;
    this.#outcome = undefined;
    this.#body?.end();
    this.#body = undefined;
    if (this.#options.signal !== undefined) this.#context.aborts.remove(this.#options.signal, this);
    return outcome;
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#context.observer?.released?.(this.#status);
  }

  /** The connection is done with this request. */
  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#carrier = undefined;
    clearTimeout(this.#dumpTimer);
    this.#release();
    this.#context.observer?.ended(this.#status, performance.now() - this.#startedAt, this.#received);
  }
}
