import { createHash, randomBytes } from "node:crypto";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { ByteReservation } from "../../../../lib/migrate/ports/source.ts";
import { Lender } from "../../../support/http/lender.ts";
import { ANY, bytesOf } from "../../../support/http/reads.ts";
import { serve, sourceAt } from "../../../support/http/servers.ts";

const PLAIN = Buffer.alloc(100_000, "entries of a bundle, ");
const GZIPPED = gzipSync(PLAIN);
const GZIP = { "content-encoding": "gzip" };

/** A server of one object, in chunks or with its length, gzipped or as it says. */
function serveObject(body: Buffer, headers: Record<string, string> = {}, how = "announced"): Promise<URL> {
  return serve((_request, response) => {
    if (how === "announced") response.setHeader("content-length", body.length);
    response.writeHead(200, headers);
    for (let at = 0; at < body.length; at += 10_000) response.write(body.subarray(at, at + 10_000));
    response.end();
  });
}

/** A server that sends for as long as it is listened to; `stopped` resolves when nobody is. */
async function serveEndless(headers: Record<string, string>): Promise<{ url: URL; stopped: Promise<void> }> {
  const stopped = Promise.withResolvers<void>();
  const url = await serve((_request, response) => {
    response.writeHead(200, headers);
    response.on("close", () => stopped.resolve());
    const more = () => {
      while (!response.destroyed && response.write(GZIPPED));
    };
    response.on("drain", more);
    more();
  });
  return { url, stopped: stopped.promise };
}

/** Grants what it is asked for when it is told to. */
class ReservationInSteps implements ByteReservation {
  readonly asked: number[] = [];
  #waiting = Promise.withResolvers<void>();
  #asks = Promise.withResolvers<void>();

  atLeast(bytes: number): Promise<void> {
    this.asked.push(bytes);
    this.#asks.resolve();
    return this.#waiting.promise;
  }

  /** Resolves when something has been asked for since the last grant. */
  get asks(): Promise<void> {
    return this.#asks.promise;
  }

  grant(): void {
    const { resolve } = this.#waiting;
    this.#waiting = Promise.withResolvers<void>();
    this.#asks = Promise.withResolvers<void>();
    resolve();
  }
}

describe("gzip", () => {
  it.each(["gzip", "x-gzip", "GZIP"])("is undone if a server says %s, asked for or not", async (encoding) => {
    for (const how of ["announced", "in chunks"]) {
      const url = await serveObject(GZIPPED, { "content-encoding": encoding }, how);
      expect(await bytesOf(sourceAt(url).read("tile/data/000", { maxBytes: PLAIN.length }))).toEqual(PLAIN);
    }
  });

  it("is left alone when the server does not name it: the object may be gzip itself", async () => {
    for (const headers of [{}, { "content-encoding": "identity" }]) {
      const url = await serveObject(GZIPPED, headers);
      expect(await bytesOf(sourceAt(url).read("tile/data/000", ANY))).toEqual(GZIPPED);
    }
  });

  it("of bytes that do not compress is read, though it is larger than the object", async () => {
    const random = randomBytes(50_000);
    const gzipped = gzipSync(random);
    expect(gzipped.length).toBeGreaterThan(random.length);
    const url = await serveObject(gzipped, { "content-encoding": "gzip" });
    expect(await bytesOf(sourceAt(url).read("tile/data/000", { maxBytes: random.length }))).toEqual(random);
  });

  it("of several members, of which the last alone tells its size, is read whole", async () => {
    const url = await serveObject(Buffer.concat([GZIPPED, gzipSync("the rest")]), GZIP);
    const whole = Buffer.concat([PLAIN, Buffer.from("the rest")]);
    expect(await bytesOf(sourceAt(url).read("tile/data/000", ANY))).toEqual(whole);
  });

  it.each([
    ["plain bytes", PLAIN],
    ["nothing", Buffer.alloc(0)],
    ["half of it", GZIPPED.subarray(0, 100)],
  ])("is refused when it is %s", async (_what, body) => {
    const url = await serveObject(body, { "content-encoding": "gzip" });
    await expect(sourceAt(url).read("tile/data/000", ANY)).rejects.toMatchObject({
      name: "FormatError",
      message: "is not gzip, although it says so",
    });
  });

  it.each([
    ["br", brotliCompressSync(PLAIN)],
    ["zstd", zstdCompressSync(PLAIN)],
    ["gzip", Buffer.concat([GZIPPED, Buffer.from("garbage")])],
    ["aws-chunked,gzip", GZIPPED],
    ["aws-chunked", PLAIN],
    ["identity", PLAIN],
    ["", PLAIN],
  ])("is not asked for otherwise, but %j is taken as what it is", async (encoding, body) => {
    for (const how of ["announced", "in chunks"]) {
      const url = await serveObject(body, { "content-encoding": encoding }, how);
      expect(await bytesOf(sourceAt(url).read("tile/data/000", { maxBytes: PLAIN.length }))).toEqual(PLAIN);
    }
  });

  it.each(["deflate", "gzip, gzip", "br,gzip"])(
    "is one encoding: %s is refused by name",
    async (encoding) => {
      const url = await serveObject(PLAIN, { "content-encoding": encoding });
      await expect(sourceAt(url).read("tile/data/000", ANY)).rejects.toMatchObject({
        name: "FormatError",
        found: encoding.replace(/, ?/, ", "),
      });
    },
  );
});

