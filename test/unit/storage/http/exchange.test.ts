/** What is called while a response comes may fail, or close everything. */

import type { Dispatcher } from "undici";
import { describe, expect, it, vi } from "vitest";
import type { ByteReservation } from "../../../../lib/migrate/ports/source.ts";
import { DEFAULT_TIMEOUTS } from "../../../../storage/http/client.ts";
import { Exchange } from "../../../../storage/http/exchange.ts";
import type { HttpResponse } from "../../../../storage/http/request.ts";
import type { HttpSource } from "../../../../storage/http/source.ts";
import { Lender } from "../../../support/http/lender.ts";
import { outcomeOf, turns } from "../../../support/http/reads.ts";
import { okay, scriptedServer, TRANSPORTS } from "../../../support/http/scripted-server.ts";

describe("an observer", () => {
  it("that closes the source when it hears of an end hears of one end for each request", async () => {
    const ended: number[] = [];
    let started = 0;
    const server = await scriptedServer("plain", (connection, path) => {
      if (path === "/first") controller.abort();
      connection.send(okay(path));
    });
    const controller = new AbortController();
    const observer = {
      started: () => void started++,
      ended: (status: number) => {
        ended.push(status);
        if (status === 0) source.close();
      },
    };
    const source: HttpSource = server.source({ observer });
    const { signal } = controller;
    const reads = [
      source.read("first", { maxBytes: 100 }),
      source.read("abandoned", { maxBytes: 100, signal }),
      source.read("last", { maxBytes: 100 }),
    ];
    const outcomes = await Promise.allSettled(reads);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    await server.allClosed();
    expect(started).toBe(3);
    expect(ended).toEqual([200, 0, 0]);
  });

  it("that throws does not keep a read from its end", async () => {
    const server = await scriptedServer("plain", (connection, path) => connection.send(okay(path)));
    const observer = {
      started() {},
      ended() {
        throw new Error("a defect");
      },
    };
    const source = server.source({ observer });
    expect(await source.read("first", { maxBytes: 100 })).toEqual(Buffer.from("/first"));
    expect(await source.read("second", { maxBytes: 100 })).toEqual(Buffer.from("/second"));
  });
});

const BODY = Buffer.alloc(120_000, "body");

/** Calls that a read of the path `probe` makes. */
const CALLS = ["started", "answered", "atLeast", "allocate", "released", "ended"] as const;

describe.each(TRANSPORTS.flatMap((transport) => CALLS.map((call) => ({ transport, call }))))(
  "over $transport, in $call",
  ({ transport, call }) => {
    /** Two reads over one connection, of which the first does something in that call. */
    async function readBoth(act: (source: HttpSource) => void) {
      const server = await scriptedServer(transport, (connection) => connection.send(okay(BODY)));
      let isFirst = true;
      const reach = (reached: (typeof CALLS)[number]): void => {
        if (reached !== call || !isFirst) return;
        isFirst = false;
        act(source);
      };
      const reservation: ByteReservation = {
        atLeast: () => void reach("atLeast"),
        allocate(bytes) {
          reach("allocate");
          return Buffer.alloc(bytes);
        },
      };
      let ends = 0;
      const source = server.source({
        observer: {
          started: () => reach("started"),
          answered: () => reach("answered"),
          released: () => reach("released"),
          ended() {
            ends++;
            reach("ended");
          },
        },
      });
      const options = { maxBytes: 1 << 20, reservation };
      const reads = ["probe", "next"].map((path) => outcomeOf(source.read(path, options)));
      const [probe, next] = await Promise.all(reads);
      return { source, server, probe, next, ends: () => ends };
    }

    it("the source may be closed: every read and every request ends once, and no connection remains", async () => {
      const { server, probe, next, ends } = await readBoth((source) => source.close());
      const closed = expect.objectContaining({ message: "the source was closed" });
      // All of it has come by then.
      expect(probe).toEqual(call === "released" || call === "ended" ? BODY : closed);
      expect(next).toEqual(closed);
      await server.allClosed();
      expect(ends()).toBe(2);
    });

    it("another read may begin", async () => {
      let another: Promise<unknown> | undefined;
      const { probe, next, server } = await readBoth((source) => {
        another = source.read("another", { maxBytes: 1 << 20 });
      });
      expect([probe, next, await another]).toEqual([BODY, BODY, BODY]);
      expect(server.connections).toHaveLength(1);
    });

    it("an error is that read's own, and the next comes to its end", async () => {
      const defect = new Error("a defect");
      const { probe, next } = await readBoth(() => {
        throw defect;
      });
      expect(probe).toEqual(call === "released" || call === "ended" ? BODY : defect);
      expect(next).toEqual(BODY);
    });
  },
);

