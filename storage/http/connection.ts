/**
 * A connection of undici's, which reads into one buffer that all connections of the thread share. undici by itself
 * reads into a new buffer of 64 KiB each time, which doubles the CPU time of a large object.
 *
 * Bytes in the shared buffer are good until the next read of any connection. So undici's parser is run on them at
 * once, and what it would keep is copied: what is left of a read when it is paused, and the lines of a head that is
 * not complete, of which it keeps views.
 */

import { type OnReadOpts, Socket } from "node:net";
import type { buildConnector, Dispatcher, Client as UndiciClient } from "undici";
import type { Exchange, ExchangeConnection } from "./exchange.ts";
import { Client } from "./undici.ts";

/** What one read brings, at most. Measured with objects of 256 KiB: a copy takes 9 % longer with 64 KiB. */
const READ_BYTES = 1 << 17;

/** The buffer that the connections of a thread share. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

const HEAD_END = Buffer.from("\r\n\r\n");

/** Which connection a socket is of. */
const connections = new WeakMap<Socket, Connection>();

/** How sockets read, as an option of `net.connect` and `tls.connect`. */
export const onread: OnReadOpts = {
  buffer: () => shared,
  callback(this: Socket, count: number): boolean {
    const bytes = shared.subarray(0, count);
    const connection = connections.get(this);
    // Of a socket that is paused several records of TLS may come all the same.
    if (this.readableLength === 0 && connection?.canLend(bytes) === true) {
      connection.lend(this, bytes);
      return true;
    }
    this.push(Buffer.from(bytes));
    return this.readableLength === 0;
  },
};

/** As a pool hands them to its connections. */
export type ConnectionOptions = UndiciClient.Options & { readonly connect: buildConnector.connector };

export class Connection extends Client implements ExchangeConnection {
  exchange: Exchange | undefined;
  /** The last that it was given: it may be the one that it is being made for. */
  latest: Exchange | undefined;
  socket: Socket | undefined;
  isKept = false;
  /** Whether TLS was not done with an earlier body when the exchange began. */
  #isBehind = false;
  /** What undici may read at this moment, past the queue of the socket: that costs more than parsing it. */
  #lent: Buffer | undefined;
  /** The last TLS session; undici's cache, by which later connections resume it, holds it weakly. */
  session: Buffer | undefined;

  constructor(url: string | URL, options: ConnectionOptions) {
    const { connect } = options;
    const connectTracked = (target: buildConnector.Options, callback: buildConnector.Callback): unknown => {
      this.isKept = false;
      const opening: unknown = connect(target, (...result) => {
        if (result[1] !== null && result[1] !== undefined) this.#adopt(result[1]);
        callback(...result);
      });
      if (opening instanceof Socket) this.#adopt(opening);
      return opening;
    };
    super(url, { ...options, connect: connectTracked });
  }

  get isNew(): boolean {
    return !this.isKept || this.socket?.destroyed !== false;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.latest = handler as Exchange;
    this.latest.assign(this);
    return super.dispatch(options, handler);
  }

  /** Whether the parser is done with these bytes, which were read, when it has gone through them. */
  canLend(bytes: Buffer): boolean {
    const { exchange } = this;
    if (exchange === undefined) return false;
    if (exchange.inBody) return true;
    // A head that begins and ends here, and is not an interim one (1xx), behind which another could begin.
    const isFinal = bytes[0] === 0x48 && bytes[9] !== 0x31;
    return !exchange.isAnswered && isFinal && bytes.includes(HEAD_END);
  }

  /** Has undici parse bytes of the shared buffer. */
  lend(socket: Socket, bytes: Buffer): void {
    this.#lent = bytes;
    socket.emit("readable");
    // A parser that is paused leaves all of it, or puts back the rest.
    if (this.#lent !== undefined || socket.readableLength > 0) socket.unshift(Buffer.from(socket.read()));
  }

  /** The exchange's request is about to be written. */
  begin(exchange: Exchange): void {
    this.exchange = exchange;
    this.#isBehind = (this.socket?.writableLength ?? 0) > 0;
  }

  /** Ends an attempt to connect. */
  giveUp(error: Error): void {
    this.socket?.destroy(error);
  }

  // TLS reads all of a body at once, unless it has to wait for an earlier one, which a server answered early.
  endUnlessWritten(): void {
    const { socket } = this;
    if (socket === undefined || socket.writableLength === 0) return;
    if (!("encrypted" in socket) || this.#isBehind) socket.destroy();
  }

  #adopt(socket: Socket): void {
    if (this.socket === socket) return;
    // What an earlier one may still bring has nothing to do with the exchange of this one.
    if (this.socket !== undefined) connections.delete(this.socket);
    this.socket = socket;
    connections.set(socket, this);
    const readQueue = socket.read.bind(socket);
    socket.read = (size) => {
      const lent = this.#lent;
      this.#lent = undefined;
      return lent ?? readQueue(size);
    };
    socket.on("session", (session: Buffer) => {
      this.session = session;
    });
  }
}
