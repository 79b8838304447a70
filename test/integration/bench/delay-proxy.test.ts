import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { type DelayProxyOptions, startDelayProxy } from "../../../bench/servers/delay-proxy.ts";

async function serve(conversation: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on("error", () => {}));
    conversation(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function startFar(
  line: Omit<DelayProxyOptions, "upstreamPort">,
  conversation: (socket: Socket) => void,
): Promise<() => Promise<Socket>> {
  const proxy = await startDelayProxy({ upstreamPort: await serve(conversation), ...line });
  onTestFinished(() => proxy.close());
  return async () => {
    const socket = connect({ host: "127.0.0.1", port: proxy.port, allowHalfOpen: true, noDelay: true });
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    return socket;
  };
}

async function connectFar(roundTripMs: number, conversation: (socket: Socket) => void): Promise<Socket> {
  return await (await startFar({ roundTripMs }, conversation))();
}

const echo = (socket: Socket): void => void socket.pipe(socket);

/** Milliseconds until a byte that is sent comes back. */
async function roundTrip(socket: Socket): Promise<number> {
  const startedAt = performance.now();
  socket.write("?");
  await once(socket, "data");
  return performance.now() - startedAt;
}

describe("a server behind the delay proxy", () => {
  test.each([0, 10])("every byte comes, in order, in both directions at once: %i ms", async (roundTripMs) => {
    const sent = randomBytes(30_000_000);
    const socket = await connectFar(roundTripMs, echo);
    // In pieces of many sizes, so that some are copied by the proxy and some are passed on.
    for (let at = 0, piece = 1; at < sent.length; at += piece, piece = (piece * 7) % 1_000_003) {
      socket.write(sent.subarray(at, at + piece));
    }
    socket.end();
    const received = Buffer.concat(await socket.toArray());
    expect(received.equals(sent)).toBe(true);
  });

  test("an answer takes a round trip, the first on a connection two", async () => {
    const socket = await connectFar(40, echo);
    expect(await roundTrip(socket)).toBeGreaterThanOrEqual(79);
    for (let i = 0; i < 3; i++) expect(await roundTrip(socket)).toBeGreaterThanOrEqual(40);
  });

  test("a reader that stops holds up its sender, and gets everything later", async () => {
    const total = 64_000_000;
    let handedOver = false;
    const socket = await connectFar(2, (server) =>
      server.end(Buffer.alloc(total, "x"), () => {
        handedOver = true;
      }),
    );
    socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(handedOver).toBe(false);
    expect((await socket.toArray()).reduce((sum: number, chunk: Buffer) => sum + chunk.length, 0)).toBe(
      total,
    );
  });

  test("all connections together receive no more than the line carries, and all of it", async () => {
    const newSocket = await startFar({ roundTripMs: 0, bytesPerSecond: 4_000_000 }, echo);
    const sockets = await Promise.all([newSocket(), newSocket()]);
    const startedAt = performance.now();
    for (const socket of sockets) socket.end(randomBytes(400_000));
    const received = await Promise.all(sockets.map(async (socket) => Buffer.concat(await socket.toArray())));
    expect(received.map(({ length }) => length)).toEqual([400_000, 400_000]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(199);
  });

  test("a client that has ended its half still gets the answer", async () => {
    const socket = await connectFar(10, (server) => {
      let got = "";
      server.on("data", (bytes: Buffer) => {
        got += bytes;
      });
      server.on("end", () => server.end(`got ${got}`));
    });
    socket.end("everything");
    expect(await text(socket)).toBe("got everything");
  });

  test("a connection that the server breaks off is broken off", async () => {
    const socket = await connectFar(10, (server) => {
      server.once("data", () => server.resetAndDestroy());
    });
    socket.write("?");
    await expect(once(socket, "data")).rejects.toThrow("ECONNRESET");
  });
});
