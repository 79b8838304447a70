import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  announcedLength,
  contentCodings,
  parseRetryAfter,
  type ResponseHeaders,
  retryAfterMs,
  statedLimit,
} from "../../../../storage/http/headers.ts";
import type { HttpSource } from "../../../../storage/http/source.ts";
import { ANY } from "../../../support/http/reads.ts";
import { serveAnswer, sourceAt } from "../../../support/http/servers.ts";

const PLAIN = Buffer.from("an object");

/** A source whose server answers with these lines of a head, and gzip where the status is 200. */
async function sourceOf(...head: string[]): Promise<HttpSource> {
  const body = head[0]?.startsWith("200") ? gzipSync(PLAIN).toString("latin1") : "";
  const lines = [`HTTP/1.1 ${head.join("\r\n")}`, `content-length: ${body.length}`, "", body];
  return sourceAt(await serveAnswer(lines.join("\r\n")));
}

describe("a header that comes twice", { timeout: 5000 }, () => {
  it("is a Retry-After of which the first counts", async () => {
    const source = await sourceOf("503 Service Unavailable", "retry-after: 7", "retry-after: 9");
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({
      name: "SourceError",
      retryable: true,
      retryAfterMs: 7000,
    });
  });

  it("is a Location of which the first counts", async () => {
    const source = await sourceOf("302 Found", "location: ftp://one/", "location: ftp://two/");
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({
      message: expect.stringContaining("to ftp://one/, which"),
      retryable: false,
    });
  });

  it.each(["gzip", "br"])("is a Content-Encoding that is refused if it says gzip, then %s", async (other) => {
    const source = await sourceOf("200 OK", "content-encoding: gzip", `content-encoding: ${other}`);
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({
      name: "FormatError",
      found: `gzip, ${other}`,
    });
  });

  it("is a Content-Encoding that is undone when it says gzip once and else nothing", async () => {
    const source = await sourceOf("200 OK", "content-encoding: identity", "content-encoding: gzip");
    expect(Buffer.from((await source.read("checkpoint", ANY)) ?? [])).toEqual(PLAIN);
  });
});

it("a length is none beside a transfer encoding", () => {
  expect(announcedLength({ "content-length": "5" })).toBe(5);
  expect(announcedLength({ "content-length": "5", "transfer-encoding": "chunked" })).toBeUndefined();
});

describe("codings", () => {
  it.each([
    [undefined, []],
    ["", []],
    ["identity", []],
    [" GZIP ", ["gzip"]],
    ["identity, gzip,", ["gzip"]],
    ["aws-chunked", []],
    ["aws-chunked,gzip", ["gzip"]],
    [
      ["br", "gzip, Identity"],
      ["br", "gzip"],
    ],
  ])("of %j are %j", (encoding, codings) => {
    expect(contentCodings({ "content-encoding": encoding })).toEqual(codings);
  });
});

// The three forms of one moment in RFC 9110 §5.6.7.
const MOMENT = 784_111_777_000;
const DATES = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];

describe("a Retry-After that is a date", () => {
  const at = (milliseconds: number) => new Date(milliseconds).toUTCString();

  it.each([
    ["fast by years", 4_000_000_000_000],
    ["slow by years", MOMENT],
  ])("counts from the answer's own Date, which may be %s", (_how, date) => {
    expect(retryAfterMs({ "retry-after": at(date + 90_000), date: at(date) })).toBe(90_000);
    expect(retryAfterMs({ "retry-after": at(date + 90_000), date: [at(date), at(0)] })).toBe(90_000);
  });

  it.each([undefined, "", "soon"])("counts from this machine's time where the Date is %j", (date) => {
    vi.useFakeTimers({ toFake: ["Date"], now: MOMENT });
    onTestFinished(() => void vi.useRealTimers());
    expect(retryAfterMs({ "retry-after": at(MOMENT + 90_000), date })).toBe(90_000);
  });
});

describe("parseRetryAfter", () => {
  it.each([
    ["120", 120_000],
    ["0", 0],
    [" 5 ", 5000],
  ])("reads %j as seconds", (value, milliseconds) => {
    expect(parseRetryAfter(value, MOMENT)).toBe(milliseconds);
  });

  it.each(DATES)("reads the date %j, wherever on Earth", (value) => {
    vi.stubEnv("TZ", "Asia/Tokyo");
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(new Date(MOMENT).getTimezoneOffset()).toBe(-540);
    expect(parseRetryAfter(value, MOMENT - 90_000)).toBe(90_000);
  });

  it("asks for no wait until a date that has passed", () => {
    expect(parseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", MOMENT + 1)).toBe(0);
  });

  it.each([
    "",
    "soon",
    "-3",
    "1.5",
    "1e3",
    "99999999999999999999",
    "1994-11-06",
    "Sun",
    "Sunday, the day after",
  ])("ignores %j", (value) => {
    expect(parseRetryAfter(value, MOMENT)).toBeUndefined();
  });
});

describe("the limit that a server states is", () => {
  const now = Date.UTC(2026, 0, 1);

  it.each<[string, ResponseHeaders, [requests: number, seconds: number] | undefined]>([
    ["that of RateLimit-Policy", { "ratelimit-policy": '"default";q=35;w=60' }, [35, 60]],
    [
      "the lowest of several",
      { "ratelimit-policy": '"burst";q=100;w=60, "daily";q=1000;w=86400' },
      [1000, 86_400],
    ],
    ["none where it counts bytes", { "ratelimit-policy": '"b";q=100;w=60;qu="content-bytes"' }, undefined],
    ["that of an earlier draft's policy", { "ratelimit-policy": "35;w=60" }, [35, 60]],
    ["that of an earlier draft's limit", { "ratelimit-limit": "35, 35;w=60" }, [35, 60]],
    ["none where no time is named", { "ratelimit-limit": "35" }, undefined],
    ["that until its reset", { "x-ratelimit-limit": "35", "x-ratelimit-reset": "60" }, [35, 60]],
    [
      "the same with a time of day",
      { "x-ratelimit-limit": "35", "x-ratelimit-reset": `${now / 1000 + 60}` },
      [35, 60],
    ],
    [
      "the same with a time of day in milliseconds",
      { "x-ratelimit-limit": "35", "x-ratelimit-reset": `${now + 60_000}` },
      [35, 60],
    ],
    [
      "the same by the server's clock, whatever ours says",
      {
        "x-ratelimit-limit": "35",
        "x-ratelimit-reset": `${now / 1000 + 90_060}`,
        date: new Date(now + 90_000_000).toUTCString(),
      },
      [35, 60],
    ],
    ["none with a reset in years", { "x-ratelimit-limit": "35", "x-ratelimit-reset": "1e300" }, undefined],
    ["none for years", { "ratelimit-policy": '"default";q=35;w=999999999' }, undefined],
    ["that of a gateway", { "x-ratelimit-limit-minute": "35", "x-ratelimit-limit-hour": "9000" }, [35, 60]],
    ["none where nothing can be asked", { "ratelimit-policy": '"default";q=0;w=60' }, undefined],
    ["none without a time", { "ratelimit-policy": '"default";q=35;w=0' }, undefined],
    ["none of what is no number", { "x-ratelimit-limit": "many", "x-ratelimit-reset": "60" }, undefined],
  ])("%s", (_what, headers, limit) => {
    const [requests, seconds] = limit ?? [];
    expect(statedLimit(headers, now)).toEqual(limit && { requests, seconds });
  });
});
