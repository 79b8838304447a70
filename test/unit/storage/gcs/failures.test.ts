/** What an operator reads of an answer by Cloud Storage that is a failure, and what to do about it. */

import { describe, expect, it } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { answerError, gcsError } from "../../../../storage/gcs/failures.ts";

const PLACE = { scheme: "gs", bucket: "bucket", prefix: "log/" };
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