/** A read that has lent memory for ten bytes, with nobody who would keep its connection from going on. */
function startExchange(options: { held?: boolean; length?: string } = {}) {
  const lender = new Lender({ held: options.held ?? false });
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
  const rules = {
    timeouts: DEFAULT_TIMEOUTS,
    reservation: lender,
    maxBytes: 1 << 20,
    wireLimit: () => 1 << 20,
    tooLarge: () => new Error("too large"),
  };
  const request = { origin: "http://log.example", method: "GET", path: "/", headers: [] } as const;
  const exchange = new Exchange({ dispatch() {} }, { ...request, headers: [] }, rules, { resolve, reject });
  const controller = { abort() {}, pause() {}, resume() {} } as unknown as Dispatcher.DispatchController;
  exchange.onRequestStart(controller);
  exchange.onResponseStarted();
  const { length } = options;
  exchange.onResponseStart(controller, 200, length === undefined ? {} : { "content-length": length });
  const data = (bytes: Uint8Array | string) =>
    exchange.onResponseData(controller, Buffer.from(bytes as string));
  return { exchange, lender, outcome: outcomeOf(promise), data };
}

describe("whoever calls an exchange", () => {
  it.each(["123456789", "1234567890"])("a body of other than ten bytes is none: %s", async (body) => {
    const { exchange, outcome, data } = startExchange({ length: "10" });
    data(body);
    exchange.onResponseEnd();
    const refusal = { message: "log.example sent less or more than it announced", retryable: true };
    expect(await outcome).toMatchObject(body.length === 10 ? { body: Buffer.from(body) } : refusal);
  });

  it("no byte comes to the memory that was lent once it is settled", async () => {
    const { exchange, lender, outcome, data } = startExchange({ length: "10" });
    data("12345");
    exchange.abort("enough");
    lender.release();
    data("67890");
    exchange.onResponseEnd();
    expect(await outcome).toBe("enough");
    expect(lender.misuse).toBeUndefined();
  });

  it("permission that comes once it is settled takes no memory", async () => {
    const { exchange, lender, outcome } = startExchange({ length: "10", held: true });
    exchange.abort("enough");
    lender.release();
    lender.grant();
    await turns(1);
    expect(await outcome).toBe("enough");
    expect(lender.misuse).toBeUndefined();
  });

  it("it asks for one permission at a time, and makes no buffer for each byte", async () => {
    const allocate = vi.spyOn(Buffer, "allocUnsafe");
    const { exchange, lender, outcome, data } = startExchange({ held: true });
    for (let at = 0; at < 10_000; at++) data("x");
    expect(lender.amounts).toEqual([2]);
    expect(allocate.mock.calls.length).toBeLessThan(50);
    exchange.onResponseEnd();
    lender.grant();
    expect(await outcome).toMatchObject({ body: Buffer.alloc(10_000, "x") });
  });
});

it("memory that a response did not fill is never handed out", async () => {
  const server = await scriptedServer("plain", ({ socket }) => {
    socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nnine byte");
  });
  const read = server.source().read("object", { maxBytes: 100 });
  await expect(read).rejects.toMatchObject({
    message: `${server.url.host} sent less or more than it announced`,
  });
});
