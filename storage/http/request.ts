/** An HTTP request, how its response is to be taken, and the response. */

import type { RequestObserver } from "../../lib/migrate/ports/backend.ts";
import type { ByteReservation } from "../../lib/migrate/ports/source.ts";
import type { HttpTimeouts } from "./error-messages.ts";
import type { ResponseHeaders } from "./headers.ts";

/** What is asked of a server. It may be sent again if the connection is found to have ended. */
export interface HttpRequest {
  readonly origin: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path and query. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  /** In pieces, which stay as they are until the exchange ends. */
  readonly body?: readonly Uint8Array[];
}

/** How a response is taken. */
export interface ResponseRules {
  readonly timeouts: HttpTimeouts;
  readonly signal?: AbortSignal | undefined;
  readonly observer?: RequestObserver | undefined;
  /** Where the memory for the body comes from. */
  readonly reservation?: ByteReservation | undefined;
  /** Once any encoding is undone. */
  readonly maxBytes: number;
  /**
   * The most bytes that the body may have on the wire, undefined if it is not wanted.
   * @throws what the exchange is to fail with.
   */
  wireLimit(status: number, headers: ResponseHeaders, maxBytes: number): number | undefined;
  /** What the exchange fails with if the body has more. */
  tooLarge(maxBytes: number, found: string): Error;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Undefined where it is not wanted: then the response is there as soon as its head came. */
  readonly body: Buffer | undefined;
}
