/** What an operator reads of an answer by S3 that is a failure, and what to do about it. */

import { describe, expect, it } from "vitest";
import type { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { ExpiredTokenError, s3Failure } from "../../../../storage/s3/failures.ts";
import { failing, PLACE } from "../../../support/aws.ts";

const HOST = "s3.example";

function answered(...[status, code, more, headers = {}]: Parameters<typeof failing>): SourceError {
  const { body } = failing(status, code, more);
  return s3Failure({ status, headers, body: Buffer.from(`${body}`) }, HOST, PLACE);
}

const said = (body: string, status = 400) =>
  s3Failure({ status, headers: {}, body: Buffer.from(body) }, HOST, PLACE);

describe("an answer that is a failure", () => {
  it("has what S3 says of it, in one line that is not too long", () => {
    const error = (message: string) => `<Error><Code>BadRequest</Code><Message>${message}</Message></Error>`;
    expect(said(error("one\ntwo")).message).toBe(`${HOST} answered 400 Bad Request (BadRequest: one two)`);
    expect(said(error("x".repeat(5000))).message.length).toBeLessThan(400);
  });

  it.each([
    ["nothing", ""],
    ["a web page", "<html>No</html>"],
    ["XML of another kind", "<ListBucketResult></ListBucketResult>"],
    ["a code that is none", "<Error><Code>a b</Code></Error>"],
    ["no code", "<Error><Message>x</Message></Error>"],
    ["the name of what all objects have", "<Error><Code>constructor</Code><Message>x</Message></Error>"],
  ])("needs nothing said of it: %s", (_what, body) => {
    expect(said(body).message).toMatch(/^s3\.example answered 400 Bad Request( \(constructor: x\))?$/);
  });

  it.each([
    [503, "SlowDown"],
    [500, "InternalError"],
    [400, "RequestTimeout"],
    [409, "ConditionalRequestConflict"],
    [409, "OperationAborted"],
    [400, "BadDigest"],
    [400, "XAmzContentSHA256Mismatch"],
  ])("with %i %s may pass", (status, code) => {
    expect(answered(status, code)).toMatchObject({ retryable: true, status });
  });

  it.each([
    [400, "InvalidRequest"],
    [409, "ObjectParentIsFile"],
    [501, "NotImplemented"],
    [403, "AccessDenied"],
    [404, "NoSuchBucket"],
  ])("with %i %s may not", (status, code) => {
    expect(answered(status, code)).toMatchObject({ retryable: false, status });
  });

  it("waits as long as it says", () => {
    expect(answered(503, "SlowDown", "", { "retry-after": "7" })).toMatchObject({ retryAfterMs: 7000 });
  });

  it.each([
    [403, "InvalidAccessKeyId"],
    [403, "SignatureDoesNotMatch"],
    [404, "XAdminUserNotFound"],
  ])("with %i %s is about the credentials", (status, code) => {
    const { message, advice } = answered(status, code);
    expect(message).toContain("does not accept the credentials");
    expect(advice).toMatch(/AWS_ACCESS_KEY_ID/);
  });

  it.each(["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"])(
    "with %s has credentials renewed",
    (code) => {
      expect(answered(400, code)).toBeInstanceOf(ExpiredTokenError);
      expect(answered(403, "AccessDenied")).not.toBeInstanceOf(ExpiredTokenError);
    },
  );

  it("with RequestTimeTooSkewed is about the clock", () => {
    const { message, advice, retryable } = answered(403, "RequestTimeTooSkewed");
    expect({ message, advice, retryable }).toEqual({
      message: expect.stringContaining("this machine's clock is more than 15 minutes off"),
      advice: expect.stringContaining("NTP"),
      retryable: false,
    });
  });

  it("with 403 and a code that all objects have is one like others", () => {
    expect(answered(403, "constructor").advice).toContain("s3:ListBucket");
  });

  it("with 403 says which rights are needed, and why of those one", () => {
    const { advice } = answered(403, "AccessDenied");
    expect(advice).toMatch(
      /s3:ListBucket on bucket, without which an object that is missing is forbidden too/,
    );
    expect(advice).toMatch(/s3:GetObject.*s3:PutObject and s3:DeleteObject.* on bucket\/log\/\*$/);
  });
});

describe("a bucket of another region", () => {
  const region = { "x-amz-bucket-region": "eu-west-3" };
  const REGION = "<Region>eu-west-3</Region>";

  it.each<[what: string, failure: SourceError]>([
    ["301, by its header", answered(301, "PermanentRedirect", "", region)],
    [
      "301 without a word, by its header",
      s3Failure({ status: 301, headers: region, body: Buffer.of() }, HOST, PLACE),
    ],
    ["307, by its header", answered(307, "TemporaryRedirect", "", region)],
    ["400, by what it says", answered(400, "AuthorizationHeaderMalformed", REGION)],
  ])("is said to be there: %s", (_what, failure) => {
    expect(failure).toMatchObject({
      message: expect.stringContaining("the bucket bucket is in the region eu-west-3"),
      advice: "Set AWS_REGION to eu-west-3",
      retryable: false,
    });
  });

  it.each([{}, { "x-amz-bucket-region": "$(rm -rf)" }, { "x-amz-bucket-region": ["a", "b"] }])(
    "that is not named, or that could be none, is said to be another: %o",
    (headers) => {
      const { message, advice } = answered(301, "PermanentRedirect", "", headers);
      expect(message).toMatch(/is in another region$/);
      expect(advice).toBe("Set AWS_REGION to it");
    },
  );
});
