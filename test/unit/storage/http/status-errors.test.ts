/** Answers that have a way out in them: what came, whether it may pass, and what to do. */

import { describe, expect, it } from "vitest";
import { ANY, outcomeOf, textOf } from "../../../support/http/reads.ts";
import { serve, sourceAt } from "../../../support/http/servers.ts";

type Headers = Record<string, string>;

async function failureOf(status: number, headers: Headers = {}, body = ""): Promise<unknown> {
  const url = await serve((_request, response) => response.writeHead(status, headers).end(body));
  return outcomeOf(sourceAt(url).read("tile/0/000", ANY));
}

/** As S3 writes it (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). */
const s3Error = (code: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>…</Message><RequestId>1</RequestId></Error>`;
const XML = { "content-type": "application/xml" };

it("a challenge of a firewall is named, whatever the status", async () => {
  for (const [status, headers] of [
    [202, { "x-amzn-waf-action": "challenge" }],
    [405, { "x-amzn-waf-action": "captcha" }],
    [403, { "cf-mitigated": "challenge" }],
  ] as const) {
    expect(await failureOf(status, headers)).toMatchObject({
      message: expect.stringMatching(new RegExp(`answered ${status} .*: a challenge of a firewall`)),
      advice: expect.stringContaining("Ask the log's operator to allow this machine"),
      retryable: false,
      status,
    });
  }
});

it.each([
  [202, "answered 202 Accepted$", "a proxy, a cache, a firewall"],
  [204, "answered 204 No Content$", "Check the address"],
  [206, "answered 206 Partial Content, a part, although the whole object was requested$", "a cache"],
  [304, "answered 304 Not Modified, although the request did not mention an earlier answer$", "a cache"],
  [
    403,
    "answered 403 Forbidden$",
    "the object is missing, which looks the same to readers without the right to list",
  ],
  [451, "answered 451 ", "Check the address"],
])("%i is named, with what to do", async (status, words, advice) => {
  expect(await failureOf(status)).toMatchObject({
    message: expect.stringMatching(words),
    advice: expect.stringContaining(advice),
    retryable: false,
  });
});

it("203 brings an object: what a proxy has changed may be a header, and the bytes are authenticated", async () => {
  const url = await serve((_request, response) => response.writeHead(203).end("object"));
  expect(await textOf(sourceAt(url).read("tile/0/000", ANY))).toBe("object");
});

describe("an error of S3", () => {
  it("is named by its code", async () => {
    expect(await failureOf(403, XML, s3Error("AccessDenied"))).toMatchObject({
      message: expect.stringMatching(/answered 403 Forbidden \(AccessDenied\)$/),
      retryable: false,
    });
  });

  it("is tried again where it says that the request took too long", async () => {
    let asked = 0;
    const url = await serve((_request, response) => {
      if (asked++ > 0) response.end("object");
      else response.writeHead(400, XML).end(s3Error("RequestTimeout"));
    });
    const source = sourceAt(url);
    expect(await outcomeOf(source.read("checkpoint", ANY))).toMatchObject({
      message: expect.stringMatching(/answered 400 Bad Request \(RequestTimeout\)$/),
      retryable: true,
    });
    expect(await textOf(source.read("checkpoint", ANY))).toBe("object");
  });

  it.each<[string, Headers, string]>([
    ["longer than any is", XML, s3Error("RequestTimeout") + " ".repeat(1 << 15)],
    ["longer, and says so", { ...XML, "content-length": "100000" }, " ".repeat(100_000)],
    ["not XML", {}, s3Error("RequestTimeout")],
    ["of a code that nobody can read", XML, s3Error("\x1b[31mRequestTimeout")],
    ["empty", XML, ""],
  ])("is its status and nothing else where it is %s", async (_what, headers, body) => {
    expect(await failureOf(400, headers, body)).toMatchObject({
      message: expect.stringMatching(/answered 400 Bad Request$/),
      advice: "Check the address",
      retryable: false,
    });
  });
});

it("an object that is too large and sent as HTML looks like a web page", async () => {
  const url = await serve((_request, response) =>
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<p>".repeat(5000)),
  );
  await expect(sourceAt(url).read("tile/0/000", { maxBytes: 8192 })).rejects.toMatchObject({
    message: "is larger than an object of its kind can be",
    found: expect.stringMatching(/bytes, sent as text\/html: it looks like a web page$/),
  });
});
