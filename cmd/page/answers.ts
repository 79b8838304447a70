/** What the server of a run answers, by path. */

import { collectDefaultMetrics, Registry } from "prom-client";
import type { RunMetrics } from "../metrics/metrics.ts";
import { jsonLine } from "../output.ts";
import type { RunStatus } from "./run-status.ts";

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
}

export const TEXT = "text/plain; charset=utf-8";

export type Answers = ReadonlyMap<string, () => Answer | Promise<Answer>>;

/** The documents of a run for machines. */
export function runAnswers(status: RunStatus, metrics: RunMetrics): Answers {
  // Of this process, not of the log.
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  return new Map<string, () => Answer | Promise<Answer>>([
    [
      "/metrics",
      async () => {
        const texts = await Promise.all([metrics.text(), ofProcess.metrics()]);
        return { status: 200, type: metrics.contentType, body: texts.join("") };
      },
    ],
    ["/status.json", () => ({ status: 200, type: "application/json", body: jsonLine(status.document()) })],
    ["/healthz", () => ({ status: 200, type: TEXT, body: "ok\n" })],
    [
      "/readyz",
      () =>
        status.isReady
          ? { status: 200, type: TEXT, body: "ready\n" }
          : { status: 503, type: TEXT, body: "not ready\n" },
    ],
  ]);
}
