/** Time that passes only when a test says so. */

import { Socket } from "node:net";
import { onTestFinished, vi } from "vitest";
import { clientSockets } from "./client-sockets.ts";

/** Time that stands still until it is told to go on, as far as `performance` tells it. */
export function stoppedClock(): { goOn(milliseconds: number): void } {
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  onTestFinished(() => clock.mockRestore());
  return {
    goOn(milliseconds) {
      now += milliseconds;
    },
  };
}

/** The limits of time that a client sets its sockets. None passes by itself. */
export interface SocketLimits {
  /** All that were set, in milliseconds; 0 lifts a limit. */
  readonly set: readonly number[];
  /** The sockets, as they were opened. */
  readonly sockets: readonly Socket[];
  /** The last one passes, on every socket that stands under it. */
  pass(): void;
}

/** Of the sockets that are opened from now on. */
export function stoppedSocketLimits(): SocketLimits {
  const sockets = clientSockets();
  const set: number[] = [];
  const limited = new Map<Socket, number>();
  const timer = vi.spyOn(Socket.prototype, "setTimeout").mockImplementation(function (
    this: Socket,
    milliseconds: number,
  ) {
    if (sockets.includes(this)) {
      set.push(milliseconds);
      limited.set(this, milliseconds);
    }
    return this;
  });
  onTestFinished(() => timer.mockRestore());
  return {
    set,
    sockets,
    pass() {
      for (const [socket, milliseconds] of limited) {
        if (milliseconds > 0 && milliseconds === set.at(-1)) socket.emit("timeout");
      }
    },
  };
}
