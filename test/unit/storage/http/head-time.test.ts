/** A server may take a time for the head of its response, however it spends it, and another between parts of a body. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { stoppedClock } from "../../../support/http/clock.ts";
import { ANY } from "../../../support/http/reads.ts";
import { head, okay, scriptedServer, TRANSPORTS } from "../../../support/http/scripted-server.ts";

const TOO_LATE = { name: "SourceError", retryable: true, message: expect.stringContaining("did not answer") };
const HEADERS_MS = 400;

/** What arrives before the end of a head, over and over. */
const TRICKLES: readonly [string, readonly string[]][] = [
  ["byte by byte", Array.from(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(100)}`)],
  ["in interim responses", Array.from({ length: 100 }, () => "HTTP/1.1 103 Early Hints\r\n\r\n")],
  [
    "in halves of interim responses",
    Array.from({ length: 100 }, (_, i) => (i % 2 ? " Hi\r\n\r\n" : "HTTP/1.1 102")),
  ],
];

const CASES = TRANSPORTS.flatMap((transport) =>
  TRICKLES.map(([how, pieces]) => ({ transport, how, pieces })),
);

/** Long enough for the time of exchanges to be checked. */
async function checks(): Promise<void> {
  await new Promise((resume) => setTimeout(resume, HEADERS_MS / 2));
}

describe.each(CASES)("over $transport, a head that comes $how", ({ transport, pieces }) => {
  it("has no more time than any other", async () => {
    const clock = stoppedClock();
    const server = await scriptedServer(transport);
    const source = server.source({ timeouts: { headersMs: HEADERS_MS } });
    let outcome: unknown;
    const read = source.read("x", ANY).catch((error: unknown) => (outcome = error));
    const connection = await server.connection();
    await connection.request();
    for (const piece of pieces) {
      clock.goOn(HEADERS_MS / pieces.length);
      connection.send(piece);
      await nextTurn();
    }
    await checks();
    expect(outcome).toBeUndefined();
    clock.goOn(1);
    connection.send(pieces[0] as string);
    expect(await read).toMatchObject(TOO_LATE);
    await connection.closed;
  });
});

describe.each(TRANSPORTS)("over %s", (transport) => {
  it("the time for a head begins anew with each request", async () => {
    const clock = stoppedClock();
    const server = await scriptedServer(transport);
    const source = server.source({ timeouts: { headersMs: HEADERS_MS } });
    const reads = [source.read("first", ANY), source.read("second", ANY)];
    const connection = await server.connection();
    for (const read of reads) {
      await connection.request();
      clock.goOn(HEADERS_MS - 1);
      await checks();
      connection.send(okay("ok"));
      expect(await read).toHaveLength(2);
    }
    expect(server.connections).toHaveLength(1);
  });

  it("the time for a body begins with its head, and anew with each part", async () => {
    const clock = stoppedClock();
    const server = await scriptedServer(transport);
    const source = server.source({ timeouts: { headersMs: HEADERS_MS, bodyMs: HEADERS_MS } });
    const read = source.read("x", ANY);
    const connection = await server.connection();
    await connection.request();
    for (const part of [head("content-length: 6\r\n"), "one", "two"]) {
      clock.goOn(HEADERS_MS - 1);
      await checks();
      connection.send(part);
      await checks();
    }
    expect(await read).toEqual(Buffer.from("onetwo"));
  });
});
