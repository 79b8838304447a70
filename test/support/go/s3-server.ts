/**
 * An S3 of its own for a test: versitygw, which keeps objects as files, behind a proxy on the loopback that can answer in
 * its place as S3 does now and then, and versitygw never.
 */

import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { filesBelow } from "../places/directory.ts";
import { sendPathToS3, sendToS3 } from "./s3-requests.ts";
import { environmentOf, Versitygw } from "./versitygw.ts";

/** Requests to interfere with, and how. The first of several rules that fits a request decides. */
export interface S3Fault {
  readonly method?: string;
  /** Part of the decoded path and query. */
  readonly contains?: string;
  /** How many of these requests go through first; none unless told. */
  readonly skip?: number;
  /** How many are interfered with then; all unless told. */
  readonly times?: number;

  /** What is answered. */
  readonly answer?: {
    readonly status: number;
    readonly code: string;
    readonly headers?: Record<string, string>;
  };
  /** The connection ends when half of the body has come through. */
  readonly cut?: boolean;
  /** Gives no answer until the interference is undone. */
  readonly hang?: boolean;
  /** Is never carried out: the connection ends when the interference is undone. */
  readonly lost?: boolean;
  /** Carries the request out first: it is the answer that is replaced, or lost where there is none. */
  readonly after?: boolean;
}

/** An object, and the headers with which it is stored. */
export interface S3Object {
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
}

export class S3Server implements AsyncDisposable {
  /** What a process gets to see it as S3. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly origin: string;
  readonly #gateway: Versitygw;
  readonly #proxy: Server;
  readonly #sockets = new Set<Socket>();
  readonly #agent = new Agent({ keepAlive: true });
  #faults: (S3Fault & { matched: number; hits: number })[] = [];
  #changed = Promise.withResolvers<void>();
  /** Lines of the requests that came. */
  readonly requests: string[] = [];

