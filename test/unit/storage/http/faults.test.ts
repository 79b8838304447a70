import { Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { networkError } from "../../../../storage/http/error-messages.ts";
import { ANY, outcomeOf, textOf } from "../../../support/http/reads.ts";
import { okay, scriptedServer, TRANSPORTS } from "../../../support/http/scripted-server.ts";
import { closedPlace, serve, serveAnswer, serveTls, sourceAt } from "../../../support/http/servers.ts";
import { EXPIRED, LOCALHOST, OTHER_HOST } from "../../../support/http/test-certificates.ts";

const LATER = { name: "SourceError", retryable: true, unreachable: false };

describe("a server that cannot be reached", () => {
  it("refuses the connection", async () => {
    const host = await closedPlace();
    await expect(sourceAt(new URL(`http://${host}/`)).read("checkpoint", ANY)).rejects.toMatchObject({
      name: "SourceError",
      message: `${host} refused the connection`,
      retryable: true,
      unreachable: true,
    });
  });

  it("has a name that nobody knows", async () => {
    const source = sourceAt(new URL("http://no-such-host.invalid/"));
    const failure = await outcomeOf(source.read("checkpoint", ANY));
    // Where there is no network at all, the name is one that could not be looked up.
    expect(failure).toMatchObject({ name: "SourceError" });
    expect(String(failure)).toMatch(/no such host|could not be looked up/);
  });

  it.each([
    ["ENOTFOUND", "no such host: h:1", { retryable: false, unreachable: true }],
    ["EAI_NONAME", "no such host: h:1", { retryable: false, unreachable: true }],
    ["EAI_AGAIN", "the name h:1 could not be looked up", { retryable: true, unreachable: false }],
    ["EHOSTUNREACH", "there is no route to h:1", { retryable: true, unreachable: true }],
    ["EMFILE", "no connection to h:1: too many open files", { retryable: false, unreachable: false }],
    ["UND_ERR_CONNECT_TIMEOUT", "h:1 did not accept a connection within 10 s", { retryable: true }],
    ["CERT_HAS_EXPIRED", "the certificate has expired", { retryable: false, unreachable: true }],
    ["CERT_REVOKED", "no TLS connection to h:1: in one line", { retryable: false, unreachable: true }],
  ])("is described from the code %s", (code, words, flags) => {
    const failure = networkError(coded(code), PEER, false);
    expect(failure.message).toContain(words);
    expect(failure).toMatchObject(flags);
    expect(failure.advice).toBeDefined();
  });

  it("is described from the first of several failures that name no address", () => {
    const failures = new AggregateError([coded("ECONNREFUSED"), coded("ETIMEDOUT")]);
    const failure = networkError(failures, PEER, false);
    expect(failure).toMatchObject({ message: "h:1 refused the connection", unreachable: true });
  });

  it("is described by each of its addresses, with the limit of time that each had", () => {
    const at = (address: string, code: string) => Object.assign(coded(code), { address, port: 1 });
    const slow = new AggregateError([at("2001:db8::1", "ETIMEDOUT"), at("192.0.2.1", "ECONNREFUSED")]);
    expect(networkError(slow, PEER, false)).toMatchObject({
      message: "no connection to h:1: 2001:db8::1 did not accept one within 1.5 s; 192.0.2.1 refused it",
      retryable: true,
      unreachable: false,
    });
    const many = Array.from({ length: 9 }, (_, index) => at(`2001:db8::${index}`, "ENETUNREACH"));
    const refused = networkError(new AggregateError([...many, at("192.0.2.1", "ECONNREFUSED")]), PEER, false);
    expect(refused).toMatchObject({ retryable: true, unreachable: true });
    expect(refused.message).toMatch(/2001:db8::3 cannot be reached from here; 6 more failed$/);
  });

  it("is not said to have had our limit of time where the system gave up", () => {
    expect(networkError(coded("ETIMEDOUT"), PEER, false).message).toBe(
      "h:1 did not accept a connection before this system gave up",
    );
  });

  it.each(TRANSPORTS)(
    "over %s is given a round trip of a second at each of its addresses",
    async (transport) => {
      const server = await scriptedServer(transport, (connection, path) => connection.send(okay(path)));
      const opened = vi.spyOn(Socket.prototype, "connect");
      onTestFinished(() => opened.mockRestore());
      expect(await textOf(server.source().read("x", ANY))).toBe("/x");
      const options = opened.mock.calls.flat(2) as unknown[];
      const limits = options.flatMap((given) =>
        given !== null && typeof given === "object" && "autoSelectFamilyAttemptTimeout" in given
          ? [given.autoSelectFamilyAttemptTimeout]
          : [],
      );
      // SYN and its answer, and what a machine may be late.
      expect(limits).toEqual([1500]);
    },
  );

  it("takes a TLS failure on a connection that stood for a broken line", () => {
    const failure = networkError(coded("ERR_SSL_BAD_RECORD_MAC"), PEER, true);
    expect(failure).toMatchObject({ retryable: true, unreachable: false });
  });
});

describe("a server that is not who it should be", () => {
  it.each([
    ["whose certificate is self-signed", LOCALHOST, undefined, "the certificate is self-signed"],
    ["whose certificate has expired", EXPIRED, EXPIRED.cert, "the certificate has expired"],
    ["with another's certificate", OTHER_HOST, OTHER_HOST.cert, "the certificate is for another host name"],
  ])("is one %s", async (_what, certificate, ca, reason) => {
    const url = await serveTls(certificate, (_request, response) => response.end("x"));
    const source = sourceAt(url, ca === undefined ? {} : { tls: { ca } });
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({
      message: `no TLS connection to ${url.host}: ${reason}`,
      retryable: false,
      unreachable: true,
      advice: expect.any(String),
    });
  });

  it("is one that does not speak TLS", async () => {
    const url = await serve((_request, response) => response.end("x"));
    url.protocol = "https:";
    await expect(sourceAt(new URL(`https://${url.host}/`)).read("checkpoint", ANY)).rejects.toMatchObject({
      message: expect.stringContaining("does not speak TLS"),
      retryable: false,
      unreachable: true,
    });
  });
});

describe("a server that takes its time", () => {
  it("is left after the time for headers", async () => {
    const url = await serve(() => {});
    const read = sourceAt(url, { timeouts: { headersMs: 50 } }).read("checkpoint", ANY);
    const message = `${url.host} did not answer within 0.05 s`;
    await expect(read).rejects.toMatchObject({ ...LATER, message });
  });

  it("is left after the time between two parts of a body", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { "content-length": 10 }).write("half.");
    });
    const read = sourceAt(url, { timeouts: { bodyMs: 50, objectMs: 600_000 } }).read("checkpoint", ANY);
    await expect(read).rejects.toMatchObject({ ...LATER, message: `${url.host} sent nothing for 0.05 s` });
  });
});

