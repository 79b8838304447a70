import { getEventListeners } from "node:events";
import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { HttpSource } from "../../../../storage/http/source.ts";
import { ANY, outcomeOf, textOf } from "../../../support/http/reads.ts";
import { serve, serveTls, sourceAt } from "../../../support/http/servers.ts";
import { LOCALHOST } from "../../../support/http/test-certificates.ts";

const CHUNK = Buffer.alloc(1 << 16);

/** What a read was rejected with. */
async function failureOf(read: Promise<unknown>): Promise<SourceError> {
  const reason = await outcomeOf(read);
  expect(reason).toBeInstanceOf(SourceError);
  return reason as SourceError;
}

/** A server that answers every request with `body`, and the requests that it saw. */
async function recordingServer(body = "x"): Promise<{ url: URL; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const url = await serve((request, response) => {
    requests.push(request);
    response.end(body);
  });
  return { url, requests };
}

/** An admission that never comes. */
function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
}

describe("reading an object", () => {
  it.each([404, 410])("says by undefined that there is none when the server answers %i", async (status) => {
    const url = await serve((_request, response) => response.writeHead(status).end("no such thing"));
    expect(await sourceAt(url).read("tile/0/000", ANY)).toBeUndefined();
  });

  it.each([
    ["http://127.0.0.1/", "/tile/0/000"],
    ["http://127.0.0.1/logs/2026", "/logs/2026/tile/0/000"],
    ["http://127.0.0.1/logs/2026/", "/logs/2026/tile/0/000"],
    ["http://127.0.0.1/logs?sig=secret#part", "/logs/tile/0/000?sig=secret"],
  ])("asks below %s for %s", async (base, asked) => {
    const { url, requests } = await recordingServer();
    const at = new URL(base);
    at.port = url.port;
    await sourceAt(at).read("tile/0/000", ANY);
    expect(requests.map((request) => request.url)).toEqual([asked]);
  });

  it("reads over TLS from a server whose certificate is trusted", async () => {
    const url = await serveTls(LOCALHOST, (_request, response) => response.end("secure"));
    const source = sourceAt(url, { tls: { ca: LOCALHOST.cert } });
    expect(await textOf(source.read("checkpoint", ANY))).toBe("secure");
  });
});

describe("what a request says", () => {
  it("names the tool, its version and the contact, and asks for gzip", async () => {
    const { url, requests } = await recordingServer();
    await sourceAt(url, { userAgentVersion: "1.2.3", contact: "https://ops.test/" }).read("checkpoint", ANY);
    await sourceAt(url, { userAgentVersion: "1.2.3" }).read("checkpoint", ANY);
    expect(requests[0]?.headers["user-agent"]).toBe("tlog-migrate/1.2.3 (+https://ops.test/)");
    expect(requests[1]?.headers["user-agent"]).toBe("tlog-migrate/1.2.3");
    expect(requests[0]?.headers["accept-encoding"]).toBe("gzip");
    expect(requests[0]?.headers["cache-control"]).toBeUndefined();
  });

  it("passes caches when the read shall be fresh", async () => {
    const { url, requests } = await recordingServer();
    await sourceAt(url).read("checkpoint", { ...ANY, fresh: true });
    expect(requests[0]?.headers).toMatchObject({ "cache-control": "no-cache", pragma: "no-cache" });
  });

  it.each(["a\r\nx-evil: 1", "a b", "(nested)", "naïve@example.org", ""])("refuses contact %j", (contact) => {
    expect(
      () => new HttpSource(new URL("http://h/"), { connections: 1, userAgentVersion: "0", contact }),
    ).toThrow(UsageError);
  });

  it("carries the credentials of the address, which are shown nowhere", async () => {
    const { url, requests } = await recordingServer();
    url.username = "ops";
    url.password = "p%40ss";
    url.search = "?sig=s3cret";
    const source = sourceAt(url);
    await source.read("checkpoint", ANY);
    expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from("ops:p@ss").toString("base64")}`);
    expect(source.location).toBe(`http://127.0.0.1:${url.port}/`);
    expect(source.locate("checkpoint")).toBe(`http://127.0.0.1:${url.port}/checkpoint`);
  });

  it("refuses credentials that are not percent-encoded, without showing them", () => {
    const url = new URL("http://ops:50%@h/");
    const open = () => new HttpSource(url, { connections: 1, userAgentVersion: "0" });
    expect(open).toThrow(UsageError);
    expect(open).not.toThrow("50%");
  });
});

