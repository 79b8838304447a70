/** An HTTP server over a log in memory that misbehaves as a test tells it to. */

import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { onTestFinished } from "vitest";

export interface LogServerOptions {
  /** Send entry bundles and data tiles with Content-Encoding: gzip, asked for or not. */
  readonly gzip?: boolean;
  /** Milliseconds before every answer; may be changed later. */
  readonly latencyMs?: number;
}

export interface ReceivedRequest {
  readonly method: string;
  /** Path below the log's root, without its leading slash. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Answers a request in the server's place, or calls `next` to let it go on. */
export type Interceptor = (
  request: ReceivedRequest,
  response: ServerResponse,
  next: () => Promise<void>,
) => void | Promise<void>;

/** Starts a server on 127.0.0.1, closed when the running test ends. Call it within a test. */
export async function startLogServer(
  objects: ReadonlyMap<string, Uint8Array>,
  options: LogServerOptions = {},
): Promise<LogServer> {
  const server = new LogServer(objects, options);
  await server.listen();
  onTestFinished(() => server.close());
  return server;
}

export class LogServer {
  /** What is served: change the map, or put another one here to swap the whole log at one stroke. */
  objects: ReadonlyMap<string, Uint8Array>;
  latencyMs: number;
  /** Every request so far, in the order of arrival. */
  readonly requests: ReceivedRequest[] = [];
  readonly #gzip: boolean;
  readonly #interceptors: { matches: (path: string) => boolean; intercept: Interceptor }[] = [];
  readonly #http: Server;

  constructor(objects: ReadonlyMap<string, Uint8Array>, { gzip = false, latencyMs = 0 }: LogServerOptions) {
    this.objects = objects;
    this.latencyMs = latencyMs;
    this.#gzip = gzip;
    this.#http = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  async listen(): Promise<void> {
    this.#http.listen(0, "127.0.0.1");
    await once(this.#http, "listening");
  }

  /** Root of the log, without a slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** Lets a function answer for a path, or for the paths that it picks. The latest comes first. Undone by the result. */
  intercept(path: string | ((path: string) => boolean), intercept: Interceptor): () => void {
    const matches = typeof path === "string" ? (asked: string) => asked === path : path;
    const entry = { matches, intercept };
    this.#interceptors.unshift(entry);
    return () => {
      const position = this.#interceptors.indexOf(entry);
      if (position >= 0) this.#interceptors.splice(position, 1);
    };
  }

  /** Holds the answers to requests for a path, after `before` others, from the first on until they are let go. */
  hold(path: string, before = 0): { readonly reached: Promise<void>; readonly letGo: () => void } {
    const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let left = before;
    this.intercept(path, async (_request, _response, next) => {
      if (left-- <= 0) {
        reached.resolve();
        await gate.promise;
      }
      await next();
    });
    return { reached: reached.promise, letGo: gate.resolve };
  }

  requestCount(path: string): number {
    return this.requests.filter((request) => request.path === path).length;
  }

  async close(): Promise<void> {
    if (!this.#http.listening) return;
    const closed = once(this.#http, "close");
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = message;
    const request = { method, path: url.slice(1), headers };
    this.requests.push(request);
    if (this.latencyMs > 0) await delay(this.latencyMs);
    const interceptors = this.#interceptors.filter(({ matches }) => matches(request.path));
    const next = async (): Promise<void> => {
      const entry = interceptors.shift();
      if (entry === undefined) this.#answerObject(request, response);
      else await entry.intercept(request, response, next);
    };
    await next();
  }

  #answerObject({ method, path }: ReceivedRequest, response: ServerResponse): void {
    const bytes = this.objects.get(path);
    if (bytes === undefined || (method !== "GET" && method !== "HEAD")) {
      response.writeHead(bytes === undefined ? 404 : 405, { "content-length": 0 }).end();
      return;
    }
    const compress = this.#gzip && /^tile\/(data|entries)\//.test(path);
    const body = compress ? gzipSync(bytes) : bytes;
    if (compress) response.setHeader("content-encoding", "gzip");
    response.setHeader("content-type", "application/octet-stream");
    response.setHeader("content-length", body.length);
    response.end(method === "GET" ? body : undefined);
  }
}