describe("a server that breaks its word", () => {
  const FIVE = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n";

  it.each(["10", "400000"])("by ending before the %s bytes that it announced", async (length) => {
    const half = `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\nhalf.`;
    const url = await serveAnswer(half, (socket) => socket.end());
    await expect(sourceAt(url).read("checkpoint", ANY)).rejects.toMatchObject(LATER);
  });

  it("by ending so on a connection that was not to be kept", async () => {
    const half = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhalf.";
    const url = await serveAnswer(half, (socket) => socket.end());
    const message = `${url.host} sent less or more than it announced`;
    await expect(sourceAt(url).read("checkpoint", ANY)).rejects.toMatchObject({ ...LATER, message });
  });

  it("by sending more than it announced, of which nothing reaches an object", async () => {
    const url = await serveAnswer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nright, and wrong");
    const source = sourceAt(url, { connections: 1 });
    for (let i = 0; i < 5; i++) {
      const outcome = await outcomeOf(source.read("checkpoint", ANY));
      if (outcome instanceof Uint8Array) expect(Buffer.from(outcome).toString()).toBe("right");
      else expect(outcome).toMatchObject(LATER);
    }
  });

  it("by breaking off in the middle of a chunk", async () => {
    const half = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf.";
    const url = await serveAnswer(half, (socket) => socket.end());
    const message = `${url.host} broke the connection off`;
    await expect(sourceAt(url).read("checkpoint", ANY)).rejects.toMatchObject({ ...LATER, message });
  });

  it.each([
    ["before an answer", ""],
    ["in the headers", "HTTP/1.1 200 OK\r\ncontent-le"],
    ["in the body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf."],
  ])("by resetting the connection %s", async (where, answer) => {
    const url = await serveAnswer(answer, (socket) => socket.resetAndDestroy());
    // In a body Node 22 reports it as the end of the connection.
    const isEnd = where === "in the body" && process.versions.node.startsWith("22.");
    const message = `${url.host} ${isEnd ? "sent less or more than it announced" : "broke the connection off"}`;
    await expect(sourceAt(url).read("checkpoint", ANY)).rejects.toMatchObject({ ...LATER, message });
  });

  it.each([
    ["not HTTP at all", "SSH-2.0-OpenSSH_9.9\r\n"],
    ["two lengths", `${FIVE}content-length: 6\r\n\r\nhello!`],
    ["a length beside chunks", `${FIVE}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a length that is no number", "HTTP/1.1 200 OK\r\ncontent-length: 5x\r\n\r\nhello"],
    ["headers without end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`],
  ])("by answering with %s", async (_what, answer) => {
    const url = await serveAnswer(answer);
    await expect(sourceAt(url).read("checkpoint", ANY)).rejects.toMatchObject(LATER);
  });

  it("is asked again on a new connection", async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      if (requests++ === 0) response.socket?.destroy();
      else response.end("back");
    });
    const source = sourceAt(url, { connections: 1 });
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject(LATER);
    expect(await textOf(source.read("checkpoint", ANY))).toBe("back");
  });

  it("may end a body of unknown length by closing", async () => {
    const url = await serveAnswer("HTTP/1.0 200 OK\r\n\r\nall of it", (socket) => socket.end());
    expect(await textOf(sourceAt(url).read("checkpoint", ANY))).toBe("all of it");
  });
});

const PEER = { host: "h:1", timeouts: { connectMs: 10_000, headersMs: 1, bodyMs: 1, objectMs: 600_000 } };

function coded(code: string): Error {
  return Object.assign(new Error("in one line\nand another"), { code });
}
