/** A server may take a time for the head of its answer, however it spends it, and another between parts of a body. */

import { describe, expect, it } from "vitest";
import type { ReadOptions } from "../../../../lib/migrate/ports/source.ts";
import { type SocketLimits, stoppedClock, stoppedSocketLimits } from "../../../support/http/clock.ts";
import {
  head,
  okay,
  type ScriptedConnection,
  scriptedServer,
  TRANSPORTS,
} from "../../../support/http/scripted-server.ts";

const ANY: ReadOptions = { maxBytes: 1 << 20 };
const TOO_LATE = { name: "SourceError", retryable: true, message: expect.stringContaining("did not answer") };
const HEADERS_MS = 1000;

/** What arrives before the end of a head, over and over. */
const TRICKLES: readonly [string, readonly string[]][] = [
  ["byte by byte", Array.from(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(100)}`)],
  ["in interim responses", Array.from({ length: 100 }, () => "HTTP/1.1 103 Early Hints\r\n\r\n")],
  [
    "in halves of interim responses",
    Array.from({ length: 100 }, (_, i) => (i % 2 ? " Hi\r\n\r\n" : "HTTP/1.1 100")),
  ],
];

const CASES = TRANSPORTS.flatMap((transport) =>
  TRICKLES.map(([how, pieces]) => ({ transport, how, pieces })),
);

/** Sends a piece, and waits until it was looked at: then the socket has another limit of time. */
async function sendAndWait(
  connection: ScriptedConnection,
  piece: string,
  limits: SocketLimits,
): Promise<void> {
  const before = limits.set.length;
  connection.send(piece);
  while (limits.set.length === before && !connection.socket.destroyed) {
    await new Promise((next) => setImmediate(next));
  }
}

describe.each(CASES)("over $transport, a head that comes $how", ({ transport, pieces }) => {
  it("has no more time than any other", async () => {
    const clock = stoppedClock();
    const limits = stoppedSocketLimits();
    const server = await scriptedServer(transport);
    const source = server.source({ timeouts: { headersMs: HEADERS_MS } });
    const read = source.read("x", ANY).catch((error: unknown) => error);
    const connection = await server.connection();
    await connection.request();
    expect(limits.set).toEqual([HEADERS_MS]);
    for (const piece of pieces.slice(0, 99)) {
      clock.goOn(10);
      await sendAndWait(connection, piece, limits);
    }
    // What remained after each of them.
    expect(limits.set).toEqual(Array.from({ length: 100 }, (_, i) => HEADERS_MS - 10 * i));
    clock.goOn(10);
    await sendAndWait(connection, pieces[99] as string, limits);
    expect(await read).toMatchObject(TOO_LATE);
    await connection.closed;
  });

  it("is given up when nothing more of it comes", async () => {
    stoppedClock();
    const limits = stoppedSocketLimits();
    const server = await scriptedServer(transport);
    const read = server
      .source()
      .read("x", ANY)
      .catch((error: unknown) => error);
    const connection = await server.connection();
    await connection.request();
    await sendAndWait(connection, pieces[0] as string, limits);
    limits.pass();
    expect(await read).toMatchObject(TOO_LATE);
    await connection.closed;
  });

  it("is given up for ever so small a limit, by real clocks", async () => {
    const server = await scriptedServer(transport, (connection) => {
      const more = (): void => {
        for (const piece of pieces) connection.send(piece);
        if (!connection.socket.destroyed) setTimeout(more, 5);
      };
      more();
    });
    const source = server.source({ timeouts: { headersMs: 100 } });
    const outcome = await source.read("x", ANY).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ name: "SourceError", retryable: true });
    await server.allClosed();
  });
});

describe.each(TRANSPORTS)("over %s", (transport) => {
  it("the time for a head begins anew with each request", async () => {
    const clock = stoppedClock();
    const limits = stoppedSocketLimits();
    const server = await scriptedServer(transport);
    const source = server.source({ timeouts: { headersMs: HEADERS_MS } });
    const reads = [source.read("first", ANY), source.read("second", ANY)];
    const connection = await server.connection();
    for (const read of reads) {
      await connection.request();
      expect(limits.set.at(-1)).toBe(HEADERS_MS);
      clock.goOn(900);
      await sendAndWait(connection, "HTTP/1.1 ", limits);
      expect(limits.set.at(-1)).toBe(100);
      connection.send("200 OK\r\ncontent-length: 2\r\n\r\nok");
      expect(await read).toHaveLength(2);
    }
  });

  it("the time for a body begins with its head, and does not get less", async () => {
    const clock = stoppedClock();
    const limits = stoppedSocketLimits();
    const server = await scriptedServer(transport);
    const source = server.source({ timeouts: { bodyMs: 2000, objectMs: 600_000 } });
    for (const wire of [{ framing: "announced" }, { framing: "chunked" }] as const) {
      const read = source.read("x", ANY);
      const connection = server.connections[0] ?? (await server.connection());
      await connection.request();
      const response = okay("b".repeat(20_000), wire);
      const start = response.indexOf("\r\n\r\n") + 4;
      await sendAndWait(connection, response.toString("latin1", 0, start), limits);
      const set = limits.set.length;
      for (let at = start; at < response.length - 100; at += 500) {
        clock.goOn(10_000);
        connection.send(response.subarray(at, Math.min(at + 500, response.length - 100)));
        await new Promise((next) => setImmediate(next));
      }
      expect(limits.set.slice(set - 1)).toEqual([2000]);
      connection.send(response.subarray(response.length - 100));
      expect(await read).toHaveLength(20_000);
    }
  });

  it("a body of which nothing more comes is given up", async () => {
    const limits = stoppedSocketLimits();
    const server = await scriptedServer(transport);
    const read = server
      .source()
      .read("x", ANY)
      .catch((error: unknown) => error);
    const connection = await server.connection();
    await connection.request();
    await sendAndWait(connection, head("content-length: 10\r\n").toString(), limits);
    limits.pass();
    expect(await read).toMatchObject({
      message: expect.stringContaining("sent nothing for"),
      retryable: true,
    });
    await connection.closed;
  });
});
