/** Hears what a ResponseReader tells, for tests. */

import { expect } from "vitest";
import type { ResponseHeaders } from "../../../storage/http/headers.ts";
import { HttpError } from "../../../storage/http/http-error.ts";
import { ResponseReader, type ResponseSink } from "../../../storage/http/response-reader.ts";

/** What a reader told, data that came in pieces joined. */
export type Told =
  | { readonly start: number; readonly headers: ResponseHeaders }
  | { readonly data: string }
  | { readonly end: "persistent" | "last" }
  | { readonly fault: string };

/** Hears a reader, and checks that it stays within the order that it promises. */
export class Recorder implements ResponseSink {
  readonly told: Told[] = [];
  readonly reader = new ResponseReader(this);

  constructor() {
    this.reader.expect();
  }

  onResponseStart(start: number, headers: ResponseHeaders): void {
    this.told.push({ start, headers: { ...headers } });
  }

  onResponseData(bytes: Buffer): void {
    expect(bytes.length).toBeGreaterThan(0);
    this.#data(bytes.toString("latin1"));
  }

  onResponseEnd(): void {
    this.told.push({ end: this.reader.persistent ? "persistent" : "last" });
  }

  /** A piece as a connection reads it; `direct` is where the body's bytes go straight to their place. */
  feed(piece: Buffer, direct: boolean): void {
    for (let at = 0; at < piece.length; ) {
      const left = direct ? this.reader.bodyBytesLeft : 0;
      const end = left === 0 ? piece.length : Math.min(piece.length, at + left);
      if (left === 0) this.reader.read(piece.subarray(at, end));
      else {
        this.#data(piece.toString("latin1", at, end));
        this.reader.skip(end - at);
      }
      at = end;
    }
  }

  #data(text: string): void {
    const last = this.told.at(-1);
    const before = last !== undefined && "data" in last ? last.data : "";
    if (before !== "") this.told.pop();
    this.told.push({ data: before + text });
  }
}

/** What becomes of `text` when it comes in `pieces`, and whether the connection ends after it. */
export function read(
  text: string | Buffer,
  { ends = false, pieces = [] as readonly number[], direct = false } = {},
): Told[] {
  const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
  const recorder = new Recorder();
  try {
    let at = 0;
    for (const piece of pieces) {
      // A copy: what came before must not be looked at again.
      recorder.feed(Buffer.from(bytes.subarray(at, at + piece)), direct);
      at += piece;
    }
    recorder.feed(bytes.subarray(at), direct);
    if (ends) recorder.reader.ended();
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    recorder.told.push({ fault: error.code });
  }
  return recorder.told;
}

/** One byte at a time. */
export function bytewise(text: string, ends = false): Told[] {
  return read(text, { ends, pieces: Array.from(text, () => 1) });
}

export const OK = "HTTP/1.1 200 OK\r\n";
export const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
export const CHUNKED_START: Told = { start: 200, headers: { "transfer-encoding": "chunked" } };
