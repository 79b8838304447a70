/**
 * All connections of a thread read into one buffer, which holds another connection's bytes a moment later: nothing
 * that was read may be looked at in it after that, however responses arrive and whoever is held up meanwhile.
 */

import { randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import type { ReadOptions } from "../../../../lib/migrate/ports/source.ts";
import { Lender } from "../../../support/http/lender.ts";
import { ANY, turns } from "../../../support/http/reads.ts";
import {
  head,
  okay,
  type ScriptedConnection,
  scriptedServer,
  TRANSPORTS,
  type Transport,
} from "../../../support/http/scripted-server.ts";

const FRAMINGS = ["announced", "chunked"] as const;
const INTERIM = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";

/** A source of two connections, and who carries the request for a path, once it has come. */
async function twoConnections(transport: Transport) {
  const carriers = new Map<string, ScriptedConnection>();
  const server = await scriptedServer(transport, (connection, path) => void carriers.set(path, connection));
  const carrierOf = async (path: string): Promise<ScriptedConnection> => {
    for (;;) {
      const carrier = carriers.get(path);
      if (carrier !== undefined) return carrier;
      await nextTurn();
    }
  };
  return { source: server.source({ connections: 2 }), carrierOf };
}

/** Reads an object while another is under way, of which bytes come and go through the shared buffer. */
async function readBesideAnother(
  transport: Transport,
  options: ReadOptions,
  answer: (victim: ScriptedConnection, overwrite: () => Promise<void>) => Promise<void>,
): Promise<Uint8Array | undefined> {
  const { source, carrierOf } = await twoConnections(transport);
  const read = source.read("victim", options);
  const other = source.read("other", ANY);
  const [victim, intruder] = [await carrierOf("/victim"), await carrierOf("/other")];
  intruder.send(head("content-length: 500000\r\n"));
  let left = 500_000;
  const overwrite = async (): Promise<void> => {
    await turns(3);
    intruder.send(Buffer.alloc(100_000, "other bytes\r\n\r\n"));
    left -= 100_000;
    await turns(3);
  };
  await answer(victim, overwrite);
  const found = await read;
  intruder.send(Buffer.alloc(left));
  expect(await other).toHaveLength(500_000);
  return found;
}

describe.each(TRANSPORTS)("over %s", (transport) => {
  /** Sends a response in parts, between which other bytes come to the shared buffer. */
  async function sendParts(
    { source, carrierOf }: Awaited<ReturnType<typeof twoConnections>>,
    name: string,
    parts: readonly Uint8Array[],
  ): Promise<Uint8Array | undefined> {
    const read = source.read(name, ANY);
    const victim = await carrierOf(`/${name}`);
    for (const [i, part] of parts.entries()) {
      const other = source.read(`${name}/${i}`, ANY);
      victim.send(Buffer.from(part));
      await turns(2);
      (await carrierOf(`/${name}/${i}`)).send(okay(Buffer.alloc(1000, "content-length: 9\r\n\r\n")));
      await other;
    }
    return await read;
  }

  it.each(FRAMINGS)("a response that is split at any byte is read as it was sent, %s", async (framing) => {
    const body = randomBytes(100);
    const response = okay(body, { framing, gzip: true });
    const connections = await twoConnections(transport);
    for (const interims of ["", INTERIM, INTERIM + INTERIM, `\r\n\r\n\r\n${INTERIM}`]) {
      const whole = Buffer.concat([Buffer.from(interims), response]);
      for (let at = 1; at < whole.length; at++) {
        const name = `${interims.length}-${at}`;
        const found = await sendParts(connections, name, [whole.subarray(0, at), whole.subarray(at)]);
        expect(body.equals(found ?? Buffer.of()), name).toBe(true);
      }
    }
  });

  it("a head is read as it was sent that begins in one read, behind what looks like another, and ends in the next", async () => {
    const body = randomBytes(100);
    const response = okay(body, { gzip: true });
    const connections = await twoConnections(transport);
    const begun = "HTTP/1.1 103 Early Hints\r\nlink: ";
    for (let at = 1; at < response.indexOf("\r\n\r\n"); at++) {
      const middle = `HTTP/1.1 200 OK\r\n\r\n${response.toString("latin1", 0, at)}`;
      const parts = [Buffer.from(begun), Buffer.from(middle), response.subarray(at)];
      const found = await sendParts(connections, `${at}`, parts);
      expect(body.equals(found ?? Buffer.of()), `split at ${at}`).toBe(true);
    }
  });

  it.each(FRAMINGS)("a body whose reader has no space yet is read as it was sent, %s", async (framing) => {
    const body = randomBytes(300_000);
    const lender = new Lender({ held: true });
    const found = await readBesideAnother(
      transport,
      { ...ANY, reservation: lender },
      async (victim, overwrite) => {
        victim.send(okay(body, { framing }));
        await lender.asked;
        await overwrite();
        lender.grant();
      },
    );
    expect(body.equals(found ?? Buffer.of())).toBe(true);
  });

  it("bodies of many connections are read as they were sent, each held up over and over", async () => {
    const bodies = Array.from({ length: 32 }, () => randomBytes(400_000));
    const server = await scriptedServer(transport, (connection, path) => {
      connection.send(okay(bodies[Number(path.slice(1))] as Buffer, { framing: "chunked" }));
    });
    const source = server.source({ connections: 8 });
    // The body's length is not announced, so that there are several questions a body.
    const reads = bodies.map((_body, i) =>
      source.read(`${i}`, { ...ANY, reservation: { atLeast: () => turns(1 + (i % 4)) } }),
    );
    for (const [i, bytes] of (await Promise.all(reads)).entries()) {
      expect(bodies[i]?.equals(bytes ?? Buffer.of()), `body ${i}`).toBe(true);
    }
  });
});

it("small records of TLS that come at once, to a reader that has no space yet, are read as they were sent", async () => {
  const body = randomBytes(60_000);
  const lender = new Lender({ held: true });
  const found = await readBesideAnother("TLS", { ...ANY, reservation: lender }, async (victim, overwrite) => {
    (victim.socket as TLSSocket).setMaxSendFragment(512);
    victim.send(okay(body));
    await lender.asked;
    await overwrite();
    lender.grant();
  });
  expect(body.equals(found ?? Buffer.of())).toBe(true);
});
