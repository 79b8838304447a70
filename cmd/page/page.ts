/** The page of a run: what it shows, and the server that shows it. */

import type { Progress } from "../../lib/index.ts";
import { RunMetrics } from "../metrics/metrics.ts";
import type { Endpoint } from "../options/values.ts";
import { RunStatus, type WatchedRun } from "./run-status.ts";
import { type RunServer, serveRun } from "./server.ts";

export interface RunPage extends RunServer {
  /** Notified of what the progress does not have: notices, and the outcome. */
  readonly status: RunStatus;
}

/** @throws UsageError if it cannot listen. */
export async function openRunPage(at: Endpoint, progress: Progress, run: WatchedRun): Promise<RunPage> {
  const status = new RunStatus(progress, run);
  const metrics = new RunMetrics(progress, { command: run.command, place: run.target });
  return { status, ...(await serveRun(status, metrics, at)) };
}
