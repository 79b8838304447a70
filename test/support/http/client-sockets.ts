/** The sockets that a client opens, for tests that do to them what a system does and no server can be made to do. */

import net, { type Socket } from "node:net";
import tls from "node:tls";
import { vi } from "vitest";

interface Connects {
  connect(options: object): Socket;
}

/** All sockets that are opened from now on, as they come. */
export function clientSockets(): readonly Socket[] {
  const sockets: Socket[] = [];
  for (const module of [net, tls] as unknown as Connects[]) {
    const connect = module.connect;
    vi.spyOn(module, "connect").mockImplementation((options) => {
      const socket = connect(options);
      sockets.push(socket);
      return socket;
    });
  }
  return sockets;
}
