/** A request that nobody wants any more before it was sent is not sent. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { clientSockets } from "../../../support/http/client-sockets.ts";
import { ANY, counter, outcomeOf, textOf } from "../../../support/http/reads.ts";
import { okay, scriptedServer, TRANSPORTS } from "../../../support/http/scripted-server.ts";

describe.each(TRANSPORTS)("a request over %s that is given up", (transport) => {
  it("while it waits for a connection leaves it to the next, and its observer hears of its end", async () => {
    const server = await scriptedServer(transport);
    const { heard, observer } = counter();
    const source = server.source({ observer });
    const controller = new AbortController();
    const { signal } = controller;
    const first = source.read("first", ANY);
    const abandoned = ["a", "b"].map((path) => source.read(path, { ...ANY, signal }).catch((error) => error));
    const last = source.read("last", ANY);
    const connection = await server.connection();
    await connection.request();
    controller.abort("enough");
    expect(await Promise.all(abandoned)).toEqual(["enough", "enough"]);
    connection.send(okay("first"));
    expect(await textOf(first)).toBe("first");
    expect(await connection.request()).toBe("/last");
    connection.send(okay("last"));
    expect(await textOf(last)).toBe("last");
    expect(server.requests).toEqual(["/first", "/last"]);
    expect(server.connections).toHaveLength(1);
    expect(heard).toEqual({ started: 4, ended: [200, 0, 0, 200] });
  });

  it("while its connection is being made leaves it to the next", async () => {
    const server = await scriptedServer(transport, (connection, path) => connection.send(okay(path)));
    const { heard, observer } = counter();
    const source = server.source({ observer });
    const controller = new AbortController();
    const first = source.read("first", { ...ANY, signal: controller.signal });
    const next = source.read("next", ANY);
    controller.abort("enough");
    await expect(first).rejects.toBe("enough");
    expect(await textOf(next)).toBe("/next");
    expect(server.requests).toEqual(["/next"]);
    expect(server.connections).toHaveLength(1);
    expect(heard).toEqual({ started: 2, ended: [0, 200] });
  });

  it.each(["carries the next", "is not made again when it ends"])(
    "while its connection is being made for it alone leaves one that is kept, and %s",
    async (what) => {
      const sockets = clientSockets();
      const server = await scriptedServer(transport, (connection, path) => connection.send(okay(path)));
      const { heard, observer } = counter();
      const source = server.source({ observer });
      const controller = new AbortController();
      const first = source.read("first", { ...ANY, signal: controller.signal });
      controller.abort("enough");
      await expect(first).rejects.toBe("enough");
      while (heard.ended.length === 0) await nextTurn();
      if (what === "carries the next") {
        expect(await textOf(source.read("next", ANY))).toBe("/next");
        expect(server.requests).toEqual(["/next"]);
      } else {
        const connection = await server.connection();
        connection.socket.end();
        await connection.closed;
      }
      expect(sockets).toHaveLength(1);
    },
  );

  it("while it is made again, because the kept connection had ended, is not sent again", async () => {
    const controller = new AbortController();
    const { heard, observer } = counter();
    const server = await scriptedServer(transport, (connection, path) => {
      if (path === "/next" && server.connections.length === 1) connection.reset();
      else connection.send(okay(path));
    });
    const source = server.source({ observer });
    await source.read("first", ANY);
    const next = outcomeOf(source.read("next", { ...ANY, signal: controller.signal }));
    await server.connections[0]?.closed;
    controller.abort("enough");
    expect(await next).toBe("enough");
    expect(await textOf(source.read("last", ANY))).toBe("/last");
    expect(server.requests.filter((path) => path === "/next").length).toBe(1);
    expect(heard).toEqual({ started: 3, ended: [200, 0, 200] });
  });
});

it("a request that is given up during a TLS handshake is not sent, and the next waits for the same connection", async () => {
  const greeted = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const server = await scriptedServer("TLS", (connection, path) => connection.send(okay(path)), {
    beforeHandshake: () => {
      greeted.resolve();
      return go.promise;
    },
  });
  const source = server.source();
  const controller = new AbortController();
  const first = source.read("first", { ...ANY, signal: controller.signal });
  await greeted.promise;
  controller.abort("enough");
  await expect(first).rejects.toBe("enough");
  const next = source.read("next", ANY);
  go.resolve();
  expect(await textOf(next)).toBe("/next");
  expect(server.requests).toEqual(["/next"]);
  expect(server.connections).toHaveLength(1);
});
