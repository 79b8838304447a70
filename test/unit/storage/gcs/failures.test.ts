/** What an operator reads of an answer by Cloud Storage that is a failure, and what to do about it. */

import { describe, expect, it, vi } from "vitest";
import { OperationError } from "../../../../lib/errors.ts";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { answerError, gcsError, patiently } from "../../../../storage/gcs/failures.ts";

const PLACE = { bucket: "bucket", prefix: "log/" };
const HOST = "storage.googleapis.com";

function answered(body: string | object): SourceError {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return answerError({ status: 400, headers: {}, body: Buffer.from(text) }, HOST, PLACE);
}

describe("an answer that is a failure", () => {
  it("has what the API says of it, in one line that is not too long", () => {
    const said = answered({ error: { code: 400, message: "Provided CRC32C\ndoes not match." } });
    expect(said.message).toBe(`${HOST} answered 400 Bad Request (Provided CRC32C does not match.)`);
    const long = answered({ error: { message: "x".repeat(5000) } });
    expect(long.message).toHaveLength(`${HOST} answered 400 Bad Request ()`.length + 300);
  });

  it.each([
    ["no JSON", "<html>No</html>"],
    ["nothing", ""],
    ["JSON of another kind", "null"],
    ["an error without words", { error: { code: 400 } }],
    ["words that are none", { error: { message: 7 } }],
    ["words of no length", { error: { message: "" } }],
    ["an error that is none", { error: null }],
  ])("needs nothing said of it: %s", (_what, body) => {
    expect(answered(body).message).toBe(`${HOST} answered 400 Bad Request`);
  });
});

it("a failure of any other kind keeps all that it says, and its cause", () => {
  const details = { retryable: true, retryAfterMs: 5, advice: "Check the network", unreachable: true };
  const cause = new SourceError("the line broke", details);
  const failure = gcsError(cause, PLACE);
  expect(failure).toMatchObject({ message: "the line broke", ...details, status: undefined });
  expect(failure.cause).toBe(cause);
});

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
