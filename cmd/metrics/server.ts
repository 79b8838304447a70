/** `--metrics`: the run's metrics over HTTP, while it lasts. */

import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { collectDefaultMetrics, Registry } from "prom-client";
import { OperationError, type Progress } from "../../lib/index.ts";
import type { Endpoint } from "../options/values.ts";
import { systemErrorWords } from "../output.ts";
import { RunMetrics } from "./metrics.ts";

const PATH = "/metrics";

export interface MetricsServer {
  /** Where the metrics are. */
  readonly url: string;
  close(): void;
}

/**
 * Serves the metrics of a run and of the process. It keeps no process alive.
 * @throws OperationError if it cannot listen there.
 */
export async function serveMetrics(progress: Progress, { host, port }: Endpoint): Promise<MetricsServer> {
  const metrics = new RunMetrics(progress);
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  const server = createServer((request, response) => {
    const path = request.url?.split("?", 1)[0];
    if (path === PATH) void answer(response, metrics, ofProcess);
    else response.writeHead(404, { "content-type": "text/plain" }).end(`The metrics are at ${PATH}\n`);
  });
  server.on("connection", (socket) => socket.unref());
  await listen(server, host, port);
  server.unref();
  const authority = `${host.includes(":") ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${authority}${PATH}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(response: ServerResponse, metrics: RunMetrics, ofProcess: Registry): Promise<void> {
  const text = await metrics.text(ofProcess);
  response.writeHead(200, { "content-type": Registry.PROMETHEUS_CONTENT_TYPE }).end(text);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    throw new OperationError(
      {
        object: `--metrics ${host.includes(":") ? `[${host}]` : host}:${port}`,
        problem: `cannot listen there (${systemErrorWords(error)})`,
        advice: "Choose a free port on an address of this machine",
      },
      { cause: error },
    );
  }
}
