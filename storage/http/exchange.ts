/**
 * One HTTP request and its response: the hot path of a migration. The body's bytes are copied into the object's buffer.
 * Once the exchange has ended nothing is written to it: the buffer may already hold another, authenticated object.
 */

import type { Socket } from "node:net";
import type { Dispatcher } from "undici";
import { LogError } from "../../lib/errors.ts";
import type { ConnectionOutlook } from "../../lib/migrate/ports/backend.ts";
import { excerpt } from "../../lib/tlog/note.ts";
import { formatCount } from "../../lib/tlog/quantities.ts";
import { addAbortable, removeAbortable } from "../shared/abort-watch.ts";
import { type BodyOwner, HttpBody } from "./body.ts";
import {
  codeOf,
  isEndOfConnection,
  lengthError,
  networkError,
  type Peer,
  timeoutError,
  unansweredError,
} from "./error-messages.ts";
import { announcedLength, type ResponseHeaders, retryAfterMs, statedLimit } from "./headers.ts";
import { NewConnection } from "./new-connection.ts";
import type { HttpRequest, HttpResponse, ResponseRules } from "./request.ts";

export interface Carrier {
  dispatch(exchange: Exchange): void;
}

export interface ExchangeConnection {
  /** What it carries. */
  exchange: Exchange | undefined;
  /** It carries this one from now on. */
  begin(exchange: Exchange): void;
  readonly socket: Socket | undefined;
  /** Whether its socket has carried an exchange: then the server may end it at any moment. */
  isKept: boolean;
  /** Whether it is still to be made. */
  readonly isNew: boolean;
  /** Ends the attempt to make it. */
  giveUp(error: Error): void;
  /** Ends it if a server has answered before all of the request's body was sent: its memory may be another's now. */
  endUnlessWritten(): void;
}

type Outcome = Pick<PromiseWithResolvers<HttpResponse>, "resolve" | "reject">;

/** Bodies that nobody wants are received up to this size and for so long; then a new connection is cheaper. */
const DUMP_BYTES = 1 << 16;
const DUMP_MS = 1000;

/** As much of a body is received before its server is held up: small ones leave their connection to others. */
const MAX_WAITING_BYTES = 1 << 15;

const NOT_WANTED = new Error("nobody wants this any more");

/** Settles its outcome, once, whatever happens. */
export class Exchange implements Dispatcher.DispatchHandler, BodyOwner {
  /** The connection that carries it, or is being made for it. */
  connection: ExchangeConnection | undefined;
  /** Whether anything of a response has come. */
  isAnswered = false;
  readonly request: HttpRequest;
  readonly newConnection: NewConnection;
  readonly #carrier: Carrier;
  readonly #rules: ResponseRules;
  readonly #startedAt = performance.now();
  /** Undefined once settled: what still points here must not keep the object alive. */
  #outcome: Outcome | undefined;
  /** While the request is on a connection. */
  #controller: Dispatcher.DispatchController | undefined;
  #sentAt = 0;
  #lastArrivalAt = 0;
  /** Since when its server is held up, and how long it was before: that time is not its own. */
  #heldAt: number | undefined;
  #heldMs = 0;
  #status = 0;
  #headers: ResponseHeaders = {};
  #body: HttpBody | undefined;
  #wireLimit = 0;
  #received = 0;
  #isReleased = false;
  #isOver = false;

  constructor(carrier: Carrier, request: HttpRequest, rules: ResponseRules, outcome: Outcome) {
    this.#carrier = carrier;
    this.request = request;
    this.#rules = rules;
    this.newConnection = new NewConnection(rules.observer);
    this.#outcome = outcome;
    if (rules.signal !== undefined) addAbortable(rules.signal, this);
    rules.observer?.started();
  }

  /** Whether the head of the response has come, and its end has not. */
  get inBody(): boolean {
    return this.#status !== 0 && !this.#isOver;
  }

