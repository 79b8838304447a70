/** The socket of a connection to an HTTP server, with TLS or without. */

import net from "node:net";
import tls from "node:tls";

/** Where connections lead. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Undefined for plain HTTP. */
  readonly tls: { readonly ca?: string } | undefined;
  /** Of the last TLS connection, so that the next one need not agree on everything anew. */
  session?: Buffer;
}

const TCP_KEEPALIVE_MS = 60_000;

/** A socket that connects, and whose bytes are read as `onread` says. */
export function openSocket(endpoint: Endpoint, onread: net.OnReadOpts): net.Socket {
  const { host, port } = endpoint;
  const options = {
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEPALIVE_MS,
    onread,
  };
  if (endpoint.tls === undefined) return net.connect(options);
  const socket = tls.connect({
    ...options,
    ...endpoint.tls,
    ALPNProtocols: ["http/1.1"],
    ...(net.isIP(host) === 0 ? { servername: host } : {}),
    ...(endpoint.session === undefined ? {} : { session: endpoint.session }),
  });
  socket.on("session", (session) => {
    endpoint.session = session;
  });
  return socket;
}
