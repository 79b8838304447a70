/** `--http`: a run over HTTP while it lasts, as a page, as metrics, and as one document. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemErrorWords, UsageError } from "../../lib/index.ts";
import type { RunMetrics } from "../metrics/metrics.ts";
import type { Endpoint } from "../options/values.ts";
import { refusalOf } from "./admission.ts";
import { type Answer, type Answers, runAnswers, TEXT } from "./answers.ts";
import { pageAnswers } from "./assets.ts";
import { EventStream, eventText } from "./event-stream.ts";
import type { RunStatus } from "./run-status.ts";

/** More than those who watch a run; the files of the copy itself need the descriptors of all others. */
export const MAX_CONNECTIONS = 24;

/** An answer takes milliseconds, and those who listen get one each second. */
const IDLE_MS = 20_000;
const REQUEST_MS = 5_000;

const EVERY_MS = 1_000;

/** How long those who watch may take for the last state before the run ends without them. */
const LAST_MS = 1_000;

/** Nothing is loaded from elsewhere, framed, or kept: what is shown is of this run and of now. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

export interface RunServer {
  readonly url: string;
  /** Sends the final state to those who watch, and stops. */
  close(): Promise<void>;
}

/** Serves a run, without keeping it alive. @throws UsageError if it cannot listen. */
export async function serveRun(
  status: RunStatus,
  metrics: RunMetrics,
  { host, port }: Endpoint,
): Promise<RunServer> {
  const events = new EventStream();
  const answers: Answers = new Map([...(await pageAnswers()), ...runAnswers(status, metrics)]);
  const server = createServer(
    { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: 1_000 },
    (request, response) => void respond(request, response).catch(() => response.destroy()),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = IDLE_MS;
  server.on("connection", (socket) => socket.unref());
  const hostInUrl = host.includes(":") ? `[${host}]` : host;
  const address = await listen(server, { host, port }, hostInUrl);

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refusalOf(request, address.address);
    if (refusal !== undefined) {
      const { status, reason, headers } = refusal;
      return write(request, response, { status, type: TEXT, body: `${reason}\n` }, headers);
    }
    const path = request.url?.split("?", 1)[0] ?? "";
    if (path !== "/events") {
      return write(request, response, (await answers.get(path)?.()) ?? NOT_FOUND);
    }
    if (request.method === "HEAD" || !events.hasRoom) return write(request, response, TOO_MANY);
    events.add(response, HEADERS, eventText("history", status.history()) + statusEvent());
  }

  const statusEvent = (): string => eventText("status", status.document());
  const timer = setInterval(() => {
    status.observe(performance.now());
    if (!events.isEmpty) events.send(statusEvent());
  }, EVERY_MS).unref();

  return {
    url: `http://${hostInUrl}:${address.port}/`,
    async close() {
      clearInterval(timer);
      status.observe(performance.now());
      server.close();
      await events.end(statusEvent(), LAST_MS);
      server.closeAllConnections();
    },
  };
}

const NOT_FOUND: Answer = { status: 404, type: TEXT, body: "Not found\n" };
const TOO_MANY: Answer = { status: 503, type: TEXT, body: "Too many watch this run already\n" };

function write(
  { method }: IncomingMessage,
  response: ServerResponse,
  { status, type, body }: Answer,
  headers: Readonly<Record<string, string>> = {},
): void {
  const own = { "content-type": type, "content-length": Buffer.byteLength(body), connection: "close" };
  response.writeHead(status, { ...HEADERS, ...headers, ...own }).end(method === "HEAD" ? "" : body);
}

/** @throws UsageError if it cannot. */
async function listen(server: Server, { host, port }: Endpoint, hostInUrl: string): Promise<AddressInfo> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    const problem = `cannot listen there (${systemErrorWords(error)})`;
    const advice = "Choose a free port on an address of this machine";
    throw new UsageError({ object: `--http ${hostInUrl}:${port}`, problem, advice }, { cause: error });
  }
  // A run does not die of those who watch it: without a descriptor for a connection, it is not accepted.
  server.on("error", () => {});
  server.unref();
  return server.address() as AddressInfo;
}
