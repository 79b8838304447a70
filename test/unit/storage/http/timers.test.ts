/** Bodies that nobody wants, and connections that are not made, have their time, and harm nothing that comes after. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Connection } from "../../../../storage/http/connection.ts";
import { clientSockets } from "../../../support/http/client-sockets.ts";
import { stoppedClock } from "../../../support/http/clock.ts";
import { ANY, outcomeOf } from "../../../support/http/reads.ts";
import { head, okay, scriptedServer, TRANSPORTS } from "../../../support/http/scripted-server.ts";
import { sourceAt } from "../../../support/http/servers.ts";

describe.each(TRANSPORTS)("over %s", (transport) => {
  it.each([404, 302, 503])("the body of a %i that nobody wants has a second, and no more", async (status) => {
    const clock = stoppedClock();
    const server = await scriptedServer(transport);
    const outcome = outcomeOf(server.source().read("first", ANY));
    const connection = await server.connection();
    await connection.request();
    connection.send(head("content-length: 10\r\nlocation: ftp://x/\r\n", `${status} x`), "half.");
    await outcome;
    clock.goOn(1000);
    await new Promise((resume) => setTimeout(resume, 600));
    expect(connection.socket.readableEnded || connection.socket.destroyed).toBe(false);
    clock.goOn(1);
    await connection.closed;
  });

  it.each([404, 302, 503])("a %i's body that ends in time leaves the connection in peace", async (status) => {
    const clock = stoppedClock();
    const server = await scriptedServer(transport);
    const source = server.source();
    const first = outcomeOf(source.read("first", ANY));
    const second = source.read("second", ANY);
    const connection = await server.connection();
    await connection.request();
    connection.send(head("content-length: 5\r\nlocation: ftp://x/\r\n", `${status} x`), "whole");
    await first;
    await connection.request();
    clock.goOn(10_000);
    await new Promise((resume) => setTimeout(resume, 600));
    connection.send(okay("second"));
    expect(await second).toHaveLength(6);
    expect(server.connections).toHaveLength(1);
  });
});

it("a connection that is not made in time is given up", async () => {
  const sockets = clientSockets();
  const server = await scriptedServer("TLS", undefined, { beforeHandshake: () => new Promise(() => {}) });
  const source = server.source({ connections: 2, timeouts: { connectMs: 50 } });
  const reads = ["a", "b"].map((path) => outcomeOf(source.read(path, ANY)));
  for (const outcome of await Promise.all(reads)) {
    expect(outcome).toMatchObject({
      message: expect.stringContaining("did not accept a connection within 0.05 s"),
    });
  }
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true]);
});

it("a source that is closed leaves no timer behind", async () => {
  const [begun, ended] = [vi.spyOn(globalThis, "setInterval"), vi.spyOn(globalThis, "clearInterval")];
  const server = await scriptedServer("plain", (connection) => connection.send(okay("x")));
  const source = server.source();
  await source.read("first", ANY);
  await source.close();
  expect(begun).toHaveBeenCalledOnce();
  expect(ended).toHaveBeenCalledWith(begun.mock.results[0]?.value);
});

it("connections that could not be made are forgotten", async () => {
  const made: WeakRef<Connection>[] = [];
  const { dispatch } = Connection.prototype;
  Connection.prototype.dispatch = function (...args) {
    made.push(new WeakRef(this));
    return dispatch.apply(this, args);
  };
  onTestFinished(() => {
    Connection.prototype.dispatch = dispatch;
  });
  const source = sourceAt(new URL("http://127.0.0.1:1/"), { timeouts: { bodyMs: 40 } });
  for (let read = 0; read < 20; read++) await outcomeOf(source.read("first", ANY));
  expect(made).toHaveLength(20);
  await new Promise((resume) => setTimeout(resume, 100));
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  expect(made.filter((connection) => connection.deref() !== undefined).length).toBeLessThan(10);
});
