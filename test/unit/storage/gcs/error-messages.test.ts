/** What an operator is told of an answer by Cloud Storage that is a failure, and what to do about it. */

import { describe, expect, it } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { answerError, gcsError, noBucket } from "../../../../storage/gcs/error-messages.ts";
import type { ApiAnswer } from "../../../../storage/http/client.ts";

const PLACE = { bucket: "bucket", prefix: "log/" };
const HOST = "storage.googleapis.com";

function answered(
  status: number,
  body: string | object = "",
  headers: ApiAnswer["headers"] = {},
): SourceError {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return answerError({ status, headers, body: Buffer.from(text) }, HOST, PLACE);
}

describe("an answer that is a failure", () => {
  it.each([
    [401, /gcloud auth application-default login.*GOOGLE_APPLICATION_CREDENTIALS/],
    [403, /roles\/storage.objectUser on gs:\/\/bucket .*roles\/storage.objectViewer to read/],
    [404, /there is a bucket bucket, or create it/],
    [400, /Check the address/],
    [429, /Lower the rate/],
  ])("of %i comes with what to do", (status, advice) => {
    const failure = answered(status);
    expect(failure.message).toContain(`${HOST} answered ${status} `);
    expect(failure.advice).toMatch(advice);
    expect(failure.status).toBe(status);
  });

  it.each([408, 429, 500, 502, 503, 504])("of %i may pass", (status) => {
    expect(answered(status)).toMatchObject({ retryable: true, retryAfterMs: undefined });
  });

  it.each([400, 401, 403, 404, 412])("of %i will not pass", (status) => {
    expect(answered(status).retryable).toBe(false);
  });

  it("says how long to wait, where it is told", () => {
    expect(answered(429, "", { "retry-after": "7" }).retryAfterMs).toBe(7000);
  });

  it("has what the API says of it, in one line that is not too long", () => {
    const said = answered(400, { error: { code: 400, message: "Provided CRC32C\ndoes not match." } });
    expect(said.message).toBe(`${HOST} answered 400 Bad Request (Provided CRC32C does not match.)`);
    const long = answered(400, { error: { message: "x".repeat(5000) } });
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
    expect(answered(400, body).message).toBe(`${HOST} answered 400 Bad Request`);
  });
});

describe("a failure of any other kind", () => {
  it("keeps all that it says, and its cause", () => {
    const details = {
      retryable: true,
      retryAfterMs: 5,
      advice: "Check the network",
      unreachable: true,
    } as const;
    const cause = new SourceError("the line broke", details);
    const failure = gcsError(cause, PLACE);
    expect(failure).toMatchObject({ message: "the line broke", ...details, status: undefined });
    expect(failure.cause).toBe(cause);
  });

  it("such as a bucket that is not there says so, and that no contact was made", () => {
    const failure = noBucket(PLACE);
    expect(failure).toMatchObject({
      message: "there is no bucket bucket",
      retryable: false,
      unreachable: true,
      advice: expect.stringContaining("create it"),
    });
  });
});
