/** The HTTP requests of one thread to one bucket, with retries after temporary failures. */

import type { TargetRequest } from "../../lib/migrate/ports/backend.ts";
import { SourceError } from "../../lib/migrate/ports/source.ts";
import { type ApiAnswer, HttpClient, type SendOptions } from "../http/client.ts";
import type { HttpRequest } from "../http/request.ts";
import { userAgent } from "../http/user-agent.ts";
import { untilAborted } from "../shared/abort-watch.ts";
import { type FirstContact, patiently, SELDOM_TOTAL_MS } from "./retries.ts";

type TargetOptions = Pick<TargetRequest, "connections" | "retry" | "retried" | "userAgentVersion">;

export interface BucketOptions extends TargetOptions {
  /**
   * Whether objects in any encoding are read decoded: those of a log of other software, such as Sunlight. What a copy
   * stores has the encoding of its headers, and what is there in another does not belong there, whatever it decodes to.
   */
  readonly decodes?: boolean;
}

/** An upload over a slow line takes its time before any header can come. */
const UPLOAD_TIMEOUTS = { headersMs: 300_000 };

/** With what an answer may have: by default 1 MiB, and more is a SourceError. */
export type ApiRequest = Omit<HttpRequest, "origin"> & Pick<SendOptions, "maxBytes" | "tooLarge">;

/** An object store, as one who asks for a log's objects sees it. */
export interface ObjectService {
  readonly origin: string;
  /** Headers, names and values in turn, that authorize a request. @throws OperationError, SourceError */
  authorization(request: ApiRequest): Promise<readonly string[]>;
  /** Sends a request; once more with other credentials, if there may be others, where they were not accepted. */
  renewing<T>(send: () => Promise<T>): Promise<T>;
  /** An answer that is a failure, in words for an operator. */
  failure(answer: ApiAnswer): SourceError;
}

export class ObjectRequests {
  readonly client: HttpClient;
  readonly #service: ObjectService;
  readonly #options: BucketOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #contact: FirstContact | undefined;
  readonly #headers: readonly string[];

  /**
   * @param signal breaks off requests that are under way, and waits between two of them.
   * @param contact of what is asked seldom, by the main thread: the store may never have been there before.
   */
  constructor(service: ObjectService, options: BucketOptions, signal?: AbortSignal, contact?: FirstContact) {
    this.client = new HttpClient({ connections: options.connections });
    this.#service = service;
    this.#options = options;
    this.#signal = signal;
    this.#contact = contact;
    this.#headers = ["user-agent", userAgent(options)];
  }

  /**
   * What `read` makes of an answer of one of the `expected` statuses; another is a failure.
   * @param name of the object, for messages.
   */
  call<T>(
    name: string,
    request: ApiRequest,
    expected: readonly number[],
    read: (answer: ApiAnswer) => T,
  ): Promise<T> {
    const send = async () => read(await this.#send(request, expected));
    return this.patiently(name, () => this.#service.renewing(send));
  }

  /** As often as it is worth it. @throws OperationError */
  patiently<T>(name: string, attempt: () => Promise<T>): Promise<T> {
    const { retry, retried } = this.#options;
    const limits = { retry, retried, signal: this.#signal };
    const contact = this.#contact;
    if (contact === undefined) return patiently(name, limits, attempt);
    return patiently(name, { ...limits, totalMs: SELDOM_TOTAL_MS }, async () => {
      try {
        const done = await attempt();
        contact.wasMade = true;
        return done;
      } catch (error) {
        throw error instanceof SourceError ? contact.classify(error) : error;
      }
    });
  }

  close(): Promise<void> {
    return this.client.close();
  }

  async #send(
    { maxBytes, tooLarge, ...request }: ApiRequest,
    expected: readonly number[],
  ): Promise<ApiAnswer> {
    const signal = this.#signal;
    const { origin } = this.#service;
    const authorization = await untilAborted(this.#service.authorization(request), signal);
    const headers = [...request.headers, ...this.#headers, ...authorization];
    const timeouts = request.body === undefined ? {} : UPLOAD_TIMEOUTS;
    const answer = await this.client.send(
      { ...request, origin, headers },
      { signal, maxBytes, tooLarge, timeouts },
    );
    if (!expected.includes(answer.status)) throw this.#service.failure(answer);
    return answer;
  }
}