describe("statuses that are failures", () => {
  it.each([408, 429, 500, 502, 503, 504])("%i may succeed later", async (status) => {
    const url = await serve((_request, response) => response.writeHead(status).end());
    const failure = await failureOf(sourceAt(url).read("checkpoint", ANY));
    expect(failure).toMatchObject({ retryable: true, unreachable: false, retryAfterMs: undefined });
    expect(failure.message).toContain(`127.0.0.1:${url.port} answered ${status} `);
  });

  it.each([204, 206, 304, 400, 401, 403, 451])("%i will not", async (status) => {
    const url = await serve((_request, response) => response.writeHead(status).end());
    const failure = await failureOf(sourceAt(url).read("checkpoint", ANY));
    expect(failure).toMatchObject({ retryable: false, unreachable: false });
    if (status >= 400) expect(failure.advice).toBeDefined();
  });

  it("carry what Retry-After asks for, in seconds or as a date", async () => {
    const values = ["7", new Date(Date.now() + 3_600_000).toUTCString(), "soon"];
    const url = await serve((_request, response) => {
      response.writeHead(503, { "retry-after": values.shift() }).end();
    });
    const source = sourceAt(url);
    expect((await failureOf(source.read("checkpoint", ANY))).retryAfterMs).toBe(7000);
    const untilDate = (await failureOf(source.read("checkpoint", ANY))).retryAfterMs;
    expect(untilDate).toBeGreaterThan(3_000_000);
    expect(untilDate).toBeLessThanOrEqual(3_600_000);
    expect((await failureOf(source.read("checkpoint", ANY))).retryAfterMs).toBeUndefined();
  });

  it.each(["announced", "in chunks"])("are not read to the end if the body is large and %s", async (how) => {
    let sent = 0;
    const broken = Promise.withResolvers<void>();
    const url = await serve((_request, response) => {
      if (how === "announced") response.setHeader("content-length", 1 << 30);
      response.writeHead(500);
      response.on("close", () => broken.resolve());
      const more = () => {
        do sent += CHUNK.length;
        while (!response.destroyed && response.write(CHUNK));
      };
      response.on("drain", more);
      more();
    });
    const failure = await failureOf(sourceAt(url).read("checkpoint", ANY));
    expect(failure.message).toContain("answered 500");
    await broken.promise;
    // What the buffers of two sockets take, and no more.
    expect(sent).toBeLessThan(1 << 25);
  });
});

describe("an observer and a rate limiter", () => {
  it("are told of every request, with the status and the bytes on the wire", async () => {
    const seen: string[] = [];
    const url = await serve((request, response) => {
      if (request.url === "/moved") response.writeHead(302, { location: "/here" }).end("moved");
      else response.end("12345");
    });
    const source = sourceAt(url, {
      observer: {
        started: () => seen.push("started"),
        ended: (status, milliseconds, bytes) => {
          expect(milliseconds).toBeGreaterThanOrEqual(0);
          seen.push(`${status} ${bytes}`);
        },
      },
    });
    await source.read("moved", ANY);
    expect(seen).toEqual(["started", "302 5", "started", "200 5"]);
  });

  it("are asked before every request, and waited for", async () => {
    const { url, requests } = await recordingServer();
    const gate = Promise.withResolvers<void>();
    const admissions: (Promise<void> | undefined)[] = [gate.promise, undefined];
    const source = sourceAt(url, { admit: () => admissions.shift() });
    const waiting = source.read("first", ANY);
    await source.read("second", ANY);
    expect(requests.map((request) => request.url)).toEqual(["/second"]);
    gate.resolve();
    await waiting;
    expect(requests.map((request) => request.url)).toEqual(["/second", "/first"]);
  });
});

describe("a signal", () => {
  it("ends reads that wait for a connection, for admission or that have not begun", async () => {
    const url = await serve(() => {});
    const controller = new AbortController();
    const options = { ...ANY, signal: controller.signal };
    const source = sourceAt(url, { connections: 1 });
    let asked = 0;
    const admit = (signal?: AbortSignal) => {
      asked++;
      return untilAborted(signal);
    };
    const limited = sourceAt(url, { admit });
    const reads = [source.read("a", options), source.read("b", options), limited.read("c", options)];
    controller.abort("enough");
    reads.push(source.read("d", options), limited.read("e", options));
    expect(asked).toBe(1);
    for (const read of reads) await expect(read).rejects.toBe("enough");
  });

  it("carries thousands of reads without a warning or a listener left behind", async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on("warning", warn);
    const { url } = await recordingServer();
    const { signal } = new AbortController();
    const source = sourceAt(url, { connections: 16 });
    let reads = 0;
    const reader = async () => {
      while (reads++ < 2000) await source.read("checkpoint", { ...ANY, signal });
    };
    await Promise.all(Array.from({ length: 32 }, reader));
    process.off("warning", warn);
    expect(warnings).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("a source whose requests are authorized", () => {
  it("asks for the headers once the request may start, since a signature gets old", async () => {
    const { url, requests } = await recordingServer();
    const order: string[] = [];
    const admit = async () => void order.push("admitted");
    const authorization = (target: string) => {
      order.push(`signed ${target}`);
      return ["x-signature", "fresh"];
    };
    await sourceAt(url, { admit, authorization }).read("checkpoint", ANY);
    expect(order).toEqual(["admitted", "signed /checkpoint"]);
    expect(requests[0]?.headers["x-signature"]).toBe("fresh");
  });

  it("gives the turn back of a request that cannot be authorized", async () => {
    const { url, requests } = await recordingServer();
    const released: number[] = [];
    const observer = {
      started: () => {},
      ended: () => {},
      released: (status: number) => void released.push(status),
    };
    const refusal = new SourceError("no credentials", { retryable: false });
    const source = sourceAt(url, {
      observer,
      admit: async () => {},
      authorization: () => Promise.reject(refusal),
    });
    await expect(source.read("checkpoint", ANY)).rejects.toBe(refusal);
    expect([released, requests]).toEqual([[0], []]);
  });
});
