/** A request whose answer is small: what an HTTP API says to what it was asked to do. */

import { SourceError } from "../../lib/migrate/ports/source.ts";
import type { Abortable, AbortWatch } from "../shared/abort-watch.ts";
import type { Exchange, ExchangeCarrier } from "./connection.ts";
import { Deadline } from "./deadline.ts";
import { networkError, type Peer, trickleError } from "./error-messages.ts";
import type { ResponseHeaders } from "./headers.ts";

/** What an API answered, whatever its status. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
}

/** What a call needs beside the request. */
export interface CallContext {
  readonly peer: Peer;
  readonly aborts: AbortWatch;
}

type Outcome = Pick<PromiseWithResolvers<ApiAnswer>, "resolve" | "reject">;

const MAX_ANSWER_BYTES = 1 << 20;

/** Hand it to connections, once: it then settles its outcome, whatever happens. */
export class HttpCall implements Exchange, Abortable {
  readonly #context: CallContext;
  readonly #signal: AbortSignal | undefined;
  readonly #deadline = new Deadline();
  #outcome: Outcome | undefined;
  #carrier: ExchangeCarrier | undefined;
  #status = 0;
  #headers: ResponseHeaders = {};
  #pieces: Buffer[] = [];
  #received = 0;

  constructor(context: CallContext, signal: AbortSignal | undefined, outcome: Outcome) {
    this.#context = context;
    this.#signal = signal;
    this.#outcome = outcome;
    if (signal !== undefined) context.aborts.add(signal, this);
  }

  onRequestStart(carrier: ExchangeCarrier): boolean {
    if (this.#outcome === undefined) return false;
    this.#carrier = carrier;
    this.#deadline.start(this.#context.peer.timeouts.objectMs);
    return true;
  }

  onRequestLost(): void {
    this.#carrier = undefined;
  }

  onArrival(): void {
    if (this.#deadline.passed) this.abort(trickleError(this.#context.peer));
  }

  onResponseStart(status: number, headers: ResponseHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(bytes: Buffer): void {
    this.#received += bytes.length;
    if (this.#received > MAX_ANSWER_BYTES) {
      const problem = `${this.#context.peer.host} answered with more than ${MAX_ANSWER_BYTES} bytes`;
      this.abort(new SourceError(problem, { retryable: false }));
    } else if (this.#outcome !== undefined) {
      this.#pieces.push(Buffer.from(bytes));
    }
  }

  bodySpace(): undefined {
    return undefined;
  }

  onBodyFilled(): void {}

  onResponseEnd(): void {
    this.#carrier = undefined;
    const body = Buffer.concat(this.#pieces);
    this.#settle()?.resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(error: Error): void {
    const sent = this.#carrier !== undefined;
    this.#carrier = undefined;
    this.#settle()?.reject(networkError(error, this.#context.peer, sent));
  }

  abort(reason: unknown): void {
    const outcome = this.#settle();
    if (outcome === undefined) return;
    outcome.reject(reason);
    this.#carrier?.abort();
  }

  #settle(): Outcome | undefined {
    const outcome = this.#outcome;
    this.#outcome = undefined;
    this.#pieces = outcome === undefined ? [] : this.#pieces;
    if (outcome !== undefined && this.#signal !== undefined) this.#context.aborts.remove(this.#signal, this);
    return outcome;
  }
}
