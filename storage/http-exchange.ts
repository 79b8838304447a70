/**
 * One HTTP request and what comes back. This is the hot path of a migration: it takes undici's events as they
 * are, and body bytes go from the socket's buffer to their place with one copy.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { FormatError, oneLine } from "../lib/tlog/errors.ts";
import type { Abortable, AbortWatch } from "./abort-watch.ts";
import { networkError, type Peer, statusError } from "./http-errors.ts";
import { isRedirect } from "./redirect.ts";
import { parseRetryAfter } from "./retry-after.ts";
import type { ByteReservation, ReadOptions } from "./source.ts";

/** Told of every HTTP request that is sent, redirects included. */
export interface RequestObserver {
  started(): void;
  /** `status` is 0 if there was no response; `bytesOnWire` counts the body as it came, before gunzip. */
  ended(status: number, milliseconds: number, bytesOnWire: number): void;
}

/** What a server may say to a GET other than that it cannot serve it. */
export type Answer =
  | { readonly kind: "object"; readonly bytes: Buffer; readonly gzipped: boolean }
  | { readonly kind: "absent" }
  | { readonly kind: "redirect"; readonly location: string | undefined };

/**
 * How much larger than the object its gzip encoding may be. Bytes that do not compress are stored at 5 bytes a
 * block of up to 64 KiB, and a header may carry 64 KiB of extra field.
 */
const GZIP_SLACK_BYTES = 1 << 17;

/** Bodies that nobody wants are read up to this size and for so long, to keep the connection. */
const DUMP_BYTES = 1 << 16;
const DUMP_MS = 1000;

/** What undici is told when we end a request; nobody sees it. */
const ENDED_BY_US = new Error("the request was ended");

/** An object larger than a read allows. */
export function tooLarge(maxBytes: number, found: string): FormatError {
  return new FormatError("is larger than an object of its kind can be", `at most ${maxBytes} bytes`, found);
}

/** Hand it to a dispatcher, once; `answer` settles when all is known. */
export class HttpExchange implements Dispatcher.DispatchHandler, Abortable {
  readonly answer: Promise<Answer>;
  readonly #peer: Peer;
  readonly #maxBytes: number;
  readonly #reservation: ByteReservation | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #watch: AbortWatch;
  readonly #observer: RequestObserver | undefined;
  readonly #startedAt: number;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (reason: unknown) => void;

  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #over = false;
  #status = 0;
  #received = 0;
  #gzipped = false;
  /** The most that the body may have on the wire. */
  #wireLimit = 0;
  /** Of a body of known length, once there is leave to hold it. */
  #exact: Buffer | undefined;
  /** Of a body of unknown length, or one that arrives before there is leave to hold it. */
  #pieces: Buffer[] = [];
  #announced: number | undefined;
  #granted = 0;
  #waiting = false;
  #complete = false;
  #dumpTimer: NodeJS.Timeout | undefined;

