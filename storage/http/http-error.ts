/** What goes wrong with an HTTP connection of our own making; what the system and TLS report keeps its own codes. */

/** Every way in which an exchange fails by itself. */
export type HttpFaultCode =
  | "CONNECT_TIMEOUT"
  | "HEADERS_TIMEOUT"
  | "BODY_TIMEOUT"
  /** What came is not HTTP/1.1, or says two things at once. */
  | "NOT_HTTP"
  | "HEADERS_TOO_LARGE"
  /** The connection ended before the body was as long as announced. */
  | "LENGTH_MISMATCH"
  /** The connection ended before the response did. */
  | "BROKEN_OFF"
  /** We ended it: nobody wants the rest, or the source was closed. */
  | "ENDED_BY_US"
  | "SOURCE_CLOSED"
  /** A path that cannot stand in a request line. */
  | "BAD_PATH";

export class HttpError extends Error {
  readonly code: HttpFaultCode;

  constructor(code: HttpFaultCode, message: string = code) {
    super(message);
    this.name = "HttpError";
    this.code = code;
  }
}
