/** What an operator reads of an answer by Cloud Storage that is a failure, and what to do about it. */

import { describe, expect, it } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { answerError, gcsError } from "../../../../storage/gcs/failures.ts";

const PLACE = { bucket: "bucket", prefix: "log/" };
const HOST = "storage.googleapis.com";

function answered(status: number, body: string | object = ""): SourceError {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return answerError({ status, headers: {}, body: Buffer.from(text) }, HOST, PLACE);
}

describe("an answer that is a failure", () => {
  it.each([
    [400, "Bad Request", false, /Check the address/],
    [401, "Unauthorized", false, /gcloud auth application-default login.*GOOGLE_APPLICATION_CREDENTIALS/],
    [403, "", false, /roles\/storage.objectUser on gs:\/\/bucket .*roles\/storage.objectViewer to read/],
    [404, "", false, /there is a bucket bucket, or create it/],
    [408, "", true, undefined],
    [412, "", false, /Check the address/],
    [429, "", true, /Lower the rate/],
    [500, "", true, undefined],
    [504, "", true, undefined],
  ])("of %i %s may pass: %s, and comes with what to do", (status, words, retryable, advice) => {
    const failure = answered(status);
    expect(failure.message).toContain(`${HOST} answered ${status} ${words}`);
    expect(failure).toMatchObject({ status, retryable, retryAfterMs: undefined });
    if (advice === undefined) expect(failure.advice).toBeUndefined();
    else expect(failure.advice).toMatch(advice);
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

it("a failure of any other kind keeps all that it says, and its cause", () => {
  const details = { retryable: true, retryAfterMs: 5, advice: "Check the network", unreachable: true };
  const cause = new SourceError("the line broke", details);
  const failure = gcsError(cause, PLACE);
  expect(failure).toMatchObject({ message: "the line broke", ...details, status: undefined });
  expect(failure.cause).toBe(cause);
});
