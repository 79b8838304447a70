/** Where a source connects to: by name or address, and elsewhere where it is redirected. */

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { ANY, outcomeOf, textOf } from "../../../support/http/reads.ts";
import {
  head,
  okay,
  type ScriptedServer,
  scriptedServer,
  TRANSPORTS,
} from "../../../support/http/scripted-server.ts";
import { sourceAt } from "../../../support/http/servers.ts";

/** Origins that say where they are asked, and one that sends every request for `/N` on to the N-th of them. */
async function redirectingOrigin(count: number): Promise<{ own: ScriptedServer; others: ScriptedServer[] }> {
  const others = await Promise.all(
    Array.from({ length: count }, () =>
      scriptedServer("plain", (connection, path) => {
        if (path !== "/held") connection.send(okay(path));
      }),
    ),
  );
  const own = await scriptedServer("plain", (connection, path) => {
    const [index = "", ...rest] = path.slice(1).split("-");
    const location = new URL(rest.join("-") || index, others[Number(index)]?.url);
    connection.send(head(`location: ${location}\r\ncontent-length: 0\r\n`, "302 Found"));
  });
  return { own, others };
}

describe("a source that is redirected to many origins", () => {
  it("remembers the last few, and its own", async () => {
    const { own, others } = await redirectingOrigin(12);
    const source = own.source();
    // Past caches, and so past what was learned from one redirect about other objects.
    const fresh = { ...ANY, fresh: true };
    for (const i of others.keys()) expect(await textOf(source.read(`${i}`, fresh))).toBe(`/${i}`);
    // The connections to those that are forgotten are closed.
    await Promise.all(others.slice(0, 5).map((server) => server.allClosed()));
    for (const i of [11, 6, 7, 8, 9, 10]) await source.read(`${i}`, ANY);
    expect(others.slice(6).map(({ connections }) => connections.length)).toEqual([1, 1, 1, 1, 1, 1]);
    await source.read("0", ANY);
    expect(others[0]?.connections).toHaveLength(2);
    expect(own.connections).toHaveLength(1);
  });

  it("forgets none from which something is under way", async () => {
    const { own, others } = await redirectingOrigin(12);
    const source = own.source({ connections: 12 });
    const held = others.map((_server, i) => source.read(`${i}-held`, ANY));
    const connections = await Promise.all(others.map((server) => server.connection()));
    await Promise.all(connections.map((connection) => connection.request()));
    expect(await textOf(source.read("3", ANY))).toBe("/3");
    for (const connection of connections) connection.send(okay("here"));
    for (const read of held) expect(await textOf(read)).toBe("here");
  });

  it("ends them all when it is closed", async () => {
    const { own, others } = await redirectingOrigin(12);
    const source = own.source({ connections: 12 });
    const held = others.map((_server, i) => outcomeOf(source.read(`${i}-held`, ANY)));
    const connections = await Promise.all(others.map((server) => server.connection()));
    await Promise.all(connections.map((connection) => connection.request()));
    await source.close();
    for (const outcome of await Promise.all(held)) {
      expect(outcome).toMatchObject({ message: "the source was closed" });
    }
    await Promise.all([own, ...others].map((server) => server.allClosed()));
  });
});

describe.each(TRANSPORTS)("over %s, a server is found", (transport) => {
  it("by a name, whatever addresses it has", async () => {
    const server = await scriptedServer(transport, (connection, path) => connection.send(okay(path)));
    server.url.hostname = "localhost";
    const source = server.source();
    expect(await textOf(source.read("by-name", ANY))).toBe("/by-name");
  });
});

it("a server is found by an IPv6 address, which the request names as its host", async (context) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (request) => {
      const host = /^host: (.*)\r$/m.exec(request.toString())?.[1] ?? "none";
      socket.write(okay(host));
    });
  });
  server.listen(0, "::1");
  // There are machines without.
  const listens = await once(server, "listening").then(
    () => true,
    () => false,
  );
  if (!listens) return context.skip();
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const source = sourceAt(new URL(`http://[::1]:${port}/`));
  expect(await textOf(source.read("checkpoint", ANY))).toBe(`[::1]:${port}`);
});
