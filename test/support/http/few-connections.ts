/** A log server that has only so many connections for its clients, and says so in one of the ways that servers have. */

import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createNetServer, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { LOCALHOST } from "./test-certificates.ts";

export const BEYOND = ["reset", "silence", "refusal", "end after TLS"] as const;

/** What becomes of a connection that is one too many. */
export type Beyond = (typeof BEYOND)[number];

export interface FewConnections {
  readonly url: string;
  /** Connections that were one too many, so far. */
  readonly refused: number;
  /** Connections that could carry requests, so far. */
  readonly accepted: number;
  /** Requests that were answered. */
  readonly answered: number;
  close(): Promise<void>;
}

/** Closed when the running test ends, by `serveFewConnections`. */
async function startFewConnections(
  objects: ReadonlyMap<string, Uint8Array>,
  most: number,
  beyond: Beyond,
  latencyMs: number,
): Promise<FewConnections> {
  const isTls = beyond === "end after TLS";
  const count = { refused: 0, accepted: 0, answered: 0 };
  const all = new Set<Socket>();
  let open = 0;
  const answer: RequestListener = (request, response) => {
    setTimeout(() => {
      count.answered++;
      const body = objects.get(request.url?.slice(1) ?? "");
      response.writeHead(body === undefined ? 404 : 200, { "content-length": body?.length ?? 0 }).end(body);
    }, latencyMs);
  };
  const http = isTls ? createTlsServer({ ...LOCALHOST }, answer) : createServer(answer);
  http.keepAliveTimeout = 60_000;
  const door = createNetServer();
  const openDoor = async (port: number): Promise<void> => {
    door.listen(port, "127.0.0.1");
    await once(door, "listening");
  };
  const take = (socket: Socket): void => {
    count.accepted++;
    open++;
    socket.on("close", () => {
      open--;
      if (beyond === "refusal" && !door.listening && !isClosed) void openDoor(port);
    });
    if (beyond === "refusal" && open >= most) door.close();
    http.emit("connection", socket);
  };
  const turnAway = (socket: Socket): void => {
    count.refused++;
    if (beyond === "silence") socket.resume();
    else if (isTls) http.emit("connection", socket);
    else socket.resetAndDestroy();
  };
  let isClosed = false;
  const excess = new Set<string>();
  http.on("secureConnection", (socket: TLSSocket) => {
    if (excess.has(`${socket.remotePort}`)) socket.destroy();
  });
  door.on("connection", (socket) => {
    all.add(socket);
    socket.on("error", () => {}).on("close", () => all.delete(socket));
    if (open < most) return take(socket);
    excess.add(`${socket.remotePort}`);
    socket.on("close", () => excess.delete(`${socket.remotePort}`));
    turnAway(socket);
  });
  await openDoor(0);
  const { port } = door.address() as AddressInfo;
  return {
    url: `${isTls ? "https" : "http"}://127.0.0.1:${port}`,
    get refused() {
      return count.refused;
    },
    get accepted() {
      return count.accepted;
    },
    get answered() {
      return count.answered;
    },
    async close() {
      isClosed = true;
      for (const socket of all) socket.destroy();
      if (door.listening) await new Promise((closed) => door.close(closed));
    },
  };
}

/** Starts a server that ends with the test. */
export async function serveFewConnections(
  ...parameters: Parameters<typeof startFewConnections>
): Promise<FewConnections> {
  const server = await startFewConnections(...parameters);
  onTestFinished(() => server.close());
  return server;
}