  private constructor(gateway: Versitygw, proxy: Server) {
    this.#gateway = gateway;
    this.#proxy = proxy;
    this.origin = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const env = environmentOf(this.origin, gateway.home);
    this.env = { ...env, AWS_SESSION_TOKEN: undefined, AWS_PROFILE: undefined };
    proxy.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    });
    proxy.on("request", (incoming, response) => {
      this.#serve(incoming, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<S3Server> {
    const gateway = await Versitygw.start({ listens: "socket" });
    const proxy = createServer().listen(0, "127.0.0.1");
    await once(proxy, "listening");
    return new S3Server(gateway, proxy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.interfere();
    this.#agent.destroy();
    for (const socket of this.#sockets) socket.destroy();
    this.#proxy.close();
    await this.#gateway[Symbol.asyncDispose]();
  }

  newBucket(): string {
    return this.#gateway.newBucket();
  }

  /** Lets everybody read a bucket, as readers of a log do. */
  async publish(bucket: string): Promise<void> {
    const actions = { "s3:GetObject": `arn:aws:s3:::${bucket}/*`, "s3:ListBucket": `arn:aws:s3:::${bucket}` };
    const statements = Object.entries(actions).map(([Action, Resource]) => ({
      ...{ Effect: "Allow", Principal: "*", Action, Resource },
    }));
    const policy = Buffer.from(JSON.stringify({ Version: "2012-10-17", Statement: statements }));
    await sendPathToS3(this.origin, "PUT", bucket, `/${bucket}?policy=`, [], policy);
  }

  /** Stores an object, over one that may be there. */
  async putObject(bucket: string, name: string, bytes: Uint8Array, encoding?: string): Promise<void> {
    const headers = encoding === undefined ? [] : ["content-encoding", encoding];
    await sendToS3(this.origin, "PUT", bucket, name, headers, Buffer.from(bytes));
  }

  async deleteObject(bucket: string, name: string): Promise<void> {
    await sendToS3(this.origin, "DELETE", bucket, name);
  }

  /** An object's bytes and headers. */
  async object(bucket: string, name: string): Promise<{ bytes: Buffer; headers: Headers }> {
    const answer = await sendToS3(this.origin, "GET", bucket, name);
    return { bytes: Buffer.from(await answer.arrayBuffer()), headers: answer.headers };
  }

  /** The objects of a bucket, by their names. */
  async objects(bucket: string): Promise<Map<string, S3Object>> {
    const files = filesBelow(this.#gateway.directoryOf(bucket)).filter(
      (name) => !name.startsWith(".sgwtmp/"),
    );
    const found = files.map(async (name): Promise<[string, S3Object]> => {
      const { bytes, headers } = await this.object(bucket, name);
      const named = (header: string) => headers.get(header) ?? undefined;
      return [name, { bytes, contentType: named("content-type"), cacheControl: named("cache-control") }];
    });
    return new Map(await Promise.all(found));
  }

  /** Where the objects of a bucket are files, as they are stored. */
  directoryOf(bucket: string): string {
    return this.#gateway.directoryOf(bucket);
  }

  /** Serves the objects of a bucket below a prefix, as they are once decoded, until it is disposed of. */
  async serve(bucket: string, prefix: string): Promise<AsyncDisposable & { readonly url: string }> {
    const server = createServer((incoming, response) => {
      this.object(bucket, prefix + (incoming.url ?? "").slice(1)).then(
        ({ bytes }) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        await new Promise((closed) => server.close(closed));
      },
    };
  }

  /** Interferes with requests as these rules say, and no others, until the next call of this; with none, no more. */
  interfere(...faults: readonly S3Fault[]): void {
    this.#faults = faults.map((fault) => ({ ...fault, matched: 0, hits: 0 }));
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** How many requests each of the present rules has interfered with. */
  interferences(): number[] {
    return this.#faults.map(({ hits }) => hits);
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = incoming;
    this.requests.push(`${method} ${decodeURIComponent(url)}`);
    const fault = this.#meet(method, decodeURIComponent(url));
    const body = await buffer(incoming);
    if (fault?.cut) {
      await this.#forward(incoming, body, body.length / 2).catch(() => {});
      response.destroy();
      return;
    }
    if (fault?.lost) {
      await this.#changed.promise;
      response.destroy();
      return;
    }
    const answer = fault === undefined || fault.after ? await this.#forward(incoming, body) : undefined;
    if (fault?.hang) await this.#changed.promise;
    if (fault?.answer !== undefined) {
      const { status, code, headers } = fault.answer;
      const text = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>injected</Message></Error>`;
      response.writeHead(status, { "content-type": "application/xml", ...headers }).end(text);
    } else if (fault?.after) response.destroy();
    else {
      const { head, bytes } = answer ?? (await this.#forward(incoming, body));
      response.writeHead(head.statusCode ?? 500, head.rawHeaders).end(bytes);
    }
  }

  #meet(method: string, text: string): S3Fault | undefined {
    for (const fault of this.#faults) {
      const fits = (fault.method ?? method) === method && text.includes(fault.contains ?? "");
      if (!fits) continue;
      fault.matched++;
      if (fault.matched <= (fault.skip ?? 0) || fault.hits >= (fault.times ?? Number.POSITIVE_INFINITY))
        continue;
      fault.hits++;
      return fault;
    }
    return undefined;
  }

  /** @param cutAt how much of the body is sent, where the connection is to end then. */
  #forward({ method, url, headers }: IncomingMessage, body: Buffer, cutAt?: number) {
    const options = { socketPath: this.#gateway.address, method, path: url, headers, agent: this.#agent };
    return new Promise<{ head: IncomingMessage; bytes: Buffer }>((resolve, reject) => {
      const forwarded = request(options, (head) => {
        buffer(head).then((bytes) => resolve({ head, bytes }), reject);
      });
      forwarded.on("error", reject);
      if (cutAt === undefined) forwarded.end(body);
      else forwarded.write(body.subarray(0, cutAt), () => setTimeout(() => forwarded.destroy(), 100));
    });
  }
}
