/** Servers that do, connection by connection and byte by byte, what a test says; over TCP or TLS. */

import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import {
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from "node:tls";
import { gzipSync } from "node:zlib";
import type { HttpSource, HttpSourceOptions } from "../../../storage/http/source.ts";
import { serveRaw, sourceAt } from "./servers.ts";
import { LOCALHOST } from "./test-certificates.ts";

export type Transport = "plain" | "TLS";
export const TRANSPORTS = ["plain", "TLS"] as const;

/** What one side puts in and the other waits for. */
class Queue<T> {
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  put(item: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#items.push(item);
    else taker(item);
  }

  take(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((taker) => this.#takers.push(taker)) : Promise.resolve(item);
  }
}

/** One connection, as its server has it. */
export class ScriptedConnection {
  /** A TLSSocket where it is one. */
  readonly socket: Socket;
  readonly #tcp: Socket;
  /** Resolves when it is closed on both sides. */
  readonly closed: Promise<void>;
  readonly #requests = new Queue<string>();
  #begun = "";

  constructor(socket: Socket, tcp: Socket, onRequest: (path: string) => void) {
    this.socket = socket;
    this.#tcp = tcp;
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => {
      const heads = (this.#begun + bytes.toString("latin1")).split("\r\n\r\n");
      this.#begun = heads.pop() ?? "";
      for (const head of heads) {
        const path = head.split(" ")[1] ?? "";
        this.#requests.put(path);
        onRequest(path);
      }
    });
  }

  request(): Promise<string> {
    return this.#requests.take();
  }

  /** In one write. */
  send(...parts: readonly (string | Buffer)[]): void {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part as string, "latin1"))));
  }

  /** Ends it without a word. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }
}

/** What to do when a request comes; without it a test takes requests one by one. */
export type Script = (connection: ScriptedConnection, path: string) => void;

export interface ServerOptions extends TlsOptions {
  /** What comes before a TLS handshake. */
  readonly beforeHandshake?: () => Promise<void>;
}

export class ScriptedServer {
  readonly url: URL;
  /** All that there ever were, in the order in which they could carry something. */
  readonly connections: ScriptedConnection[] = [];
  /** The paths of all requests, as they came. */
  readonly requests: string[] = [];
  readonly #arrivals = new Queue<ScriptedConnection>();
  readonly #closings = new Map<Socket, PromiseWithResolvers<void>>();
  readonly #tls: TlsServer;

  constructor(url: URL, tls: TlsServer) {
    this.url = url;
    this.#tls = tls;
  }

  connection(): Promise<ScriptedConnection> {
    return this.#arrivals.take();
  }

  /** A source that reads from here, over one connection at a time unless `options` say otherwise. */
  source(options: Partial<HttpSourceOptions> = {}): HttpSource {
    return sourceAt(this.url, { connections: 1, tls: { ca: LOCALHOST.cert }, ...options });
  }

  /** Resolves when every connection that there was is closed. */
  async allClosed(): Promise<void> {
    await Promise.all(Array.from(this.#closings.values(), ({ promise }) => promise));
  }

  /** From here on no TLS session of before is known any more, as if the server had been started anew. */
  forgetSessions(): void {
    this.#tls.setTicketKeys(randomBytes(48));
  }

  /** A connection that may not speak TLS yet. */
  opened(tcp: Socket): void {
    const closing = Promise.withResolvers<void>();
    this.#closings.set(tcp, closing);
    tcp.on("close", () => closing.resolve());
  }

  accept(connection: ScriptedConnection, tcp: Socket): void {
    this.connections.push(connection);
    // Where TLS is spoken over it, not every end of it is told of the connection below.
    connection.closed.then(this.#closings.get(tcp)?.resolve);
    this.#arrivals.put(connection);
  }
}

export async function scriptedServer(
  transport: Transport,
  script: Script = () => {},
  { beforeHandshake, ...tlsOptions }: ServerOptions = {},
): Promise<ScriptedServer> {
  const accept = (socket: Socket, tcp: Socket): void => {
    const connection = new ScriptedConnection(socket, tcp, (path) => {
      server.requests.push(path);
      script(connection, path);
    });
    server.accept(connection, tcp);
  };
  const tcpOf = new Map<number | undefined, Socket>();
  const tls = createTlsServer({ ...LOCALHOST, ...tlsOptions }, (socket: TLSSocket) => {
    socket.on("error", () => {});
    accept(socket, tcpOf.get(socket.remotePort) as Socket);
  });
  const url = await serveRaw(async (tcp) => {
    server.opened(tcp);
    if (transport === "plain") return accept(tcp, tcp);
    tcpOf.set(tcp.remotePort, tcp);
    await beforeHandshake?.();
    tls.emit("connection", tcp);
  });
  const server = new ScriptedServer(transport === "plain" ? url : new URL(`https://${url.host}/`), tls);
  return server;
}

/** How a body goes over the wire. */
export interface Wire {
  readonly framing: "announced" | "chunked";
  readonly gzip: boolean;
}

export const WIRES: readonly Wire[] = [
  { framing: "announced", gzip: false },
  { framing: "announced", gzip: true },
  { framing: "chunked", gzip: false },
  { framing: "chunked", gzip: true },
];

export function okay(body: Buffer | string, wire: Partial<Wire> = {}): Buffer {
  const { framing = "announced", gzip = false } = wire;
  const bytes = gzip ? gzipSync(body) : Buffer.from(body as string);
  const coding = gzip ? "content-encoding: gzip\r\n" : "";
  if (framing === "announced")
    return Buffer.concat([head(`content-length: ${bytes.length}\r\n${coding}`), bytes]);
  const chunks = [head(`transfer-encoding: chunked\r\n${coding}`)];
  for (let at = 0; at < bytes.length; at += 5000) {
    const chunk = bytes.subarray(at, at + 5000);
    chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return Buffer.concat([...chunks, Buffer.from("0\r\n\r\n")]);
}

/** The head of a response with these header lines. */
export function head(headers: string, status = "200 OK"): Buffer {
  return Buffer.from(`HTTP/1.1 ${status}\r\n${headers}\r\n`, "latin1");
}
