/** `--metrics`: the run's metrics over HTTP, while it lasts. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { collectDefaultMetrics } from "prom-client";
import { OperationError, type Progress } from "../../lib/index.ts";
import type { Endpoint } from "../options/values.ts";
import { systemErrorWords } from "../output.ts";
import { RunMetrics } from "./metrics.ts";

const PATH = "/metrics";

export interface MetricsServer {
  readonly url: string;
  close(): void;
}

/** Serves the metrics of a run and its process, without keeping it alive. @throws OperationError if it cannot listen. */
export async function serveMetrics(progress: Progress, { host, port }: Endpoint): Promise<MetricsServer> {
  const metrics = new RunMetrics(progress);
  const { registry } = metrics;
  collectDefaultMetrics({ register: registry });
  const server = createServer(async (request, response) => {
    const path = request.url?.split("?", 1)[0];
    if (path === PATH) {
      response.writeHead(200, { "content-type": registry.contentType }).end(await metrics.text());
    } else response.writeHead(404, { "content-type": "text/plain" }).end(`The metrics are at ${PATH}\n`);
  });
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
  server.unref();
  return {
    url: `http://${hostInUrl}:${(server.address() as AddressInfo).port}${PATH}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
