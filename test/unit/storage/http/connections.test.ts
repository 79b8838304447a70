/** How many connections a source has, what each carries, and when it ends. */

import net from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import tls from "node:tls";
import { describe, expect, it, vi } from "vitest";
import { ANY, counter, outcomeOf, textOf } from "../../../support/http/reads.ts";
import {
  head,
  okay,
  type ScriptedConnection,
  scriptedServer,
  TRANSPORTS,
} from "../../../support/http/scripted-server.ts";

it("connections that carry nothing are closed before servers grow tired of them, or as they say", async () => {
  const cases = [
    ["", 1000, 5000],
    ["keep-alive: timeout=60\r\n", 1000, 5000],
    ["keep-alive: timeout=2\r\n", 0, 2000],
  ] as const;
  const close = async (
    transport: (typeof TRANSPORTS)[number],
    [header, least, most]: (typeof cases)[number],
  ) => {
    const answer = Buffer.concat([head(`content-length: 1\r\n${header}`), Buffer.from("x")]);
    const server = await scriptedServer(transport, (connection) => connection.send(answer));
    const source = server.source();
    await source.read("first", ANY);
    const idleSince = performance.now();
    await server.allClosed();
    // nginx waits for 75 s, Apache and Node for 5.
    const idleFor = performance.now() - idleSince;
    expect(idleFor, `${transport} ${header}`).toBeGreaterThan(least);
    expect(idleFor, `${transport} ${header}`).toBeLessThan(most);
    expect(await textOf(source.read("second", ANY))).toBe("x");
    expect(server.connections).toHaveLength(2);
  };
  // All at once, since each waits for seconds.
  await Promise.all(TRANSPORTS.flatMap((transport) => cases.map((each) => close(transport, each))));
});

describe.each(TRANSPORTS)("connections over %s", (transport) => {
  it("are as many as allowed, and carry all requests one after the other", async () => {
    const server = await scriptedServer(transport, (connection, path) => connection.send(okay(path)));
    const source = server.source({ connections: 3 });
    const paths = Array.from({ length: 50 }, (_, i) => `${i}`);
    const texts = await Promise.all(paths.map((path) => textOf(source.read(path, ANY))));
    expect(texts).toEqual(paths.map((path) => `/${path}`));
    expect(server.connections).toHaveLength(3);
  });

  it("carry one request at a time each, and never more are under way than there may be connections", async () => {
    const answers: (() => void)[] = [];
    const server = await scriptedServer(transport, (connection, path) => {
      // Some last for one answer only, some for several.
      const connectionLine = answers.length % 2 === 0 ? "connection: close\r\n" : "";
      answers.push(() => connection.send(head(`content-length: 2\r\n${connectionLine}`), path.slice(1)));
    });
    const source = server.source({ connections: 4 });
    const reads = Array.from({ length: 30 }, (_, i) => textOf(source.read(`${i + 10}`, ANY)));
    for (let i = 0; i < 30; i++) {
      while (answers.length === i) await nextTurn();
      for (let turn = 0; turn < 5; turn++) await nextTurn();
      expect(server.requests.length - i).toBeLessThanOrEqual(4);
      answers[i]?.();
    }
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 30 }, (_, i) => `${i + 10}`));
  });

  it("are given to the requests that wait in the order in which they came", async () => {
    const server = await scriptedServer(transport, (connection, path) => connection.send(okay(path)));
    const source = server.source();
    const paths = Array.from({ length: 20 }, (_, i) => `${i}`);
    await Promise.all(paths.map((path) => source.read(path, ANY)));
    expect(server.requests).toEqual(paths.map((path) => `/${path}`));
  });

  it("are used in such a way that those beyond need stay idle", async () => {
    const carried: ScriptedConnection[] = [];
    const server = await scriptedServer(transport, (connection) => {
      carried.push(connection);
      if (carried.length === 3) for (const each of carried) each.send(okay("x"));
      if (carried.length > 3) connection.send(okay("x"));
    });
    const source = server.source({ connections: 3 });
    await Promise.all(["a", "b", "c"].map((path) => source.read(path, ANY)));
    for (let i = 0; i < 10; i++) await source.read("again", ANY);
    expect(new Set(carried.slice(3)).size).toBeLessThan(3);
    expect(server.connections).toHaveLength(3);
  });

  it.each([
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: Foo, Close\r\n\r\nok"],
    ["HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"],
    ["HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"],
  ])("that their server wants to close are closed here, and not used again: %j", async (response) => {
    const server = await scriptedServer(transport, (connection) => connection.send(response));
    const source = server.source();
    await Promise.all([source.read("a", ANY), source.read("b", ANY)]);
    await source.read("c", ANY);
    expect(server.connections).toHaveLength(3);
    await server.allClosed();
  });

  it.each([
    ["HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok"],
    ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\nkeep-alive: timeout=1\r\n\r\nok"],
    ["HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno"],
    ["HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"],
  ])("that their server keeps are used again: %j", async (response) => {
    const server = await scriptedServer(transport, (connection) => connection.send(response));
    const source = server.source();
    await Promise.all([source.read("a", ANY), source.read("b", ANY)]);
    await source.read("c", ANY);
    expect(server.connections).toHaveLength(1);
  });

  it("on which a byte more came than was announced carry nothing else", async () => {
    const server = await scriptedServer(transport, (connection, path) => {
      if (path === "/first") connection.send(head("content-length: 40000\r\n"), Buffer.alloc(40_001, "x"));
      else connection.send(okay(path));
    });
    const source = server.source();
    const [first, second] = [source.read("first", ANY), source.read("second", ANY)];
    expect(await first).toHaveLength(40_000);
    expect(await textOf(second)).toBe("/second");
    expect(server.connections).toHaveLength(2);
    await server.connections[0]?.closed;
  });

  it("on which something comes that nobody asked for are closed", async () => {
    const server = await scriptedServer(transport, (connection) => connection.send(okay("x")));
    await server.source().read("first", ANY);
    const [connection] = server.connections;
    connection?.send("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
    await connection?.closed;
  });

  it("make way for the requests that wait when they cannot be had or break", async () => {
    let requests = 0;
    const server = await scriptedServer(transport, (connection, path) => {
      if (++requests % 3 === 0) connection.send(okay(path));
      else if (requests % 3 === 1) connection.reset();
      else connection.send("nonsense");
    });
    const source = server.source({ connections: 2 });
    const paths = Array.from({ length: 12 }, (_, i) => `${i}`);
    const outcomes = await Promise.allSettled(paths.map((path) => source.read(path, ANY)));
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThanOrEqual(4);
  });

  it("that cannot even be begun fail the reads that they were for, each once", async () => {
    const server = await scriptedServer(transport);
    const { heard, observer } = counter();
    const source = server.source({ observer });
    for (const module of [net, tls]) {
      vi.spyOn(module, "connect").mockImplementation(() => {
        throw new Error("no more handles");
      });
    }
    const reads = ["a", "b"].map((path) => outcomeOf(source.read(path, ANY)));
    for (const outcome of await Promise.all(reads)) {
      expect(outcome).toMatchObject({
        name: "SourceError",
        message: expect.stringContaining("no more handles"),
      });
    }
    expect(heard.ended).toEqual([0, 0]);
  });
});
