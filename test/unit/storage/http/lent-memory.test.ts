/**
 * Memory that was lent to a read is somebody else's as soon as the read is over: whatever its server goes on to
 * send, not a byte comes there any more.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ReadOptions } from "../../../../lib/migrate/ports/source.ts";
import type { HttpSource, HttpSourceOptions } from "../../../../storage/http/source.ts";
import { stoppedClock } from "../../../support/http/clock.ts";
import { Lender } from "../../../support/http/lender.ts";
import { ANY } from "../../../support/http/reads.ts";
import {
  head,
  okay,
  type ScriptedConnection,
  scriptedServer,
  TRANSPORTS,
  type Transport,
} from "../../../support/http/scripted-server.ts";

const BODY = Buffer.alloc(400_000, "body");
const HEAD = head(`content-length: ${BODY.length}\r\n`);
const JUNK = Buffer.alloc(100_000, "junk");

/** Reads as a copy does: the memory is given back as soon as the read is over. What it gave, or why it failed. */
async function borrow(
  source: HttpSource,
  lender: Lender,
  options: Partial<ReadOptions> = {},
): Promise<unknown> {
  try {
    const bytes = await source.read("object", { ...ANY, ...options, reservation: lender });
    return Buffer.from(bytes ?? "there is none");
  } catch (error) {
    return error;
  } finally {
    lender.release();
  }
}

interface Loan {
  readonly transport: Transport;
  readonly lender?: Lender;
  readonly source?: Partial<HttpSourceOptions>;
  readonly options?: Partial<ReadOptions>;
}

/** A read that borrows memory, and the connection on which it waits for its answer. */
async function startLoan({ transport, lender = new Lender(), source: more, options }: Loan) {
  const server = await scriptedServer(transport);
  const source = server.source(more);
  const read = borrow(source, lender, options);
  return { lender, source, read, connection: await server.connection() };
}

/** Waits until the first `count` bytes of the body are where they shall be. */
async function arrival({ lent }: Lender, count: number): Promise<void> {
  while (lent[0]?.[count - 1] !== BODY[count - 1]) await nextTurn();
}

/** Goes on to send until nobody listens any more, a piece at a time or all at once. */
async function sendOn(connection: ScriptedConnection, rest: Buffer, pieceBytes: number): Promise<void> {
  for (let at = 0; at < rest.length && !connection.socket.destroyed; at += pieceBytes) {
    connection.send(rest.subarray(at, at + pieceBytes));
    await nextTurn();
  }
  await connection.closed;
}

const CASES = TRANSPORTS.flatMap((transport) =>
  [5_000, 60_000, BODY.length].map((pieceBytes) => ({ transport, pieceBytes })),
);

describe.each(CASES)("over $transport, by $pieceBytes bytes, a read is over", ({ transport, pieceBytes }) => {
  it("by a signal as soon as the memory was lent", async () => {
    const controller = new AbortController();
    // While the first bytes are looked at, and before the next are.
    const lender = new Lender({ onLent: () => queueMicrotask(() => controller.abort("enough")) });
    const { signal } = controller;
    const { read, connection } = await startLoan({ transport, lender, options: { signal } });
    connection.send(HEAD, BODY.subarray(0, pieceBytes));
    await sendOn(connection, BODY.subarray(pieceBytes), pieceBytes);
    expect(await read).toBe("enough");
    expect(lender.lent).toHaveLength(1);
    expect(lender.misuse).toBeUndefined();
  });

  /** The ends that come amid a body, of which as much as one piece has come. */
  it.each<[string, (source: HttpSource, controller: AbortController) => unknown]>([
    ["by a signal", (_source, controller) => controller.abort("enough")],
    ["because the source is closed", (source) => source.close()],
  ])("%s amid the body", async (_how, end) => {
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const { lender, source, read, connection } = await startLoan({ transport, options });
    const half = Math.min(pieceBytes, BODY.length / 2);
    connection.send(HEAD, BODY.subarray(0, half));
    await arrival(lender, half);
    end(source, controller);
    await sendOn(connection, BODY.subarray(half), pieceBytes);
    expect(await read).not.toBeInstanceOf(Buffer);
    expect(lender.misuse).toBeUndefined();
  });

  it("because the server took too long for all of it", async () => {
    const clock = stoppedClock();
    const source = { timeouts: { objectMs: 1000 } };
    const { lender, read, connection } = await startLoan({ transport, source });
    const half = Math.min(pieceBytes, BODY.length / 2);
    connection.send(HEAD, BODY.subarray(0, half));
    await arrival(lender, half);
    clock.goOn(1001);
    // Until the time is checked.
    await new Promise((resume) => setTimeout(resume, 300));
    await sendOn(connection, BODY.subarray(half), pieceBytes);
    expect(await read).toMatchObject({ message: expect.stringContaining("for one object") });
    expect(lender.misuse).toBeUndefined();
  });

  it("because the server was silent for too long", async () => {
    const source = { timeouts: { bodyMs: 20 } };
    const { lender, read, connection } = await startLoan({ transport, source });
    connection.send(HEAD, BODY.subarray(0, BODY.length / 2));
    expect(await read).toMatchObject({ message: expect.stringContaining("sent nothing for") });
    await sendOn(connection, BODY.subarray(BODY.length / 2), pieceBytes);
    expect(lender.misuse).toBeUndefined();
  });

  it.each([
    ["junk", JUNK],
    ["another response", okay(JUNK)],
  ])("because all of it came, and %s in the same breath", async (_what, more) => {
    const { lender, read, connection } = await startLoan({ transport });
    connection.send(HEAD, BODY.subarray(0, -pieceBytes));
    await sendOn(connection, Buffer.concat([BODY.subarray(-pieceBytes), more]), pieceBytes + 10_000);
    expect(BODY.equals((await read) as Buffer)).toBe(true);
    expect(lender.misuse).toBeUndefined();
  });

  it.each(["announced", "chunked"] as const)("because all came (%s), and later junk", async (framing) => {
    const { lender, read, connection } = await startLoan({ transport });
    connection.send(okay(BODY, { framing }));
    expect(BODY.equals((await read) as Buffer)).toBe(true);
    await sendOn(connection, JUNK, pieceBytes);
    expect(lender.lent).toHaveLength(1);
    expect(lender.misuse).toBeUndefined();
  });

  it("because all of it came, and then the connection carries another object", async () => {
    const server = await scriptedServer(transport);
    const source = server.source();
    const lender = new Lender();
    const first = borrow(source, lender);
    const second = source.read("second", ANY);
    const connection = await server.connection();
    await connection.request();
    connection.send(HEAD, BODY);
    expect(BODY.equals((await first) as Buffer)).toBe(true);
    await connection.request();
    connection.send(okay(JUNK));
    expect(Buffer.from((await second) ?? [])).toEqual(JUNK);
    expect(server.connections).toHaveLength(1);
    expect(lender.misuse).toBeUndefined();
  });

  it("before any was lent, because it is too large: nothing is taken", async () => {
    for (const framing of ["announced", "chunked"] as const) {
      const options = { maxBytes: BODY.length - 1 };
      const { lender, read, connection } = await startLoan({ transport, options });
      await sendOn(connection, okay(BODY, { framing }), pieceBytes);
      expect(await read).toMatchObject({ name: "FormatError" });
      expect(lender.lent).toEqual([]);
      expect(lender.misuse).toBeUndefined();
    }
  });
});
