/**
 * A server may end a connection that was kept, at any moment. A request that meets this is sent again, once and
 * on a new connection, if nothing of an answer had come.
 */

import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { clientSockets } from "../../../support/http/client-sockets.ts";
import { stoppedClock } from "../../../support/http/clock.ts";
import { ANY, counter, outcomeOf, textOf } from "../../../support/http/reads.ts";
import {
  head,
  okay,
  type ScriptedConnection,
  scriptedServer,
  TRANSPORTS,
} from "../../../support/http/scripted-server.ts";
import { listening, sourceAt } from "../../../support/http/servers.ts";

const LATER = { name: "SourceError", retryable: true };

/** How a server ends a connection. */
const ENDS: readonly [string, (connection: ScriptedConnection) => void][] = [
  ["an end", ({ socket }) => void socket.end()],
  ["a close", ({ socket }) => void socket.destroy()],
  ["a reset", (connection) => connection.reset()],
];

const CASES = TRANSPORTS.flatMap((transport) => ENDS.map(([how, end]) => ({ transport, how, end })));

/** A source whose connection has carried a request; its server does `next` with every later one. */
async function keptConnection(
  transport: (typeof TRANSPORTS)[number],
  next: (connection: ScriptedConnection, path: string, isNew: boolean) => void,
) {
  const sockets = clientSockets();
  const { heard, observer } = counter();
  const server = await scriptedServer(transport, (connection, path) => {
    if (path === "/first") connection.send(okay("first"));
    else next(connection, path, server.connections.length > 1);
  });
  const source = server.source({ observer });
  await source.read("first", ANY);
  return { server, source, ended: heard.ended, sockets };
}

describe.each(CASES)("over $transport, by $how", ({ transport, end }) => {
  it.each(["after", "before"])("between two requests, and the second is made %s it is seen", async (when) => {
    const { server, source } = await keptConnection(transport, (connection) => connection.send(okay("next")));
    const [kept] = server.connections;
    end(kept as ScriptedConnection);
    if (when === "after") await kept?.closed;
    expect(await textOf(source.read("next", ANY))).toBe("next");
    expect(server.connections).toHaveLength(2);
    if (when === "after") expect(server.requests).toEqual(["/first", "/next"]);
  });

  it("while a request is on its way: it is sent again, once, and its observer hears of one request", async () => {
    const { server, source, ended } = await keptConnection(transport, (connection, _path, isNew) => {
      if (isNew) connection.send(okay("next"));
      else end(connection);
    });
    expect(await textOf(source.read("next", ANY))).toBe("next");
    expect(server.requests).toEqual(["/first", "/next", "/next"]);
    expect(server.connections).toHaveLength(2);
    expect(ended).toEqual([200, 200]);
  });

  it("and the new connection too: that is a failure", async () => {
    const { server, source, ended } = await keptConnection(transport, end);
    await expect(source.read("next", ANY)).rejects.toMatchObject(LATER);
    expect(server.requests).toEqual(["/first", "/next", "/next"]);
    expect(server.connections).toHaveLength(2);
    expect(ended).toEqual([200, 0]);
  });

  it("before a first request was answered: that is a failure", async () => {
    const server = await scriptedServer(transport, end);
    const source = server.source();
    for (const paths of [["a"], ["b", "c"]]) {
      const reads = paths.map((path) => outcomeOf(source.read(path, ANY)));
      for (const outcome of await Promise.all(reads)) expect(outcome).toMatchObject(LATER);
    }
    expect(server.requests).toEqual(["/a", "/b", "/c"]);
  });

  it.each([
    ["a byte of the answer", "H"],
    ["an interim response", "HTTP/1.1 103 Early Hints\r\n\r\n"],
    ["its head", head("content-length: 4\r\n")],
    ["half of its body", Buffer.concat([head("content-length: 4\r\n"), Buffer.from("ha")])],
  ])("behind %s: that is a failure", async (_what, part) => {
    const { server, source } = await keptConnection(transport, (connection) => {
      // Only when it has been sent: a reset would overtake it.
      connection.socket.write(part, "latin1", () => setImmediate(() => end(connection)));
    });
    await expect(source.read("next", ANY)).rejects.toMatchObject(LATER);
    expect(server.requests).toEqual(["/first", "/next"]);
  });

  it("all of them at once: every request is sent again, over no more connections than before", async () => {
    let stale = true;
    const server = await scriptedServer(transport, (connection, path) => {
      if (path.startsWith("/first")) connection.send(okay("first"));
      else if (stale) on.push(connection);
      else connection.send(okay(path));
      if (stale && on.length === 4) {
        stale = false;
        for (const kept of on) end(kept);
      }
    });
    const on: ScriptedConnection[] = [];
    const source = server.source({ connections: 4 });
    const paths = ["1", "2", "3", "4"];
    await Promise.all(paths.map((path) => source.read(`first${path}`, ANY)));
    const texts = await Promise.all([...paths, "5", "6"].map((path) => textOf(source.read(path, ANY))));
    expect(texts).toEqual(["/1", "/2", "/3", "/4", "/5", "/6"]);
    expect(server.connections).toHaveLength(8);
  });
});