describe("an object larger than allowed", () => {
  const refusal = { name: "FormatError", message: "is larger than an object of its kind can be" };

  it("is broken off at its headers if they tell", async () => {
    const { url, stopped } = await serveEndless({ "content-length": `${2 ** 40}` });
    await expect(sourceAt(url).read("tile/0/000", { maxBytes: 8192 })).rejects.toMatchObject({
      ...refusal,
      expected: "at most 8,192 bytes",
      found: "1,099,511,627,776 bytes",
    });
    await stopped;
  });

  it.each([{}, { "content-encoding": "gzip" }])("is broken off where it becomes so (%j)", async (headers) => {
    const { url, stopped } = await serveEndless({ ...headers });
    await expect(sourceAt(url).read("tile/0/000", { maxBytes: 8192 })).rejects.toMatchObject(refusal);
    await stopped;
  });

  it("is not unfolded beyond that when it is a gzip bomb", async () => {
    const mebibyte = gzipSync(Buffer.alloc(1 << 20));
    const bomb = Buffer.concat(Array.from({ length: 60 }, () => mebibyte));
    const url = await serveObject(bomb, { "content-encoding": "gzip" });
    const reservation = new Lender();
    const read = sourceAt(url).read("tile/0/000", { maxBytes: 8192, reservation });
    await expect(read).rejects.toMatchObject(refusal);
    expect(reservation.amounts.at(-1)).toBe(bomb.length + 8192);
  });
});

