/** How long an object store that fails is asked again. */

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { FirstContact, patiently } from "../../../../storage/bucket/retries.ts";

describe("what may pass is waited for", () => {
  const delays = { minDelayMs: 60_000, maxDelayMs: 60_000, maxRetryAfterMs: 60_000 };
  const RETRY = { attempts: 9, contentAttempts: 0, ...delays };

  it("no longer than there is time", async () => {
    const attempt = vi.fn().mockRejectedValue(new SourceError("busy", { retryable: true }));
    const work = patiently("gs://bucket/x", { retry: RETRY, signal: undefined, totalMs: 50 }, attempt);
    await expect(work).rejects.toBeInstanceOf(OperationError);
    expect(attempt.mock.calls.length).toBeGreaterThan(1);
  }, 5_000);

  it("until the signal fires, which is the reason then, whatever failed meanwhile", async () => {
    const reason = new SourceError("another failed", { retryable: false });
    const controller = new AbortController();
    const work = patiently("gs://bucket/x", { retry: RETRY, signal: controller.signal }, async () => {
      controller.abort(reason);
      throw new SourceError("refused", { retryable: false });
    });
    await expect(work).rejects.toBe(reason);
  });
});

describe("a store that refuses the connection", () => {
  const [RETRIES, SOURCE] = ["storage/bucket/retries.ts", "lib/migrate/ports/source.ts"].map((path) =>
    JSON.stringify(new URL(`../../../../${path}`, import.meta.url).href),
  );
  const classified = `(async () => {
    const [{ FirstContact }, { SourceError }] = [await import(${RETRIES}), await import(${SOURCE})];
    const refused = new SourceError("refused", { retryable: true, unreachable: true });
    return new FirstContact().classify(refused).retryable;
  })()`;

  it("was never there for the main thread, and is waited for by those that it has started since", async () => {
    const refused = new SourceError("refused", { retryable: true, unreachable: true });
    expect(new FirstContact().classify(refused).retryable).toBe(false);
    const post = `${classified}.then((is) => require("node:worker_threads").parentPort.postMessage(is))`;
    const worker = new Worker(post, { eval: true });
    onTestFinished(async () => void (await worker.terminate()));
    expect(await once(worker, "message")).toEqual([true]);
  });
});
