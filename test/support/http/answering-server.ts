/** A server that answers as a test says, step by step. */

import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { serve } from "./servers.ts";

export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  /** An object is sent as JSON. */
  readonly body?: string | Buffer | object;
}

/** What becomes of a request: an answer, or what is done with it in the place of one. */
export type Step = Answer | ((response: ServerResponse) => void);

export interface Asked {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Starts a server that answers one step after the other, or always the same, and says what it was asked. */
export async function startAnswering(steps: readonly Step[] | ((response: ServerResponse) => void)) {
  const asked: Asked[] = [];
  const remaining = typeof steps === "function" ? undefined : [...steps];
  const { origin, host } = await serve(async (request, response) => {
    const step = remaining === undefined ? (steps as Step) : (remaining.shift() ?? { status: 501 });
    const { headers } = request;
    asked.push({ line: `${request.method} ${request.url}`, headers, body: await buffer(request) });
    if (typeof step === "function") return step(response);
    const { status, body } = step;
    const isText = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
    response.writeHead(status, step.headers).end(isText ? body : JSON.stringify(body));
  });
  return { asked, origin, host, lines: () => asked.map(({ line }) => line) };
}
