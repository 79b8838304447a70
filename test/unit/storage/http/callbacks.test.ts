/** What is told of an exchange may be answered at once: it may be ended, held up, or followed by another. */

import { describe, expect, it } from "vitest";
import type { Exchange, ExchangeCarrier } from "../../../../storage/http/connection.ts";
import { HttpConnections } from "../../../../storage/http/pool.ts";
import { clientSockets } from "../../../support/http/client-sockets.ts";
import {
  okay,
  type ScriptedServer,
  scriptedServer,
  TRANSPORTS,
} from "../../../support/http/scripted-server.ts";
import { LOCALHOST } from "../../../support/http/test-certificates.ts";

const TIMEOUTS = { connectMs: 600_000, headersMs: 600_000, bodyMs: 600_000, objectMs: 600_000 };

const STEPS = ["request start", "arrival", "head", "data", "space", "filled", "end"] as const;
type Step = (typeof STEPS)[number];

const BODY = Buffer.alloc(120_000, "body");

/** Does something at a step, each time that it comes there. */
class Probe implements Exchange {
  /** How it ended, each time that it was told. */
  readonly ends: (Error | "end")[] = [];
  readonly steps = new Set<Step>();
  readonly over = Promise.withResolvers<void>();
  received = 0;
  #carrier: ExchangeCarrier | undefined;
  readonly #step: Step | undefined;
  readonly #act: (carrier: ExchangeCarrier) => void;
  readonly #space = Buffer.alloc(BODY.length + 1);

  constructor(step?: Step, act: (carrier: ExchangeCarrier) => void = () => {}) {
    this.#step = step;
    this.#act = act;
  }

  onRequestStart(carrier: ExchangeCarrier): boolean {
    this.#carrier = carrier;
    this.#reach("request start");
    return true;
  }

  onRequestLost(): void {}

  onArrival(): void {
    this.#reach("arrival");
  }

  onResponseStart(): void {
    this.#reach("head");
  }

  onResponseData(bytes: Buffer): void {
    this.received += bytes.length;
    this.#reach("data");
  }

  bodySpace(): Buffer {
    this.#reach("space");
    return this.#space.subarray(this.received);
  }

  onBodyFilled(count: number): void {
    this.received += count;
    this.#reach("filled");
  }

  onResponseEnd(): void {
    this.ends.push("end");
    this.over.resolve();
    this.#reach("end");
  }

  onResponseError(error: Error): void {
    this.ends.push(error);
    this.over.resolve();
  }

  #reach(step: Step): void {
    this.steps.add(step);
    if (this.#step === step && this.#carrier !== undefined) this.#act(this.#carrier);
  }
}

function connectionsTo(server: ScriptedServer): {
  connections: HttpConnections;
  get(path: string, exchange: Exchange): void;
} {
  const connections = new HttpConnections(1, TIMEOUTS, { ca: LOCALHOST.cert });
  const { origin } = server.url;
  return { connections, get: (path, exchange) => connections.get(origin, path, "", exchange) };
}

/** Where bodies are read straight to their place; over TLS they are not. */
function stepsOver(transport: string): readonly Step[] {
  return transport === "plain" ? STEPS : STEPS.filter((step) => step !== "space" && step !== "filled");
}

const CASES = TRANSPORTS.flatMap((transport) => stepsOver(transport).map((step) => ({ transport, step })));

it.each(TRANSPORTS)("all of it is told over %s", async (transport) => {
  const server = await scriptedServer(transport, (connection) => connection.send(okay(BODY)));
  const { connections, get } = connectionsTo(server);
  const probe = new Probe();
  get("/probe", probe);
  await probe.over.promise;
  expect(probe.steps).toEqual(new Set(stepsOver(transport)));
  expect(probe.received).toBe(BODY.length);
  await connections.close();
});

