/** Timers that stand for a connection or a response pass with it, and harm nothing that comes after. */

import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { ReadOptions } from "../../../../lib/migrate/ports/source.ts";
import { stoppedSocketLimits } from "../../../support/http/clock.ts";
import { head, okay, scriptedServer, TRANSPORTS } from "../../../support/http/scripted-server.ts";

const ANY: ReadOptions = { maxBytes: 1 << 20 };

/** Only those of setTimeout: sockets have their own, and turns of the event loop are real. */
function fakeTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

describe.each(TRANSPORTS)("over %s", (transport) => {
  it("the time to connect is over when the connection stands", async () => {
    stoppedSocketLimits();
    fakeTimers();
    const server = await scriptedServer(transport);
    const source = server.source({ timeouts: { connectMs: 1000 } });
    const read = source.read("first", ANY);
    const connection = await server.connection();
    await connection.request();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(10_000);
    connection.send(okay("first"));
    expect(await read).toHaveLength(5);
  });

  it("the time to connect ends with the attempt", async () => {
    fakeTimers();
    const server = await scriptedServer(transport, undefined, {
      beforeHandshake: () => new Promise(() => {}),
    });
    const source = server.source();
    const read = source.read("first", ANY).catch((error: unknown) => error);
    expect(vi.getTimerCount()).toBe(1);
    await source.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(await read).toMatchObject({ message: "the source was closed" });
  });

  it.each([404, 302, 503])("the body of a %i that nobody wants has a second, and no more", async (status) => {
    stoppedSocketLimits();
    fakeTimers();
    const server = await scriptedServer(transport);
    const source = server.source();
    const outcome = source.read("first", ANY).catch((error: unknown) => error);
    const connection = await server.connection();
    await connection.request();
    connection.send(head("content-length: 10\r\nlocation: ftp://x/\r\n", `${status} x`), "half.");
    await outcome;
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1000);
    await connection.closed;
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([404, 302, 503])(
    "the body of a %i that ends in time leaves the connection in peace",
    async (status) => {
      stoppedSocketLimits();
      fakeTimers();
      const server = await scriptedServer(transport);
      const source = server.source();
      const first = source.read("first", ANY).catch((error: unknown) => error);
      const second = source.read("second", ANY);
      const connection = await server.connection();
      await connection.request();
      connection.send(head("content-length: 5\r\nlocation: ftp://x/\r\n", `${status} x`), "whole");
      await first;
      await connection.request();
      expect(vi.getTimerCount()).toBe(0);
      vi.advanceTimersByTime(10_000);
      connection.send(okay("second"));
      expect(await second).toHaveLength(6);
      expect(server.connections).toHaveLength(1);
    },
  );
});

it("a connection that is not made in time is given up", async () => {
  fakeTimers();
  const asked = Promise.withResolvers<void>();
  const server = await scriptedServer("TLS", undefined, {
    beforeHandshake: () => {
      asked.resolve();
      return new Promise(() => {});
    },
  });
  const reads = ["a", "b"].map((path) =>
    server
      .source()
      .read(path, ANY)
      .catch((error: unknown) => error),
  );
  await asked.promise;
  vi.advanceTimersByTime(10_000);
  for (const outcome of await Promise.all(reads)) {
    expect(outcome).toMatchObject({
      message: expect.stringContaining("did not accept a connection within 10 s"),
    });
  }
  await server.allClosed();
});