  /** It is to go over this connection. */
  assign(connection: ExchangeConnection): void {
    this.connection = connection;
    this.newConnection.assign(connection);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.connection?.begin(this);
    // An error here, and none later, leaves the connection to others.
    if (this.#outcome === undefined) throw NOT_WANTED;
    this.#controller = controller;
    this.#sentAt = performance.now();
  }

  onResponseStarted(): void {
    this.isAnswered = true;
    this.newConnection.served(this.connection?.socket);
  }

  onResponseStart(_controller: unknown, status: number, headers: ResponseHeaders): void {
    if (status < 200 || this.#isOver) return;
    try {
      this.#respond(status, headers);
    } catch (error) {
      this.abort(error);
    }
  }

  onResponseData(_controller: unknown, chunk: Uint8Array): void {
    this.#received += chunk.length;
    this.#lastArrivalAt = performance.now();
    try {
      if (this.#body !== undefined) this.#receive(this.#body, chunk);
      else if (this.#received > DUMP_BYTES) this.#controller?.abort(NOT_WANTED);
    } catch (error) {
      this.abort(error);
    }
  }

  onResponseEnd(): void {
    if (this.#body?.waiting === false) this.#deliver(this.#body);
    if (this.request.body !== undefined) this.connection?.endUnlessWritten();
    this.#end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    const isSent = this.#controller !== undefined;
    this.#controller = undefined;
    const code = codeOf(error);
    if (this.#isUnread(code)) {
      queueMicrotask(() => this.#carrier.dispatch(this));
      return;
    }
    const isCutOff = this.#body?.announced !== undefined && code === "UND_ERR_SOCKET";
    // What a server that has as many connections as it takes may do to a new one.
    const isNotTaken = isEndOfConnection(code) || code === "ECONNREFUSED";
    const isTurnedAway = this.#outcome !== undefined && isNotTaken && this.newConnection.turnedAway();
    const failure = () => networkError(error, this.#peer, isSent, isTurnedAway);
    this.#settle()?.reject(isCutOff ? lengthError(this.#peer) : failure());
    this.#end();
  }

  granted(): void {
    if (this.#heldAt !== undefined) {
      this.#lastArrivalAt = performance.now();
      this.#heldMs += this.#lastArrivalAt - this.#heldAt;
      this.#heldAt = undefined;
    }
    if (this.#body === undefined) return;
    if (this.#isOver) this.#deliver(this.#body);
    else this.#controller?.resume();
  }

  /** Rejects with `reason`, and ends the request if it is under way. */
  abort(reason: unknown): void {
    const outcome = this.#settle();
    if (outcome === undefined) return;
    outcome.reject(reason);
    this.#controller?.abort(NOT_WANTED);
  }

  /** Rejects with `reason`: the request was not even handed on. */
  fail(reason: unknown): void {
    this.#settle()?.reject(reason);
    this.#end();
  }

  /** Rejects since the request could not be handed on, for a reason of ours or of undici's. */
  refuse(reason: unknown): void {
    const isOurs = reason instanceof LogError || !(reason instanceof Error);
    this.fail(isOurs ? reason : networkError(reason, this.#peer, false));
  }

  /** Ends it if its server has had its time. */
  checkTime(now: number): void {
    if (this.#heldAt !== undefined) return;
    const { headersMs, bodyMs, objectMs } = this.#rules.timeouts;
    if (this.#outcome === undefined) {
      if (now - this.#lastArrivalAt > DUMP_MS) this.#controller?.abort(NOT_WANTED);
    } else if (now - this.#sentAt - this.#heldMs > objectMs) this.abort(timeoutError(this.#peer, "objectMs"));
    else if (this.#status === 0) {
      if (now - this.#sentAt > headersMs) this.abort(timeoutError(this.#peer, "headersMs"));
    } else if (now - this.#lastArrivalAt > bodyMs) this.abort(timeoutError(this.#peer, "bodyMs"));
  }

  /** Gives up a new connection that has had its time for a first answer. @returns whether it did. */
  checkFirstAnswer(now: number, outlook: ConnectionOutlook): boolean {
    const waitedMs = this.#outcome && this.newConnection.giveUp(now, outlook);
    if (waitedMs === undefined) return false;
    const reason = unansweredError(this.#peer, waitedMs);
    this.#settle()?.reject(reason);
    if (this.#controller !== undefined) this.#controller.abort(NOT_WANTED);
    else this.connection?.giveUp(reason);
    return true;
  }

  get #peer(): Peer {
    return { host: excerpt(new URL(this.request.origin).host), timeouts: this.#rules.timeouts };
  }

  /**
   * Whether the server had ended the connection before it read the request: it may do so at any moment with one that
   * was kept (RFC 9112 section 9.3.1), and that says nothing about the server.
   */
  #isUnread(code: string): boolean {
    const isKept = this.connection?.isKept === true;
    return isKept && !this.isAnswered && this.#outcome !== undefined && isEndOfConnection(code);
  }

  #respond(status: number, headers: ResponseHeaders): void {
    this.#status = status;
    this.#headers = headers;
    this.#lastArrivalAt = performance.now();
    const retryAfter = status === 200 ? undefined : retryAfterMs(headers);
    const { maxBytes, observer, reservation } = this.#rules;
    observer?.answered?.(status, this.#lastArrivalAt - this.#sentAt, retryAfter, statedLimit(headers));
    const wireLimit = this.#rules.wireLimit(status, headers, maxBytes);
    if (wireLimit === undefined) {
      this.#settle()?.resolve({ status, headers, body: undefined });
      return;
    }
    this.#wireLimit = wireLimit;
    const announced = announcedLength(headers);
    if (announced !== undefined && announced > wireLimit) {
      throw this.#rules.tooLarge(maxBytes, `${formatCount(announced)} bytes`);
    }
    this.#body = new HttpBody(announced, reservation, this);
  }

  #receive(body: HttpBody, chunk: Uint8Array): void {
    if (this.#received > this.#wireLimit) {
      throw this.#rules.tooLarge(this.#rules.maxBytes, `more than ${formatCount(this.#wireLimit)} bytes`);
    }
    body.add(chunk);
    if (!body.waiting || this.#received <= MAX_WAITING_BYTES || this.#heldAt !== undefined) return;
    this.#controller?.pause();
    this.#heldAt = this.#lastArrivalAt;
    this.#release();
  }

  #deliver(body: HttpBody): void {
    try {
      const bytes = body.take();
      if (bytes === undefined) this.#settle()?.reject(lengthError(this.#peer));
      else this.#settle()?.resolve({ status: this.#status, headers: this.#headers, body: bytes });
    } catch (error) {
      // No memory to join the pieces in.
      this.#settle()?.reject(error);
    }
  }

  /** The outcome, for whoever comes first to settle it. */
  #settle(): Outcome | undefined {
    const outcome = this.#outcome;
    if (outcome === undefined) return undefined;
    this.#outcome = undefined;
    this.#body?.end();
    this.#body = undefined;
    if (this.#rules.signal !== undefined) removeAbortable(this.#rules.signal, this);
    return outcome;
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#rules.observer?.released?.(this.#status);
  }

  /** The connection is done with this request. */
  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller = undefined;
    if (this.connection?.exchange === this) {
      this.connection.exchange = undefined;
      this.connection.isKept = true;
    }
    this.#release();
    this.#rules.observer?.ended(this.#status, performance.now() - this.#startedAt, this.#received);
  }
}
