/**
 * A TCP proxy on loopback that makes a server as far away as a round trip takes: every byte arrives half of it
 * later, in either direction, and what a connection carries first arrives no earlier than if the connection
 * itself had needed a round trip. Bandwidth is limited where that is asked for, nothing is lost, and TCP does not start
 * slowly, as it would over a real network. A run without a delay takes the same way, so that only the delay differs.
 *
 *     node bench/servers/delay-proxy.ts UPSTREAM_PORT ROUND_TRIP_MS [BYTES_PER_SECOND]
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { announce, type OwnProcess, startModule } from "./own-process.ts";

export interface DelayProxyOptions {
  /** Port on 127.0.0.1 of the server that is to be far away. */
  readonly upstreamPort: number;
  readonly roundTripMs: number;
  /** What all connections together may receive; default: as much as they can. */
  readonly bytesPerSecond?: number;
}

export interface RunningDelayProxy extends OwnProcess {
  readonly port: number;
}

/** Starts a proxy in a process of its own, which ends with this one at the latest. */
export async function startDelayProxy(options: DelayProxyOptions): Promise<RunningDelayProxy> {
  const { upstreamPort, roundTripMs, bytesPerSecond = Number.POSITIVE_INFINITY } = options;
  const args = [upstreamPort, roundTripMs, bytesPerSecond].map(String);
  return await startModule<RunningDelayProxy>(import.meta.filename, args);
}

/** Bytes a second that one direction of one connection can carry, whatever the delay. */
const BANDWIDTH = 2e9;
/** Held in each direction of a connection even without a delay. */
const LEAST_HELD = 4 << 20;

/** The line that all connections share: what has been sent over it so far keeps it busy until then. */
class Line {
  readonly #bytesPerSecond: number;
  #freeAt = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** When bytes that come in now have passed it, on the clock of performance.now(). */
  passed(bytes: number): number {
    const now = performance.now();
    this.#freeAt = Math.max(now, this.#freeAt) + (bytes / this.#bytesPerSecond) * 1000;
    return this.#freeAt;
  }
}

function proxy(client: Socket, { upstreamPort, roundTripMs }: DelayProxyOptions, line: Line): void {
  const delayMs = roundTripMs / 2;
  const maxHeld = LEAST_HELD + (BANDWIDTH * delayMs) / 1000;
  const upstream = connect({ host: "127.0.0.1", port: upstreamPort, noDelay: true, allowHalfOpen: true });
  // A real client would have waited for a round trip before its first byte; and the server would have seen the
  // connection half a round trip after that.
  const notBefore = performance.now() + roundTripMs;
  delay({ from: client, to: upstream, delayMs, notBefore, maxHeld });
  delay({ from: upstream, to: client, delayMs, notBefore: notBefore + delayMs, maxHeld, line });
}

interface Direction {
  readonly from: Socket;
  readonly to: Socket;
  readonly delayMs: number;
  /** What comes in before counts as coming in at this time, on the clock of performance.now(). */
  readonly notBefore: number;
  /** Bytes held beyond which nothing more is read. */
  readonly maxHeld: number;
  readonly line?: Line;
}

/**
 * Sends what comes in at one end out at the other so much later, in order: bytes, the end of the stream, or its
 * abortion. One timer a direction, set for the first of them; all that is due when it fires leaves in one write.
 */
function delay({ from, to, delayMs, notBefore, maxHeld, line }: Direction): void {
  const queue: { readonly due: number; readonly what: Uint8Array | "end" | "reset" }[] = [];
  let timer: NodeJS.Timeout | undefined;
  /** Bytes that came in and have not been taken by the kernel at the other end. */
  let held = 0;

  const add = (what: Uint8Array | "end" | "reset"): void => {
    if (to.destroyed) return;
    const arrived = line?.passed(typeof what === "string" ? 0 : what.length) ?? performance.now();
    queue.push({ due: Math.max(arrived, notBefore) + delayMs, what });
    if (timer === undefined) deliver();
  };

  const deliver = (): void => {
    timer = undefined;
    const now = performance.now();
    to.cork();
    for (let next = queue[0]; next !== undefined && next.due <= now; next = queue[0]) {
      queue.shift();
      send(next.what);
    }
    to.uncork();
    // Timers count whole milliseconds: rounded up, none fires too early.
    if (queue[0] !== undefined) timer = setTimeout(deliver, Math.ceil(queue[0].due - now));
  };

  const send = (what: Uint8Array | "end" | "reset"): void => {
    if (what === "end") to.end();
    else if (what === "reset") to.resetAndDestroy();
    else
      to.write(what, () => {
        held -= what.length;
        if (held <= maxHeld / 2) from.resume();
      });
  };

  from.on("data", (bytes: Buffer) => {
    held += bytes.length;
    if (held > maxHeld) from.pause();
    add(bytes);
  });
  from.on("end", () => add("end"));
  from.on("error", () => add("reset"));
  to.on("close", () => {
    clearTimeout(timer);
    queue.length = 0;
  });
}

async function main([
  upstreamPort = 0,
  roundTripMs = 0,
  bytesPerSecond = Number.POSITIVE_INFINITY,
]: readonly number[]): Promise<void> {
  const line = new Line(bytesPerSecond);
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) =>
    proxy(client, { upstreamPort, roundTripMs }, line),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  announce({ port: (server.address() as AddressInfo).port });
}

if (import.meta.main) await main(process.argv.slice(2).map(Number));
