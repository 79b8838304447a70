/** `--metrics`: the run's metrics over HTTP, while it lasts. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { collectDefaultMetrics, Registry } from "prom-client";
import { OperationError, type Progress, systemErrorWords } from "../../lib/index.ts";
import type { Endpoint } from "../options/values.ts";
import { RunMetrics, type RunName } from "./metrics.ts";

const PATH = "/metrics";

/** Far more than those who scrape a run; the files of the copy itself need the descriptors of all others. */
const MAX_CONNECTIONS = 8;

/** A scrape takes milliseconds. */
const IDLE_MS = 5_000;

export interface MetricsServer {
  readonly url: string;
  close(): void;
}

/** Serves the metrics of a run and its process, without keeping it alive. @throws OperationError if it cannot listen. */
export async function serveMetrics(
  progress: Progress,
  run: RunName,
  { host, port }: Endpoint,
): Promise<MetricsServer> {
  const metrics = new RunMetrics(progress, run);
  // Of this process, not of the log.
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  const texts = () => Promise.all([metrics.text(), ofProcess.metrics()]);
  const limits = { headersTimeout: IDLE_MS, requestTimeout: IDLE_MS, connectionsCheckingInterval: 1_000 };
  const server = createServer(limits, async (request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type, connection: "close" }).end(body);
    };
    const isMetrics = request.url?.split("?", 1)[0] === PATH;
    if (!isMetrics) return answer(404, "text/plain", `The metrics are at ${PATH}\n`);
    const text = await texts().catch(() => undefined);
    if (text === undefined) answer(500, "text/plain", "The metrics cannot be collected\n");
    else answer(200, metrics.contentType, text.join(""));
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = IDLE_MS;
  server.on("connection", (socket) => socket.unref());
  const hostInUrl = host.includes(":") ? `[${host}]` : host;
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    const problem = `cannot listen there (${systemErrorWords(error)})`;
    const advice = "Choose a free port on an address of this machine";
    throw new OperationError({ object: `--metrics ${hostInUrl}:${port}`, problem, advice }, { cause: error });
  }
  // A run does not die of those who watch it: without a descriptor for a connection, it is not accepted.
  server.on("error", () => {});
  server.unref();
  return {
    url: `http://${hostInUrl}:${(server.address() as AddressInfo).port}${PATH}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
