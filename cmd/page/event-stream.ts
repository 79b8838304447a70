/** Server-sent events to a bounded number of clients, none of which can hold up the others or fill the memory. */

import type { ServerResponse } from "node:http";
import { jsonLine } from "../output.ts";

/** Browsers, each with one stream a tab. */
export const MAX_CLIENTS = 16;

/** A client that takes nothing for so long is let go. Its browser asks again. */
const STUCK_MS = 15_000;

/** How soon a browser asks again, in milliseconds. */
const RETRY_MS = 1_000;

/** One event as it is sent. */
export function eventText(event: string, data: object): string {
  return `event: ${event}\ndata: ${jsonLine(data)}\n`;
}

interface Client {
  readonly response: ServerResponse;
  /** Since when it has not taken what was sent, as `performance.now()` has it; undefined where it has. */
  stuckSince: number | undefined;
}

export class EventStream {
  readonly #clients = new Set<Client>();

  get hasRoom(): boolean {
    return this.#clients.size < MAX_CLIENTS;
  }

  get isEmpty(): boolean {
    return this.#clients.size === 0;
  }

  /** Adds a client, whose headers are not sent yet. @param first what it is sent at once. */
  add(response: ServerResponse, headers: Readonly<Record<string, string>>, first: string): void {
    const client: Client = { response, stuckSince: undefined };
    this.#clients.add(client);
    response.on("close", () => this.#clients.delete(client)).on("error", () => {});
    response.writeHead(200, { ...headers, "content-type": "text/event-stream; charset=utf-8" });
    this.#send(client, `retry: ${RETRY_MS}\n\n${first}`, performance.now());
  }

  /** Sends the newest state to every client that has taken the one before. A slow one misses those in between. */
  send(text: string, nowMs = performance.now()): void {
    for (const client of this.#clients) {
      if (client.stuckSince === undefined) this.#send(client, text, nowMs);
      else if (nowMs - client.stuckSince >= STUCK_MS) client.response.destroy();
    }
  }

  /** Sends the last state to all, and resolves once they have it, or after `limitMs`. */
  async end(text: string, limitMs: number): Promise<void> {
    const ended = [...this.#clients].map(
      ({ response }) => new Promise((taken) => response.once("close", taken).end(text)),
    );
    if (ended.length === 0) return;
    const { promise: isOver, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, limitMs);
    await Promise.race([Promise.all(ended), isOver]);
    clearTimeout(timer);
  }

  #send(client: Client, text: string, nowMs: number): void {
    client.stuckSince = nowMs;
    client.response.write(text, () => {
      client.stuckSince = undefined;
    });
  }
}
