import { describe, expect, it } from "vitest";
import type { ExchangeCarrier } from "../../../../storage/http/connection.ts";
import { type Answer, HttpExchange } from "../../../../storage/http/exchange.ts";
import type { HttpSource } from "../../../../storage/http/source.ts";
import { AbortWatch } from "../../../../storage/shared/abort-watch.ts";
import { okay, scriptedServer } from "../../../support/http/scripted-server.ts";

const TIMEOUTS = { connectMs: 1000, headersMs: 1000, bodyMs: 1000, objectMs: 1000 };

/** A connection that only knows whether it was told to break off. */
class FakeConnection implements ExchangeCarrier {
  broken = false;
  pause(): void {}
  resume(): void {}
  abort(): void {
    this.broken = true;
  }
}

/** An exchange under way, and its answer. */
function startedExchange(): { exchange: HttpExchange; connection: FakeConnection; answer: Promise<Answer> } {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Answer>();
  const context = { peer: { host: "h", timeouts: TIMEOUTS }, aborts: new AbortWatch(), observer: undefined };
  const exchange = new HttpExchange(context, { maxBytes: 100 }, { resolve, reject });
  const connection = new FakeConnection();
  exchange.onRequestStart(connection);
  return { exchange, connection, answer };
}

it.each([200, 302, 503])(
  "a defect in what is made of a %i rejects the read, with its cause",
  async (status) => {
    const defect = new Error("a defect");
    const headers = new Proxy(
      {},
      {
        get: () => {
          throw defect;
        },
      },
    );
    const { exchange, connection, answer } = startedExchange();
    exchange.onResponseStart(status, headers);
    await expect(answer).rejects.toBe(defect);
    expect(connection.broken).toBe(true);
    exchange.onResponseError(defect);
  },
  5000,
);

it("a body that ends before it is as long as announced is no object, whatever a connection says", async () => {
  const { exchange, answer } = startedExchange();
  exchange.onResponseStart(200, { "content-length": "10" });
  exchange.bodySpace()?.fill("x", 0, 9);
  exchange.onBodyFilled(9);
  exchange.onResponseEnd();
  await expect(answer).rejects.toMatchObject({ message: "h sent less or more than it announced" });
});

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
