/** A connection whose server was held up, because there was no leave yet to hold a body, goes on. */

import { randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import type { HttpSourceOptions } from "../../../../storage/http/source.ts";
import { stoppedClock } from "../../../support/http/clock.ts";
import { Lender } from "../../../support/http/lender.ts";
import { ANY, bytesOf, outcomeOf } from "../../../support/http/reads.ts";
import {
  head,
  okay,
  scriptedServer,
  TRANSPORTS,
  type Transport,
  WIRES,
} from "../../../support/http/scripted-server.ts";

/** With its head it comes in one read, so that all of it is in hand when the server is held up. */
const SMALL = randomBytes(20_000);
/** Most of it stays in the socket when the server is held up. */
const LARGE = randomBytes(500_000);

/** A read for whose body there is no leave yet, and the connection on which it waits for its answer. */
async function startHeld(
  transport: Transport,
  options: Partial<HttpSourceOptions> = {},
  signal?: AbortSignal,
) {
  const server = await scriptedServer(transport);
  const source = server.source(options);
  const lender = new Lender({ held: true });
  const read = source.read("first", { ...ANY, reservation: lender, ...(signal && { signal }) });
  return { server, source, lender, read, connection: await server.connection() };
}

const CASES = TRANSPORTS.flatMap((transport) => WIRES.map((wire) => ({ transport, ...wire })));

describe.each(CASES)("over $transport, $framing, gzip: $gzip", ({ transport, ...wire }) => {
  it("a body that is in hand before there is leave for it does not keep its connection from the next request", async () => {
    const { server, source, lender, read: first, connection } = await startHeld(transport);
    await connection.request();
    connection.send(okay(SMALL, wire));
    await lender.asked;
    const second = source.read("second", ANY);
    expect(await connection.request()).toBe("/second");
    connection.send(okay("the second"));
    expect(await bytesOf(second)).toEqual(Buffer.from("the second"));
    expect(inspect(first)).toContain("<pending>");
    lender.grant();
    expect(await bytesOf(first)).toEqual(SMALL);
    expect(server.connections).toHaveLength(1);
  }, 15_000);

  it("nor from one that waits for it", async () => {
    const server = await scriptedServer(transport, (connection, path) => connection.send(okay(path, wire)));
    const source = server.source();
    const lenders = Array.from({ length: 5 }, () => new Lender({ held: true }));
    const held = lenders.map((lender, i) => source.read(`held/${i}`, { ...ANY, reservation: lender }));
    expect(await bytesOf(source.read("free", ANY))).toEqual(Buffer.from("/free"));
    for (const [i, read] of [...held.entries()].reverse()) {
      lenders[i]?.grant();
      expect(await bytesOf(read)).toEqual(Buffer.from(`/held/${i}`));
    }
    expect(server.connections).toHaveLength(1);
  }, 15_000);

  it("a body of which the rest is in the socket is read when there is leave, and then the next", async () => {
    const server = await scriptedServer(transport, (connection) => connection.send(okay(LARGE, wire)));
    const source = server.source();
    const lender = new Lender({ held: true });
    const first = source.read("first", { ...ANY, reservation: lender });
    const second = source.read("second", ANY);
    await lender.asked;
    lender.grant();
    expect(LARGE.equals(await bytesOf(first))).toBe(true);
    expect(LARGE.equals(await bytesOf(second))).toBe(true);
    expect(server.connections).toHaveLength(1);
  }, 15_000);

  it("many bodies share two connections and a budget that holds none of them", async () => {
    const server = await scriptedServer(transport, (connection, path) =>
      connection.send(okay(path === "/large" ? LARGE : SMALL, wire)),
    );
    const source = server.source({ connections: 2 });
    const budget = new ByteBudget(1000);
    const copy = async (path: string): Promise<Buffer> => {
      const reservation = budget.reserve();
      try {
        return Buffer.from(await bytesOf(source.read(path, { ...ANY, reservation })));
      } finally {
        reservation.release();
      }
    };
    const copies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => copy(i % 4 === 0 ? "large" : "small")),
    );
    copies.forEach((copied, i) => void expect(copied.equals(i % 4 === 0 ? LARGE : SMALL)).toBe(true));
    expect(server.connections).toHaveLength(2);
  }, 15_000);
});

describe.each(TRANSPORTS)("while its server is held up over %s", (transport) => {
  it("a connection of which nothing is wanted any more is closed, and leave that comes late takes nothing", async () => {
    const controller = new AbortController();
    const { server, source, lender, read, connection } = await startHeld(transport, {}, controller.signal);
    connection.send(okay(LARGE));
    await lender.asked;
    controller.abort("enough");
    await expect(read).rejects.toBe("enough");
    lender.release();
    lender.grant();
    await connection.closed;
    const next = source.read("next", ANY);
    (await server.connection()).send(okay("on a new one"));
    expect(await bytesOf(next)).toEqual(Buffer.from("on a new one"));
    expect(lender.misuse).toBeUndefined();
  }, 15_000);

  it.each([
    ["all of the announced body", okay(SMALL)],
    ["all of a body of unknown length", Buffer.concat([head(""), SMALL])],
    ["all of a body in chunks", okay(SMALL, { framing: "chunked" })],
  ])("the connection may end behind %s", { timeout: 15_000 }, async (_what, response) => {
    const { lender, read, connection } = await startHeld(transport);
    connection.send(response);
    connection.socket.end();
    await lender.asked;
    lender.grant();
    expect(await bytesOf(read)).toEqual(SMALL);
    await connection.closed;
  });

  it("a connection that ends too early is found when it is read on", async () => {
    const { lender, read, connection } = await startHeld(transport);
    const outcome = outcomeOf(read);
    connection.send(head("content-length: 20001\r\n"), SMALL);
    connection.socket.end();
    await lender.asked;
    lender.grant();
    expect(await outcome).toMatchObject({
      message: expect.stringContaining("sent less or more than it announced"),
      retryable: true,
    });
  }, 15_000);

  it("its time does not run, and runs again when there is permission", async () => {
    const clock = stoppedClock();
    const { lender, read, connection } = await startHeld(transport, { timeouts: { bodyMs: 400 } });
    const outcome = outcomeOf(read);
    connection.send(head(`content-length: ${LARGE.length + 1}\r\n`), LARGE);
    await lender.asked;
    await nextTurn();
    clock.goOn(3_600_000);
    await new Promise((resume) => setTimeout(resume, 300));
    expect(inspect(read)).toContain("<pending>");
    lender.grant();
    await new Promise((resume) => setTimeout(resume, 300));
    expect(inspect(read)).toContain("<pending>");
    clock.goOn(401);
    expect(await outcome).toMatchObject({ message: expect.stringContaining("sent nothing for 0.4 s") });
    await connection.closed;
  }, 15_000);
});
