/** How the answer to a request for an object is interpreted. */

import { type SourceError, tooLarge } from "../../lib/migrate/ports/source.ts";
import { FormatError } from "../../lib/tlog/errors.ts";
import { excerpt } from "../../lib/tlog/note.ts";
import { type Coding, ENCODING_SLACK_BYTES } from "../shared/inflate.ts";
import { type ApiAnswer, answerTooLarge, MAX_ANSWER_BYTES } from "./client.ts";
import { announcedLength, contentCodings, type ResponseHeaders } from "./headers.ts";
import { isRedirect } from "./redirects.ts";
import type { ResponseRules } from "./request.ts";
import {
  type Answer,
  type CredentialsShown,
  explains,
  MAX_EXPLANATION_BYTES,
  statusError,
} from "./status-errors.ts";

/** Who answers. */
export interface Answerer {
  readonly host: string;
  readonly credentials: CredentialsShown;
}

type Given = Pick<ResponseRules, "timeouts" | "observer" | "signal" | "reservation" | "maxBytes">;

/** The error for an API's answer that is not an object; undefined if the object does not exist. */
export type FailureOfApi = (answer: ApiAnswer) => SourceError | undefined;

/** The rules for one request. */
export class ObjectRules implements ResponseRules {
  readonly timeouts: ResponseRules["timeouts"];
  readonly observer: ResponseRules["observer"];
  readonly signal: ResponseRules["signal"];
  readonly reservation: ResponseRules["reservation"];
  readonly maxBytes: number;
  readonly #answerer: Answerer;
  readonly #failureOfApi: FailureOfApi | undefined;
  #answer: Answer | undefined;

  constructor(
    { timeouts, observer, signal, reservation, maxBytes }: Given,
    answerer: Answerer,
    failureOfApi?: FailureOfApi,
  ) {
    this.timeouts = timeouts;
    this.observer = observer;
    this.signal = signal;
    this.reservation = reservation;
    this.maxBytes = maxBytes;
    this.#answerer = answerer;
    this.#failureOfApi = failureOfApi;
  }

  wireLimit(status: number, headers: ResponseHeaders, maxBytes: number): number | undefined {
    const answer = { status, headers };
    this.#answer = answer;
    if (isObject(status)) return codingOf(headers) === undefined ? maxBytes : maxBytes + ENCODING_SLACK_BYTES;
    if (this.#failureOfApi !== undefined) return MAX_ANSWER_BYTES;
    const isWanted = explains(answer) && (announcedLength(headers) ?? 0) <= MAX_EXPLANATION_BYTES;
    return isWanted ? MAX_EXPLANATION_BYTES : undefined;
  }

  tooLarge(maxBytes: number, found: string): Error {
    const answer = this.#answer as Answer;
    if (!isObject(answer.status)) {
      if (this.#failureOfApi !== undefined) return answerTooLarge(this.#answerer.host, MAX_ANSWER_BYTES);
      return statusError(answer, this.#answerer.host, this.#answerer.credentials);
    }
    const isPage = /^text\/html\b/i.test(String(answer.headers["content-type"] ?? ""));
    return tooLarge(maxBytes, isPage ? `${found}, sent as text/html: it looks like a web page` : found);
  }

  /** The failure that an answer is which is not an object; undefined if it is a redirect, or there is none. */
  failure(answer: Answer): SourceError | undefined {
    const { status, body = Buffer.of() } = answer;
    if (this.#failureOfApi !== undefined) return this.#failureOfApi({ ...answer, body });
    if (status === 404 || status === 410 || isRedirect(status)) return undefined;
    return statusError(answer, this.#answerer.host, this.#answerer.credentials);
  }
}

/**
 * Whether a body is the object. 203 says that a proxy has changed something on the way (RFC 9110 section 15.3.4), which
 * may be a header; if it is the bytes, they do not authenticate.
 */
export function isObject(status: number): boolean {
  return status === 200 || status === 203;
}

/**
 * The coding in which a body came. Some servers choose one that nobody asked for.
 * @throws FormatError if there are several, or one that cannot be undone.
 */
export function codingOf(headers: ResponseHeaders): Coding | undefined {
  const codings = contentCodings(headers);
  const coding = CODINGS.get(codings[0] ?? "");
  if (codings.length === 0 || (codings.length === 1 && coding !== undefined)) return coding;
  const found = excerpt(codings.join(", "));
  throw new FormatError("has an unsupported encoding", "gzip, br, zstd or none", found);
}

const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["br", "br"],
  ["zstd", "zstd"],
]);