describe.each(TRANSPORTS)("a kept connection over %s of which the system says", (transport) => {
  it.each([
    ["EPIPE", 2],
    ["ECONNRESET", 2],
    ["nothing but that it is closed", 2],
    // That is no server which had enough of it.
    ["ETIMEDOUT", 1],
    ["ENETDOWN", 1],
  ])("%s carries a request that is sent %i times in all", async (code, times) => {
    const { server, source, sockets } = await keptConnection(transport, (connection, _path, isNew) => {
      if (isNew) connection.send(okay("next"));
      else sockets[0]?.destroy(/^E/.test(code) ? Object.assign(new Error(code), { code }) : undefined);
    });
    const outcome = await outcomeOf(source.read("next", ANY));
    expect(outcome).toEqual(times === 2 ? Buffer.from("next") : expect.objectContaining(LATER));
    expect(server.requests).toHaveLength(1 + times);
  });
});

it("a server that is gone for good refuses the request that is sent again", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(okay("first"));
      socket.once("data", () => server.close(() => {}) && socket.destroy());
    });
  });
  const url = await listening(server, "http");
  const source = sourceAt(url, { connections: 1 });
  await source.read("first", ANY);
  await expect(source.read("next", ANY)).rejects.toMatchObject({
    message: `${url.host} refused the connection`,
    unreachable: true,
  });
});

describe.each(TRANSPORTS)("a request on a kept connection over %s is not sent again", (transport) => {
  it("when it was given up", async () => {
    const { server, source } = await keptConnection(transport, (connection, path) => {
      if (path === "/last") connection.send(okay("last"));
      else controller.abort("enough");
    });
    const controller = new AbortController();
    await expect(source.read("next", { ...ANY, signal: controller.signal })).rejects.toBe("enough");
    expect(await textOf(source.read("last", ANY))).toBe("last");
    expect(server.requests).toEqual(["/first", "/next", "/last"]);
  });

  it("when the source was closed", async () => {
    const { server, source } = await keptConnection(transport, () => source.close());
    await expect(source.read("next", ANY)).rejects.toMatchObject({ message: "the source was closed" });
    await server.allClosed();
    expect(server.connections).toHaveLength(1);
  });

  it("when its answer does not come in time", async () => {
    const clock = stoppedClock();
    const { server, source } = await keptConnection(transport, () => clock.goOn(30_001));
    await expect(source.read("next", ANY)).rejects.toMatchObject({
      ...LATER,
      message: expect.stringContaining("did not answer"),
    });
    expect(server.requests).toEqual(["/first", "/next"]);
  });

  it("when its answer makes no sense", async () => {
    const { server, source } = await keptConnection(transport, (connection) =>
      connection.send("SSH-2.0-x\r\n"),
    );
    await expect(source.read("next", ANY)).rejects.toMatchObject(LATER);
    expect(server.requests).toEqual(["/first", "/next"]);
  });
});
