import { expect, it } from "vitest";
import { AbortWatch } from "../../../storage/abort-watch.ts";
import type { ExchangeCarrier } from "../../../storage/http-connection.ts";
import { type Answer, HttpExchange } from "../../../storage/http-exchange.ts";

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
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const context = {
      peer: { host: "h", timeouts: TIMEOUTS },
      aborts: new AbortWatch(),
      observer: undefined,
    };
    const exchange = new HttpExchange(context, { maxBytes: 1 }, { resolve, reject });
    const connection = new FakeConnection();
    exchange.onRequestStart(connection);
    exchange.onResponseStart(status, headers);
    await expect(promise).rejects.toBe(defect);
    expect(connection.broken).toBe(true);
    exchange.onResponseError(defect);
  },
  5000,
);