describe("a reservation", () => {
  it.each(["announced", "in chunks"])("that is granted at once changes nothing (%s)", async (how) => {
    for (const body of [PLAIN, GZIPPED]) {
      const url = await serveObject(body, body === GZIPPED ? GZIP : {}, how);
      const reservation: ByteReservation = { atLeast: async () => {} };
      expect(await bytesOf(sourceAt(url).read("tile/0/000", { ...ANY, reservation }))).toEqual(PLAIN);
    }
  });

  it("that waits holds back even the news that there is nothing in the object", async () => {
    const url = await serveObject(Buffer.alloc(0));
    const reservation = new ReservationInSteps();
    const read = sourceAt(url).read("tile/0/000", { ...ANY, reservation });
    await reservation.asks;
    await new Promise((resume) => setTimeout(resume, 100));
    reservation.grant();
    expect(await read).toHaveLength(0);
  });

  const BOTH = GZIPPED.length + PLAIN.length;
  it.each<[string, Buffer, Record<string, string>, number[]]>([
    ["the length that the server announces", PLAIN, {}, [PLAIN.length]],
    ["both forms of an object before it is decoded", GZIPPED, GZIP, [GZIPPED.length, BOTH]],
  ])("is asked for %s", async (_what, body, headers, expected) => {
    const reservation = new Lender();
    await sourceAt(await serveObject(body, headers)).read("tile/0/000", { ...ANY, reservation });
    expect(reservation.amounts).toEqual(expected);
  });

  it("is asked in steps that at least double for an object of unknown length", async () => {
    const reservation = new Lender();
    const asked = reservation.amounts;
    const url = await serveObject(Buffer.alloc(3_000_000), {}, "in chunks");
    await sourceAt(url).read("tile/0/000", { maxBytes: 3_000_000, reservation });
    expect(asked.at(-1)).toBeGreaterThanOrEqual(6_000_000);
    for (let step = 1; step < asked.length; step++) {
      expect(asked[step]).toBeGreaterThanOrEqual(2 * (asked[step - 1] ?? 0));
    }
  });

  it.each(["announced", "in chunks"])("that waits holds the response back (%s)", async (how) => {
    const body = randomBytes(30_000_000);
    const sent = { bytes: 0 };
    const url = await serve((_request, response) => {
      if (how === "announced") response.setHeader("content-length", body.length);
      let at = 0;
      const more = () => {
        while (at < body.length) {
          const chunk = body.subarray(at, at + 100_000);
          at += chunk.length;
          sent.bytes = at;
          if (!response.write(chunk)) return;
        }
        response.end();
      };
      response.on("drain", more);
      more();
    });
    const reservation = new ReservationInSteps();
    const read = sourceAt(url).read("tile/0/000", { maxBytes: body.length, reservation });
    let done = false;
    read.finally(() => (done = true));
    await reservation.asks;
    await quiet(() => sent.bytes);
    // What the buffers of two sockets take, and no more.
    expect(sent.bytes).toBeLessThan(body.length / 2);
    expect(done).toBe(false);
    while (!done) {
      reservation.grant();
      await Promise.race([reservation.asks, read]);
    }
    expect(sha256((await read) ?? new Uint8Array())).toBe(sha256(body));
  });

  it("that waits does not time out the response", async () => {
    const url = await serveObject(Buffer.alloc(3_000_000));
    const reservation = new ReservationInSteps();
    const source = sourceAt(url, { timeouts: { bodyMs: 50 } });
    const read = source.read("tile/0/000", { maxBytes: 3_000_000, reservation });
    await reservation.asks;
    await new Promise((resume) => setTimeout(resume, 300));
    reservation.grant();
    expect(await read).toHaveLength(3_000_000);
  });

  it("that waits is left by a signal", async () => {
    for (const body of [PLAIN, GZIPPED]) {
      const url = await serveObject(body, body === GZIPPED ? GZIP : {});
      const controller = new AbortController();
      const reservation = new ReservationInSteps();
      const { signal } = controller;
      const read = sourceAt(url).read("tile/0/000", { ...ANY, reservation, signal });
      await reservation.asks;
      if (body === GZIPPED) {
        reservation.grant();
        await reservation.asks;
      }
      controller.abort("enough");
      await expect(read).rejects.toBe("enough");
      reservation.grant();
    }
  });

  it.each<[string, ByteReservation, string]>([
    ["is refused", { atLeast: () => Promise.reject(new Error("no room")) }, "no room"],
    [
      "has no memory after all",
      {
        atLeast: async () => {},
        allocate() {
          throw new Error("no memory");
        },
      },
      "no memory",
    ],
  ])("that %s ends the read with the reason", async (_what, reservation, reason) => {
    const read = sourceAt(await serveObject(PLAIN)).read("tile/0/000", { ...ANY, reservation });
    await expect(read).rejects.toThrow(reason);
  });
});

/** Waits until `value` does not change any more. */
async function quiet(value: () => number): Promise<void> {
  let last: number;
  do {
    last = value();
    await new Promise((resume) => setTimeout(resume, 100));
  } while (value() !== last);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
