/**
 * Reads HTTP/1.1 responses off a connection (RFC 9112). Whoever sends them may be hostile: what could be
 * understood in two ways (two lengths, a length beside chunks, a folded header) is refused, everything that has
 * to be held is bounded, and bytes that belong to no response are never taken for the next one.
 *
 * The body's bytes are handed on as they lie in the read buffer. Of a body whose length is announced, the
 * connection can read the rest straight to where it shall be and only say how much that was.
 */

import {
  listOf,
  NO_STATUS_LINE,
  parseChunkSize,
  parseHeaders,
  parseLength,
  parseStatusLine,
} from "./grammar.ts";
import type { ResponseHeaders } from "./headers.ts";
import { HttpError } from "./http-error.ts";

/** What becomes of a response. Bytes are good until the call returns. */
export interface ResponseSink {
  /** The head of a response, interim ones (status 1xx) included. */
  onResponseStart(status: number, headers: ResponseHeaders): void;
  onResponseData(bytes: Buffer): void;
  onResponseEnd(): void;
}

/** Of a head, its interim predecessors not counted, and of the trailers: what undici and Node allow too. */
const MAX_HEAD_BYTES = 1 << 14;

/** Of a chunk's line: its size, and extensions that nobody uses. */
const MAX_CHUNK_LINE_BYTES = 1 << 10;

const PROTOCOL = Buffer.from("HTTP/1.");
const HEAD_END = Buffer.from("\r\n\r\n");
const NOTHING = Buffer.alloc(0);

type State =
  /** Nothing is awaited. */
  | "idle"
  | "head"
  /** A body of announced length. */
  | "body"
  /** A body that ends with the connection. */
  | "body-until-end"
  | "chunk-line"
  | "chunk"
  /** The line break behind a chunk's bytes. */
  | "chunk-end"
  | "trailers";

