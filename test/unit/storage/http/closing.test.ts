/** Closing a source ends all that it has under way, whatever that is doing, and leaves no connection open. */

import { describe, expect, it } from "vitest";
import type { HttpSource } from "../../../../storage/http/source.ts";
import { clientSockets } from "../../../support/http/client-sockets.ts";
import { Lender } from "../../../support/http/lender.ts";
import { ANY, outcomeOf } from "../../../support/http/reads.ts";
import {
  head,
  okay,
  type ScriptedServer,
  scriptedServer,
  TRANSPORTS,
} from "../../../support/http/scripted-server.ts";

const CLOSED = expect.objectContaining({ message: "the source was closed", retryable: false });

/** Brings a read so far, and tells what it is to give when the source is closed then. */
type Stage = (
  server: ScriptedServer,
  source: HttpSource,
) => Promise<{ read: Promise<unknown>; expected: unknown; lender?: Lender }>;

const STAGES: Record<string, Stage> = {
  "waits for its connection": async (_server, source) => ({ read: source.read("x", ANY), expected: CLOSED }),
  "waits for its answer": async (server, source) => {
    const read = source.read("x", ANY);
    await (await server.connection()).request();
    return { read, expected: CLOSED };
  },
  "has half of a head": async (server, source) => {
    const read = source.read("x", ANY);
    (await server.connection()).send("HTTP/1.1 200 OK\r\ncontent-");
    return { read, expected: CLOSED };
  },
  "has half of its body": async (server, source) => {
    const lender = new Lender();
    const read = source.read("x", { ...ANY, reservation: lender });
    (await server.connection()).send(head("content-length: 200000\r\n"), Buffer.alloc(100_000));
    await lender.asked;
    return { read, expected: CLOSED };
  },
  "has half of its body, and holds its server up": async (server, source) => {
    const lender = new Lender({ held: true });
    const read = source.read("x", { ...ANY, reservation: lender });
    (await server.connection()).send(head("content-length: 200000\r\n"), Buffer.alloc(100_000));
    await lender.asked;
    return { read, expected: CLOSED, lender };
  },
  "has all of its body, and no leave for it yet": async (server, source) => {
    const lender = new Lender({ held: true });
    const read = source.read("x", { ...ANY, reservation: lender });
    const next = outcomeOf(source.read("next", ANY));
    const connection = await server.connection();
    await connection.request();
    connection.send(okay("whole"));
    await connection.request();
    return { read: Promise.all([read, next]), expected: [Buffer.from("whole"), CLOSED], lender };
  },
  "was told that there is none, and its answer goes on": async (server, source) => {
    const read = source.read("x", ANY);
    (await server.connection()).send(head("content-length: 10\r\n", "404 Not Found"), "no");
    await read;
    return { read, expected: undefined };
  },
  "is done, and its connection kept": async (server, source) => {
    const read = source.read("x", ANY);
    (await server.connection()).send(okay("whole"));
    await read;
    return { read, expected: Buffer.from("whole") };
  },
  "is sent again": async (server, source) => {
    const first = source.read("first", ANY);
    const connection = await server.connection();
    await connection.request();
    connection.send(okay("first"));
    await first;
    const read = outcomeOf(source.read("x", ANY));
    await connection.request();
    connection.reset();
    await (await server.connection()).request();
    return { read, expected: CLOSED };
  },
};

describe.each(TRANSPORTS)("over %s, closing a source while a read", (transport) => {
  it.each(Object.keys(STAGES))("%s", async (stage) => {
    const heard = { started: 0, ended: 0 };
    const observer = { started: () => void heard.started++, ended: () => void heard.ended++ };
    const sockets = clientSockets();
    const server = await scriptedServer(transport);
    const source = server.source({ observer });
    const { read, expected, lender } = await (STAGES[stage] as Stage)(server, source);
    const outcome = outcomeOf(read);
    const waiting: Promise<unknown>[] = [];
    // It would be sent over a connection that is idle.
    if (heard.ended < heard.started) waiting.push(source.read("a", ANY), source.read("b", ANY));
    const waited = waiting.map((read) => outcomeOf(read));
    await source.close();
    expect(sockets.map(({ destroyed }) => destroyed)).not.toContain(false);
    for (const outcome of await Promise.all(waited)) expect(outcome).toEqual(CLOSED);
    expect(heard.ended).toBe(heard.started);
    lender?.grant();
    expect(await outcome).toEqual(expected);
    await server.allClosed();
    const late = outcomeOf(source.read("late", ANY));
    expect(await late).toEqual(CLOSED);
    expect(heard.ended).toBe(heard.started);
    await source.close();
  });
});

it("closing a source amid a TLS handshake ends the connection", async () => {
  const begun = Promise.withResolvers<void>();
  const server = await scriptedServer("TLS", undefined, {
    beforeHandshake: () => {
      begun.resolve();
      return new Promise(() => {});
    },
  });
  const source = server.source();
  const read = outcomeOf(source.read("x", ANY));
  await begun.promise;
  await source.close();
  expect(await read).toEqual(CLOSED);
  await server.allClosed();
});
