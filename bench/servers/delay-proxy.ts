/**
 * A TCP proxy on loopback that makes a server as far away as a round trip takes: every byte arrives half of it
 * later, in either direction, and what a connection carries first arrives no earlier than if the connection
 * itself had needed a round trip. Bandwidth is not limited, nothing is lost, and TCP does not start slowly, as
 * it would over a real network. A run without a delay takes the same way, so that only the delay differs.
 *
 *     node bench/delay-proxy.ts --upstream-port PORT --round-trip-ms MS
 */

import { once } from "node:events";
import { realpathSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { DelayLine } from "./delay-line.ts";
import { announce, type OwnProcess, startOwnProcess } from "./own-process.ts";

export interface DelayProxyOptions {
  /** Port on 127.0.0.1 of the server that is to be far away. */
  readonly upstreamPort: number;
  readonly roundTripMs: number;
}

export interface RunningDelayProxy extends OwnProcess {
  readonly port: number;
}

/** Starts a proxy in a process of its own, which ends with this one at the latest. */
export async function startDelayProxy(options: DelayProxyOptions): Promise<RunningDelayProxy> {
  const { upstreamPort, roundTripMs } = options;
  return await startOwnProcess<{ port: number; pid: number }>(import.meta.filename, [
    `--upstream-port=${upstreamPort}`,
    `--round-trip-ms=${roundTripMs}`,
  ]);
}

/** Bytes a second that one direction of one connection can carry, whatever the delay. */
const BANDWIDTH = 2e9;
/** Held in each direction of a connection even without a delay. */
const LEAST_HELD = 4 << 20;

/** What is read at once from the server, which sends most. */
const READ_BYTES = 1 << 18;
/** Fewer bytes than this are copied out of the buffer that they were read into, which is free again at once. */
const COPIED_BYTES = 1 << 14;
/** Buffers that are kept for later. */
const MAX_FREE_BUFFERS = 256;

/** Buffers that are read into again and again: a new one costs the kernel a page fault for every 4 KiB. */
const freeBuffers: Buffer[] = [];

function takeBuffer(): Buffer {
  return freeBuffers.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
}

function giveBuffer(buffer: Buffer): void {
  if (freeBuffers.length < MAX_FREE_BUFFERS) freeBuffers.push(buffer);
}

function proxy(client: Socket, { upstreamPort, roundTripMs }: DelayProxyOptions): void {
  const acceptedAt = performance.now();
  const delayMs = roundTripMs / 2;
  const maxHeld = LEAST_HELD + (BANDWIDTH * delayMs) / 1000;
  const upstream = connect({
    host: "127.0.0.1",
    port: upstreamPort,
    noDelay: true,
    allowHalfOpen: true,
    onread: {
      buffer: takeBuffer,
      callback(length, buffer) {
        read(length, buffer as Buffer);
        return true;
      },
    },
  });
  // A real client would have waited for a round trip before its first byte; and the server would have seen the
  // connection half a round trip after that.
  const notBefore = acceptedAt + roundTripMs;
  const up = new DelayLine({ from: client, to: upstream, delayMs, notBefore, maxHeld });
  const down = new DelayLine({
    from: upstream,
    to: client,
    delayMs,
    notBefore: notBefore + delayMs,
    maxHeld,
  });
  client.on("data", (bytes: Buffer) => up.push(bytes));
  const read = (length: number, buffer: Buffer): void => {
    if (length < COPIED_BYTES) {
      down.push(Buffer.from(buffer.subarray(0, length)));
      giveBuffer(buffer);
    } else {
      down.push(buffer.subarray(0, length), () => giveBuffer(buffer));
    }
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { "upstream-port": { type: "string" }, "round-trip-ms": { type: "string" } },
  });
  const [upstreamPort, roundTripMs] = [Number(values["upstream-port"]), Number(values["round-trip-ms"])];
  if (!(upstreamPort > 0) || !(roundTripMs >= 0)) throw new Error("say --upstream-port and --round-trip-ms");
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) =>
    proxy(client, { upstreamPort, roundTripMs }),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  announce({ port: (server.address() as AddressInfo).port });
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) await main();
