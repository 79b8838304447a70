/** Servers for tests of HTTP sources, each on a free port of 127.0.0.1 and gone when the test is over. */

import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket,
} from "node:net";
import { onTestFinished } from "vitest";
import { HttpSource, type HttpSourceOptions } from "../../../storage/http/source.ts";
import type { TestCertificate } from "./test-certificates.ts";

/** An HTTP server; its URL ends in a slash. */
export function serve(listener: RequestListener): Promise<URL> {
  return listening(createServer(listener), "http");
}

/** @param connected is called for each connection. */
export function serveTls(
  certificate: TestCertificate,
  listener: RequestListener,
  connected: () => void = () => {},
): Promise<URL> {
  return listening(createTlsServer({ ...certificate }, listener).on("secureConnection", connected), "https");
}

export function serveRaw(conversation: (socket: Socket) => void): Promise<URL> {
  const server = createNetServer((socket) => {
    socket.on("error", () => {});
    conversation(socket);
  });
  return listening(server, "http");
}

/** A server of raw TCP that answers every request with `answer`, and then does `after` with the connection. */
export function serveAnswer(answer: string, after: (socket: Socket) => void = () => {}): Promise<URL> {
  return serveRaw((socket) => {
    socket.on("data", () => socket.write(answer, "latin1", () => after(socket)));
  });
}

/** A source that is closed when the test is over. */
export function sourceAt(url: URL, options: Partial<HttpSourceOptions> = {}): HttpSource {
  const source = new HttpSource(url, { connections: 4, userAgentVersion: "0.0.0", ...options });
  onTestFinished(() => source.close());
  return source;
}

/** A host and a port where nobody listens. */
export async function closedPlace(): Promise<string> {
  const server = createNetServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return `127.0.0.1:${port}`;
}

/** Starts a server that ends with the test. */
export async function listening(server: Server | NetServer, scheme: string): Promise<URL> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  const { port } = server.address() as AddressInfo;
  return new URL(`${scheme}://127.0.0.1:${port}/`);
}