export class ResponseReader {
  readonly #sink: ResponseSink;
  #state: State = "idle";
  /** Body bytes, or bytes of a chunk, that are still to come. */
  #left = 0;
  /** A head of which the end has not come, in the first bytes. */
  #head = NOTHING;
  #headBytes = 0;
  /** A line of which the end has not come. */
  #begun = "";
  #trailerBytes = 0;
  #persistent = true;
  #stopped = false;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  /** A request was sent: the next bytes are a response. */
  expect(): void {
    if (this.#state !== "idle") throw new Error("one response at a time");
    this.#state = "head";
  }

  /** Whether a response is awaited or under way. */
  get busy(): boolean {
    return this.#state !== "idle";
  }

  get awaitsHead(): boolean {
    return this.#state === "head";
  }

  /** Whether the connection may carry another request after this response. */
  get persistent(): boolean {
    return this.#persistent;
  }

  /** Bytes of a body of announced length that are still to come; 0 if that is not what comes next. */
  get bodyBytesLeft(): number {
    return this.#state === "body" ? this.#left : 0;
  }

  /** Nothing is to be told any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** `bytes` came. @throws HttpError if they cannot be what they should. */
  read(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.#stopped; ) at = this.#readSome(bytes, at);
  }

  /** `count` bytes of the body came, and are where they shall be; no more than `bodyBytesLeft`. */
  skip(count: number): void {
    if (this.#state !== "body" || count > this.#left) throw new Error("these bytes are not the body's");
    this.#left -= count;
    if (this.#left === 0) this.#end();
  }

  /** The connection was ended by the other side. @throws HttpError unless that is how this response ends. */
  ended(): void {
    if (this.#state === "body-until-end") this.#end();
    else if (this.#state === "body") throw new HttpError("LENGTH_MISMATCH");
    else if (this.#state !== "idle") throw new HttpError("BROKEN_OFF");
  }

  #readSome(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case "idle":
        throw new HttpError("NOT_HTTP", "bytes that belong to no response");
      case "head":
        return this.#readHead(bytes, at);
      case "body":
      case "chunk":
        return this.#readCounted(bytes, at);
      case "body-until-end":
        this.#sink.onResponseData(bytes.subarray(at));
        return bytes.length;
      default:
        return this.#readLine(bytes, at);
    }
  }

  #readCounted(bytes: Buffer, at: number): number {
    const end = Math.min(at + this.#left, bytes.length);
    this.#left -= end - at;
    this.#sink.onResponseData(bytes.subarray(at, end));
    if (this.#left > 0) return end;
    if (this.#state === "body") this.#end();
    else this.#state = "chunk-end";
    return end;
  }

  #readHead(bytes: Buffer, at: number): number {
    const end = this.#headBytes === 0 ? bytes.indexOf(HEAD_END, at) : -1;
    if (end === -1 || end + HEAD_END.length - at > MAX_HEAD_BYTES) return this.#gatherHead(bytes, at);
    this.#takeHead(bytes.toString("latin1", at, end));
    return end + HEAD_END.length;
  }

  /** A head that comes in several parts, or is too long. The work grows with its bytes, not with the parts. */
  #gatherHead(bytes: Buffer, at: number): number {
    const before = this.#headBytes;
    if (before === 0) this.#head = Buffer.allocUnsafe(MAX_HEAD_BYTES);
    const head = this.#head;
    const have = before + bytes.copy(head, before, at);
    // A server of another protocol says its say and then waits for us, for as long as we wait for it.
    const known = Math.min(have, PROTOCOL.length);
    if (head.compare(PROTOCOL, 0, known, 0, known) !== 0) throw new HttpError("NOT_HTTP", NO_STATUS_LINE);
    const end = head.subarray(0, have).indexOf(HEAD_END, Math.max(0, before - HEAD_END.length + 1));
    if (end === -1) {
      if (have === MAX_HEAD_BYTES) throw new HttpError("HEADERS_TOO_LARGE");
      this.#headBytes = have;
      return bytes.length;
    }
    this.#head = NOTHING;
    this.#headBytes = 0;
    this.#takeHead(head.toString("latin1", 0, end));
    return at + end + HEAD_END.length - before;
  }

  #takeHead(head: string): void {
    const [statusLine = "", ...lines] = head.split("\r\n");
    const { status, minor } = parseStatusLine(statusLine);
    const headers = parseHeaders(lines);
    if (status === 101) throw new HttpError("NOT_HTTP", "a switch of protocols that nobody asked for");
    this.#frame(status, minor, headers);
    const empty = this.#state === "body" && this.#left === 0;
    this.#sink.onResponseStart(status, headers);
    if (empty && !this.#stopped) this.#end();
  }

  /** How the body is framed (RFC 9112 section 6.3), and whether another response can follow it. */
  #frame(status: number, minor: number, headers: ResponseHeaders): void {
    const options = listOf(headers.connection);
    this.#persistent = !options.includes("close") && (minor === 1 || options.includes("keep-alive"));
    this.#state = "body";
    this.#left = 0;
    const length = headers["content-length"];
    const codings = headers["transfer-encoding"];
    if (codings !== undefined) {
      if (length !== undefined) throw new HttpError("NOT_HTTP", "a length beside a transfer coding");
      if (minor === 0 || typeof codings !== "string" || codings.toLowerCase() !== "chunked")
        throw new HttpError("NOT_HTTP", "a transfer coding other than chunked");
    }
    const announced = length === undefined ? undefined : parseLength(length);
    if (status < 200) {
      if (!this.#persistent) throw new HttpError("NOT_HTTP", "an interim response that is the last");
      this.#state = "head";
      return;
    }
    if (status === 204 || status === 304) return;
    if (codings !== undefined) {
      this.#state = "chunk-line";
      this.#trailerBytes = 0;
    } else if (announced !== undefined) {
      this.#left = announced;
    } else {
      this.#state = "body-until-end";
      this.#persistent = false;
    }
  }

  #readLine(bytes: Buffer, at: number): number {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline === -1 ? bytes.length : newline + 1;
    const limit = this.#state === "trailers" ? MAX_HEAD_BYTES : MAX_CHUNK_LINE_BYTES;
    if (this.#begun.length + end - at > limit) throw new HttpError("HEADERS_TOO_LARGE");
    this.#begun += bytes.toString("latin1", at, end);
    if (newline === -1) return end;
    const line = this.#begun;
    this.#begun = "";
    if (!line.endsWith("\r\n")) throw new HttpError("NOT_HTTP", "a line break that is none");
    this.#takeLine(line.slice(0, -2));
    return end;
  }

  #takeLine(line: string): void {
    if (this.#state === "chunk-line") {
      this.#left = parseChunkSize(line);
      this.#state = this.#left === 0 ? "trailers" : "chunk";
    } else if (this.#state === "chunk-end") {
      if (line !== "") throw new HttpError("NOT_HTTP", "a chunk that does not end where it should");
      this.#state = "chunk-line";
    } else if (line === "") {
      this.#end();
    } else {
      this.#trailerBytes += line.length;
      if (this.#trailerBytes > MAX_HEAD_BYTES) throw new HttpError("HEADERS_TOO_LARGE");
      const trailer = parseHeaders([line]);
      if ("content-length" in trailer || "transfer-encoding" in trailer)
        throw new HttpError("NOT_HTTP", "a length behind the body");
    }
  }

  #end(): void {
    this.#state = "idle";
    this.#sink.onResponseEnd();
  }
}