  constructor(peer: Peer, options: ReadOptions, watch: AbortWatch, observer: RequestObserver | undefined) {
    this.#peer = peer;
    this.#maxBytes = options.maxBytes;
    this.#reservation = options.reservation;
    this.#signal = options.signal;
    this.#watch = watch;
    this.#observer = observer;
    this.#startedAt = observer === undefined ? 0 : performance.now();
    ({
      promise: this.answer,
      resolve: this.#resolve,
      reject: this.#reject,
    } = Promise.withResolvers<Answer>());
    if (this.#signal !== undefined) watch.add(this.#signal, this);
    observer?.started();
  }

  abort(reason: unknown): void {
    this.#fail(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it was waiting for a connection, which remains for others.
    if (this.#settled) throw ENDED_BY_US;
    this.#controller = controller;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) return;
    this.#status = status;
    const announced = announcedLength(headers);
    if (status === 200) {
      this.#expectObject(announced, headers["content-encoding"]);
      return;
    }
    if (status === 404 || status === 410) this.#succeed({ kind: "absent" });
    else if (isRedirect(status)) this.#succeed({ kind: "redirect", location: headers.location });
    else this.#settleWith(statusError(status, this.#peer.host, retryAfter(headers["retry-after"])));
    if (announced !== undefined && announced > DUMP_BYTES) controller.abort(ENDED_BY_US);
    else this.#dumpTimer = setTimeout(() => controller.abort(ENDED_BY_US), DUMP_MS);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const at = this.#received;
    this.#received += chunk.length;
    if (this.#settled) {
      if (this.#received > DUMP_BYTES) controller.abort(ENDED_BY_US);
    } else if (this.#received > this.#wireLimit) {
      this.#fail(tooLarge(this.#maxBytes, `more than ${this.#wireLimit} bytes`));
    } else if (this.#exact !== undefined) {
      this.#exact.set(chunk, at);
    } else {
      this.#pieces.push(chunk);
      if (this.#announced === undefined) this.#growTo(this.#received);
      if (this.#waiting) controller.pause();
    }
  }

  onResponseEnd(): void {
    this.#end();
    this.#complete = true;
    if (!this.#settled && !this.#waiting) this.#deliver();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#end();
    this.#settleWith(
      error === ENDED_BY_US ? error : networkError(error, this.#peer, this.#controller !== undefined),
    );
  }

  #expectObject(announced: number | undefined, encoding: string | undefined): void {
    const coding = encoding?.trim().toLowerCase() ?? "";
    this.#gzipped = coding === "gzip" || coding === "x-gzip";
    if (!this.#gzipped && coding !== "" && coding !== "identity") {
      this.#fail(new FormatError("has an encoding that is not understood", "gzip or none", oneLine(coding)));
      return;
    }
    this.#wireLimit = this.#maxBytes + (this.#gzipped ? GZIP_SLACK_BYTES : 0);
    this.#announced = announced;
    if (announced === undefined) return;
    if (announced > this.#wireLimit) this.#fail(tooLarge(this.#maxBytes, `${announced} bytes`));
    else if (this.#reservation === undefined) this.#exact = Buffer.allocUnsafeSlow(announced);
    else this.#reserve(this.#reservation, announced);
  }

  /** Asks in doubling steps for the pieces that are held and for the buffer in which they will be joined. */
  #growTo(held: number): void {
    const needed = 2 * held;
    if (this.#reservation === undefined || this.#waiting || needed <= this.#granted) return;
    this.#reserve(this.#reservation, Math.max(needed, Math.min(2 * this.#granted, 2 * this.#wireLimit)));
  }

  #reserve(reservation: ByteReservation, bytes: number): void {
    this.#waiting = true;
    // The response is not paused yet: leave is nearly always given before the next bytes arrive.
    reservation.atLeast(bytes).then(
      () => this.#proceed(bytes),
      (reason: unknown) => this.#fail(reason),
    );
  }

  #proceed(granted: number): void {
    if (this.#settled) return;
    this.#waiting = false;
    this.#granted = granted;
    if (this.#announced !== undefined) this.#exact = this.#gathered(this.#announced);
    else this.#growTo(this.#received);
    if (this.#waiting) return;
    if (this.#complete) this.#deliver();
    else this.#controller?.resume();
  }

  #deliver(): void {
    if (this.#exact !== undefined && this.#received !== this.#exact.length) {
      this.#settleWith(networkError(lengthMismatch(), this.#peer, true));
      return;
    }
    const bytes = this.#exact ?? this.#gathered(this.#received);
    this.#succeed({ kind: "object", bytes, gzipped: this.#gzipped });
  }

  /** The pieces in one buffer of `length` bytes, of which they may be the beginning. */
  #gathered(length: number): Buffer {
    const whole = Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    return whole;
  }

  /** Settles, and ends the request if it is under way. */
  #fail(reason: unknown): void {
    this.#settleWith(reason);
    this.#controller?.abort(ENDED_BY_US);
  }

  #settleWith(reason: unknown): void {
    if (this.#settled) return;
    this.#release();
    this.#reject(reason);
  }

  #succeed(answer: Answer): void {
    this.#release();
    this.#resolve(answer);
  }

  #release(): void {
    this.#settled = true;
    this.#pieces = [];
    this.#exact = undefined;
    if (this.#signal !== undefined) this.#watch.remove(this.#signal, this);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#dumpTimer);
    this.#observer?.ended(this.#status, performance.now() - this.#startedAt, this.#received);
  }
}

/** Content-Length, which means nothing beside Transfer-Encoding (RFC 9112 §6.3). */
function announcedLength(headers: IncomingHttpHeaders): number | undefined {
  const length = headers["content-length"];
  return length === undefined || headers["transfer-encoding"] !== undefined ? undefined : Number(length);
}

function retryAfter(value: string | undefined): number | undefined {
  return value === undefined ? undefined : parseRetryAfter(value, Date.now());
}

function lengthMismatch(): Error {
  return Object.assign(new Error("a body not as long as announced"), {
    code: "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  });
}
