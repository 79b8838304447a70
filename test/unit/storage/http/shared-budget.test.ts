/** Objects that are read at once under one budget are each what was sent, and keep to their memory, whatever becomes of them. */

import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { ByteReservation } from "../../../../lib/migrate/ports/source.ts";
import { ByteBudget } from "../../../../lib/migrate/read/byte-budget.ts";
import type { HttpSource } from "../../../../storage/http/source.ts";
import { Lender } from "../../../support/http/lender.ts";
import { turns } from "../../../support/http/reads.ts";
import {
  okay,
  type ScriptedConnection,
  scriptedServer,
  TRANSPORTS,
  WIRES,
  type Wire,
} from "../../../support/http/scripted-server.ts";

/** An object, and what becomes of it on its way. */
interface Plan {
  readonly size: number;
  readonly wire: Wire;
  readonly pieceBytes: number;
  readonly end: "whole" | "junk behind" | "cut off" | "reset";
  /** When nobody wants it any more: after some turns of the event loop, or as soon as its memory was lent. */
  readonly abort: number | "lent" | "never";
  /** Turns during which its memory is kept. */
  readonly keepFor: number;
}

const plans: fc.Arbitrary<Plan> = fc.record({
  size: fc.oneof(fc.nat(1000), fc.nat(300_000)),
  wire: fc.constantFrom(...WIRES),
  pieceBytes: fc.constantFrom(700, 16_000, 40_000, 400_000),
  end: fc.oneof(
    { weight: 4, arbitrary: fc.constant("whole" as const) },
    fc.constantFrom("junk behind" as const, "cut off" as const, "reset" as const),
  ),
  abort: fc.oneof(fc.constant("never" as const), fc.nat(20), fc.constant("lent" as const)),
  keepFor: fc.nat(8),
});

/** Bytes that no other object has in any place. */
function contents(index: number, size: number): Buffer {
  return Buffer.alloc(size, index + 1);
}

async function play(connection: ScriptedConnection, plan: Plan, index: number): Promise<void> {
  const { socket } = connection;
  const response = okay(contents(index, plan.size), plan.wire);
  const whole = plan.end === "whole" || plan.end === "junk behind";
  const bytes = whole ? response : response.subarray(0, -1 - Math.floor(plan.size / 3));
  for (let at = 0; at < bytes.length && !socket.destroyed; at += plan.pieceBytes) {
    connection.send(bytes.subarray(at, at + plan.pieceBytes));
    await nextTurn();
  }
  if (plan.end === "junk behind") connection.send(Buffer.alloc(50_000, 0xff));
  if (plan.end === "cut off") socket.end();
  if (plan.end === "reset") connection.reset();
}

/** Reads an object, looks at it twice, when it came and some time later, and gives its memory back. */
async function copy(
  source: HttpSource,
  budget: ByteBudget,
  plan: Plan,
  index: number,
): Promise<{ came: boolean; lender: Lender }> {
  const controller = new AbortController();
  const lender = new Lender({
    onLent: () => {
      if (plan.abort === "lent") queueMicrotask(() => controller.abort());
    },
  });
  const share = budget.reserve();
  const reservation: ByteReservation = {
    atLeast: (bytes) => share.atLeast(bytes),
    allocate: (bytes) => lender.allocate(bytes),
  };
  if (typeof plan.abort === "number") turns(plan.abort).then(() => controller.abort());
  try {
    const options = { maxBytes: 1 << 20, reservation, signal: controller.signal };
    const bytes = await source.read(`${index}`, options).catch(() => undefined);
    if (bytes === undefined) return { came: false, lender };
    expect(contents(index, plan.size).equals(bytes)).toBe(true);
    await turns(plan.keepFor);
    expect(contents(index, plan.size).equals(bytes)).toBe(true);
    return { came: true, lender };
  } finally {
    lender.release();
    share.release();
  }
}

it.each(TRANSPORTS)("over %s", async (transport) => {
  let current: readonly Plan[] = [];
  const server = await scriptedServer(transport, (connection, path) => {
    const index = Number(path.slice(1));
    play(connection, current[index] as Plan, index);
  });
  await fc.assert(
    fc.asyncProperty(fc.array(plans, { minLength: 5, maxLength: 25 }), async (objects) => {
      current = objects;
      const source = server.source({ connections: 3 });
      const budget = new ByteBudget(500_000);
      const copies = await Promise.all(objects.map((plan, index) => copy(source, budget, plan, index)));
      expect(budget.taken).toBe(0);
      await source.close();
      await server.allClosed();
      for (const { lender } of copies) expect(lender.misuse).toBeUndefined();
      // Junk may be taken for the answer to the next request.
      if (objects.some(({ end }) => end === "junk behind")) return;
      objects.forEach(({ end, abort }, index) => {
        if (end === "whole" && abort === "never") expect(copies[index]?.came).toBe(true);
      });
    }),
    { numRuns: 30 },
  );
});