describe.each(CASES)("over $transport, at the $step", ({ transport, step }) => {
  it("an exchange that is ended hears so once, and the next has a connection of its own", async () => {
    const sockets = clientSockets();
    const server = await scriptedServer(transport, (connection) => connection.send(okay(BODY)));
    const { connections, get } = connectionsTo(server);
    const probe = new Probe(step, (carrier) => carrier.abort());
    const next = new Probe();
    get("/probe", probe);
    get("/next", next);
    await Promise.all([probe.over.promise, next.over.promise]);
    expect(next).toMatchObject({ ends: ["end"], received: BODY.length });
    expect(probe.ends).toEqual([step === "end" ? "end" : expect.objectContaining({ code: "ENDED_BY_US" })]);
    const last = [new Probe(), new Probe()];
    for (const probe of last) get("/last", probe);
    await Promise.all(last.map(({ over }) => over.promise));
    expect(last.map(({ ends }) => ends)).toEqual([["end"], ["end"]]);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, false]);
    await connections.close();
    await server.allClosed();
  });

  it("an exchange that holds its server up and lets it go on comes to its end", async () => {
    const server = await scriptedServer(transport, (connection) => connection.send(okay(BODY)));
    const { connections, get } = connectionsTo(server);
    const probe = new Probe(step, (carrier) => {
      carrier.pause();
      carrier.resume();
      carrier.pause();
      queueMicrotask(() => carrier.resume());
    });
    const next = new Probe();
    get("/probe", probe);
    get("/next", next);
    await Promise.all([probe.over.promise, next.over.promise]);
    for (const { ends, received } of [probe, next]) {
      expect({ ends, received }).toEqual({ ends: ["end"], received: BODY.length });
    }
    expect(server.connections).toHaveLength(1);
    await connections.close();
  });

  it("another request may be made", async () => {
    const server = await scriptedServer(transport, (connection) => connection.send(okay(BODY)));
    const { connections, get } = connectionsTo(server);
    const next = new Probe();
    let made = false;
    const probe = new Probe(step, () => {
      if (!made) get("/next", next);
      made = true;
    });
    get("/probe", probe);
    await Promise.all([probe.over.promise, next.over.promise]);
    for (const { ends, received } of [probe, next]) {
      expect({ ends, received }).toEqual({ ends: ["end"], received: BODY.length });
    }
    expect(server.connections).toHaveLength(1);
    await connections.close();
  });

  it("all connections may be closed", async () => {
    const server = await scriptedServer(transport, (connection) => connection.send(okay(BODY)));
    const { connections, get } = connectionsTo(server);
    const probe = new Probe(step, () => connections.close());
    const next = new Probe();
    get("/probe", probe);
    get("/next", next);
    await Promise.all([probe.over.promise, next.over.promise]);
    const closed = expect.objectContaining({ code: "SOURCE_CLOSED" });
    expect(probe.ends).toEqual([step === "end" ? "end" : closed]);
    expect(next.ends).toEqual([closed]);
    await server.allClosed();
  });
});

/** Those at which bytes that came are told of; a defect at another would be nobody's to hear. */
const READ_CASES = CASES.filter(({ step }) => step !== "request start" && step !== "space");

describe.each(READ_CASES)("over $transport, at the $step", ({ transport, step }) => {
  it("an error is that exchange's own, which hears of it", async () => {
    const server = await scriptedServer(transport, (connection) => connection.send(okay(BODY)));
    const { connections, get } = connectionsTo(server);
    const defect = new Error("a defect");
    const probe = new Probe(step, () => {
      throw defect;
    });
    const next = new Probe();
    get("/probe", probe);
    get("/next", next);
    await Promise.all([probe.over.promise, next.over.promise]);
    expect(probe.ends).toEqual([step === "end" ? "end" : defect]);
    expect(next).toMatchObject({ ends: ["end"], received: BODY.length });
    expect(server.connections).toHaveLength(2);
    await connections.close();
  });
});
