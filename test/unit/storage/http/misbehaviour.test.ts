/**
 * Whatever a server does and whenever a reader loses interest: each exchange is settled exactly once, its observer
 * hears one end, there are never more connections than allowed, and none is left in the end.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { HttpClient } from "../../../../storage/http/client.ts";
import { damaged, interims, mutations, response } from "../../../support/http/any-response.ts";
import { clientSockets } from "../../../support/http/client-sockets.ts";
import { Lender } from "../../../support/http/lender.ts";
import { turns } from "../../../support/http/reads.ts";
import {
  head,
  okay,
  type ScriptedConnection,
  scriptedServer,
  TRANSPORTS,
  WIRES,
} from "../../../support/http/scripted-server.ts";
import { LOCALHOST } from "../../../support/http/test-certificates.ts";

const TIMEOUTS = { connectMs: 600_000, headersMs: 600_000, bodyMs: 600_000, objectMs: 600_000 };

const objects = fc
  .record({ size: fc.oneof(fc.nat(100), fc.nat(150_000)), wire: fc.constantFrom(...WIRES) })
  .map(({ size, wire }) => okay(Buffer.alloc(size, "object"), wire).toString("latin1"));

/** One request, and what becomes of it on both sides. Turns are those of the event loop. */
const plans = fc.record({
  response: fc.oneof(
    { weight: 3, arbitrary: objects },
    { weight: 1, arbitrary: response.map(({ text }) => text) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("404 Not Found", "302 Found", "503 Service Unavailable").map((status) => {
        return `${head("location: /x\r\ncontent-length: 70000\r\n", status)}${"x".repeat(70_000)}`;
      }),
    },
    { weight: 1, arbitrary: fc.constant("") },
  ),
  interims,
  damage: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: mutations }),
  pieceBytes: fc.constantFrom(30, 5_000, 40_000, 400_000),
  answersAfter: fc.nat(3),
  end: fc.oneof(
    { weight: 3, arbitrary: fc.constant("stays" as const) },
    fc.constantFrom("ends" as const, "closes" as const, "resets" as const),
  ),
  startsAfter: fc.nat(10),
  abortsAfter: fc.option(fc.nat(15), { nil: undefined, freq: 2 }),
  leaveAfter: fc.constantFrom(0, 0, 0, 1, 10, 1000),
  maxBytes: fc.constantFrom(1 << 20, 1 << 20, 1 << 20, 50, 20_000),
});

type Plan = typeof plans extends fc.Arbitrary<infer T> ? T : never;

async function answer(connection: ScriptedConnection, plan: Plan): Promise<void> {
  const { socket } = connection;
  const bytes = Buffer.from(damaged(plan.interims + plan.response, plan.damage), "latin1");
  await turns(plan.answersAfter);
  for (
    let at = 0;
    at < bytes.length && at < 100 * plan.pieceBytes && !socket.destroyed;
    at += plan.pieceBytes
  ) {
    connection.send(bytes.subarray(at, at + plan.pieceBytes));
    await nextTurn();
  }
  if (plan.end === "ends") socket.end();
  if (plan.end === "closes") socket.destroy();
  if (plan.end === "resets") connection.reset();
}

/** A request, all that is heard of it, and its end. */
class Request {
  readonly heard = { started: 0, ended: 0, settled: 0 };
  readonly lender: Lender;
  /** The status of the response, or that there was none. */
  kind: number | "failure" | undefined;
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.lender = new Lender({ held: plan.leaveAfter > 0 });
  }

  async run(client: HttpClient, origin: string, path: string): Promise<void> {
    const { startsAfter, abortsAfter, leaveAfter, maxBytes } = this.#plan;
    const controller = new AbortController();
    await turns(startsAfter);
    const settle = (kind: number | "failure"): void => {
      this.heard.settled++;
      this.kind = kind;
      this.lender.release();
    };
    const observer = { started: () => void this.heard.started++, ended: () => void this.heard.ended++ };
    const rules = {
      timeouts: TIMEOUTS,
      observer,
      reservation: this.lender,
      signal: controller.signal,
      maxBytes,
      wireLimit: (status: number) => (status === 200 ? maxBytes : undefined),
      tooLarge: (_maxBytes: number, found: string) => new Error(found),
    };
    client.request({ origin, method: "GET", path, headers: [] }, rules).then(
      ({ status }) => settle(status),
      () => settle("failure"),
    );
    if (abortsAfter !== undefined) turns(abortsAfter).then(() => controller.abort());
    turns(leaveAfter).then(() => this.lender.grant());
  }
}

it.each(TRANSPORTS)("over %s", async (transport) => {
  const sockets = clientSockets();
  let current: readonly Plan[] = [];
  const server = await scriptedServer(transport, (connection, path) => {
    answer(connection, current[Number(path.slice(1))] as Plan);
  });
  const kinds = new Set<unknown>();
  const limits = fc.integer({ min: 1, max: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(plans, { minLength: 1, maxLength: 12 }), limits, async (all, limit) => {
      current = all;
      const client = new HttpClient({ connections: limit, timeouts: TIMEOUTS, tls: { ca: LOCALHOST.cert } });
      const requests = all.map((plan) => new Request(plan));
      const running = requests.map((request, index) => request.run(client, server.url.origin, `/${index}`));
      for (let turn = 0; turn < 40; turn++) {
        await nextTurn();
        expect(sockets.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(limit);
      }
      await Promise.all(running);
      await client.close();
      expect(sockets.filter(({ destroyed }) => !destroyed)).toEqual([]);
      for (const { lender } of requests) lender.grant();
      await nextTurn();
      for (const { heard, kind } of requests) {
        expect(heard).toEqual({ started: 1, ended: 1, settled: 1 });
        kinds.add(kind);
      }
      await server.allClosed();
      for (const { lender } of requests) expect(lender.misuse).toBeUndefined();
    }),
    { numRuns: 100 },
  );
  for (const kind of [200, 302, 404, 503, "failure"]) expect(kinds).toContain(kind);
});
