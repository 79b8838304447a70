/** Requests to an HTTP API: every answer is handed over as it came, and everything else is told as what it is. */

import { getEventListeners, once } from "node:events";
import { createServer } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { type ApiAnswer, HttpClient } from "../../../../storage/http/client.ts";
import type { HttpTimeouts } from "../../../../storage/http/error-messages.ts";
import type { HttpRequest } from "../../../../storage/http/exchange.ts";
import { stoppedClock } from "../../../support/http/clock.ts";
import {
  head,
  okay,
  type ScriptedServer,
  scriptedServer,
  TRANSPORTS,
} from "../../../support/http/scripted-server.ts";
import { serve } from "../../../support/http/servers.ts";
import { LOCALHOST } from "../../../support/http/test-certificates.ts";

type ApiRequest = Omit<HttpRequest, "origin">;

const GET: ApiRequest = { method: "GET", path: "/asked", headers: [] };
const LIMIT = 1 << 20;

/** Calls over one connection at a time to one server. */
class Client {
  readonly #origin: string;
  readonly http: HttpClient;

  constructor({ url }: Pick<ScriptedServer, "url">, timeouts: Partial<HttpTimeouts> = {}) {
    this.#origin = url.origin;
    this.http = new HttpClient({ connections: 1, timeouts, tls: { ca: LOCALHOST.cert } });
    onTestFinished(() => this.http.close());
  }

  call(request: ApiRequest = GET, signal?: AbortSignal): Promise<ApiAnswer> {
    return this.http.send({ ...request, origin: this.#origin }, { signal });
  }

  /** What a call fails with. */
  async failure(request?: ApiRequest, signal?: AbortSignal): Promise<unknown> {
    return await this.call(request, signal).catch((error: unknown) => error);
  }
}

describe.each(TRANSPORTS)("a call over %s", (transport) => {
  it.each([200, 204, 302, 404, 412, 429, 503])(
    "is answered by %i: status, headers and body",
    async (status) => {
      const text = status === 204 ? "" : `{"said":${status}}`;
      const headers = `x-generation: 7\r\ncontent-length: ${text.length}\r\n`;
      const server = await scriptedServer(transport, (connection) =>
        connection.send(head(headers, `${status} So It Is`), text),
      );
      const answer = await new Client(server).call();
      expect(answer).toMatchObject({ status, headers: { "x-generation": "7" } });
      expect(answer.body.toString()).toBe(text);
      expect(server.requests).toEqual(["/asked"]);
    },
  );

  it.each(["announced", "chunked"] as const)(
    "is answered by a body that comes in pieces, %s",
    async (framing) => {
      const body = Buffer.alloc(200_000, "a body ");
      const whole = okay(body, { framing });
      const server = await scriptedServer(transport, async ({ socket }) => {
        for (let at = 0; at < whole.length; at += 30_000) {
          socket.write(whole.subarray(at, at + 30_000));
          await nextTurn();
        }
      });
      const { body: found } = await new Client(server).call();
      expect(found.equals(body)).toBe(true);
    },
  );

  it("is answered by what follows interim responses", async () => {
    const server = await scriptedServer(transport, (connection) =>
      connection.send(head("", "102 Processing"), head("x: y\r\n", "103 Early Hints"), okay("at last")),
    );
    const answer = await new Client(server).call();
    expect(answer).toMatchObject({ status: 200, body: Buffer.from("at last") });
    expect(answer.headers.x).toBeUndefined();
  });

  it.each(["announced", "chunked"] as const)(
    "takes an answer of as many bytes as there may be, %s, and not one more",
    async (framing) => {
      const [fits, exceeds] = [LIMIT, LIMIT + 1].map((size) => okay(Buffer.alloc(size, 7), { framing }));
      const server = await scriptedServer(transport, (connection, path) =>
        connection.send(path === "/fits" ? (fits as Buffer) : (exceeds as Buffer)),
      );
      const client = new Client(server);
      expect((await client.call({ ...GET, path: "/fits" })).body).toHaveLength(LIMIT);
      expect(await client.failure()).toMatchObject({
        name: "SourceError",
        message: `${server.url.host} answered with more than ${LIMIT} bytes`,
        retryable: false,
      });
      await server.connections[0]?.closed;
    },
  );

  it("hears no more of an answer without an end than it may hold", async () => {
    const server = await scriptedServer(transport, async ({ socket }) => {
      socket.write(head("transfer-encoding: chunked\r\n"));
      const chunk = Buffer.concat([Buffer.from("8000\r\n"), Buffer.alloc(0x8000), Buffer.from("\r\n")]);
      while (!socket.destroyed) {
        socket.write(chunk);
        await nextTurn();
      }
    });
    expect(await new Client(server).failure()).toMatchObject({ retryable: false });
    await server.allClosed();
  });

  it("that waits for its connection is not made once its signal fires, and another one is", async () => {
    const server = await scriptedServer(transport);
    const client = new Client(server);
    const controller = new AbortController();
    const first = client.call({ ...GET, path: "/first" });
    const ended = client.failure({ ...GET, path: "/ended" }, controller.signal);
    const last = client.call({ ...GET, path: "/last" });
    const connection = await server.connection();
    await connection.request();
    controller.abort("enough");
    expect(await ended).toBe("enough");
    connection.send(okay("first"));
    await connection.request();
    connection.send(okay("last"));
    expect([(await first).body.toString(), (await last).body.toString()]).toEqual(["first", "last"]);
    expect(server.requests).toEqual(["/first", "/last"]);
  });

  it.each([
    ["before its answer", ""],
    ["amid its answer", head("content-length: 10\r\n").toString()],
    ["amid its answer's body", `${head("content-length: 10\r\n")}half.`],
  ])("whose signal fires %s ends at once, and its connection too", async (_when, begun) => {
    const server = await scriptedServer(transport);
    const client = new Client(server);
    const controller = new AbortController();
    const ended = client.failure(GET, controller.signal);
    const connection = await server.connection();
    await connection.request();
    if (begun !== "") connection.send(begun);
    controller.abort("enough");
    expect(await ended).toBe("enough");
    await connection.closed;
    const next = client.call();
    const another = await server.connection();
    await another.request();
    another.send(okay("next"));
    expect((await next).body.toString()).toBe("next");
  });

  it("leaves nothing with a signal that fires when it is over", async () => {
    const server = await scriptedServer(transport, (connection) => connection.send(okay("an answer")));
    const controller = new AbortController();
    const answer = await new Client(server).call(GET, controller.signal);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    controller.abort("too late");
    expect(answer.body.toString()).toBe("an answer");
  });

  it.each([
    ["before its answer", "", /broke the connection off/],
    ["amid its answer's head", "HTTP/1.1 200 OK\r\ncontent-", /broke the connection off/],
    ["amid its answer's body", `${head("content-length: 10\r\n")}half.`, /less or more than it announced/],
    ["amid a chunk", `${head("transfer-encoding: chunked\r\n")}a\r\nhalf.`, /broke the connection off/],
  ])("whose connection ends %s may be made again", async (_when, begun, problem) => {
    const server = await scriptedServer(transport, ({ socket }) => void socket.end(begun));
    const failure = await new Client(server).failure();
    expect(failure).toMatchObject({ name: "SourceError", retryable: true, unreachable: false });
    expect(String(failure)).toMatch(problem);
  });

  it.each([
    ["no status line", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["a header without a name", head(": x\r\n").toString()],
    ["a chunk of no size", `${head("transfer-encoding: chunked\r\n")}zz\r\n`],
  ])("answered by %s says so, and its connection is closed", async (_what, answer) => {
    const server = await scriptedServer(transport, (connection) => connection.send(answer));
    const failure = await new Client(server).failure();
    expect(failure).toMatchObject({ name: "SourceError", retryable: true });
    expect(String(failure)).toContain(`${server.url.host} sent something that is not HTTP`);
    await server.allClosed();
  });

  it("whose answer trickles for too long ends", async () => {
    const clock = stoppedClock();
    const server = await scriptedServer(transport);
    const call = new Client(server, { objectMs: 1000 }).failure();
    const connection = await server.connection();
    await connection.request();
    connection.send(head("content-length: 10\r\n"));
    clock.goOn(1001);
    connection.send("more");
    expect(await call).toMatchObject({
      message: `${server.url.host} took longer than 1 s for one object`,
      retryable: true,
    });
    await connection.closed;
  });

  it("fails with the connections when they are closed", async () => {
    const server = await scriptedServer(transport);
    const client = new Client(server);
    const failures = Promise.all([client.failure(), client.failure()]);
    await (await server.connection()).request();
    await client.http.close();
    for (const failure of await failures) {
      expect(failure).toMatchObject({ message: "the source was closed", retryable: false });
    }
    expect(await client.failure()).toMatchObject({ message: "the source was closed" });
  });
});

describe("what is asked", () => {
  it("goes out as it is told: method, path and query, headers, and the body in one piece", async () => {
    const url = await serve(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece);
      const { method, headers } = request;
      response.end(
        JSON.stringify({ method, url: request.url, headers, body: Buffer.concat(pieces).toString() }),
      );
    });
    const body = ["--x\r\n", "bytes", "\r\n--x--"].map((piece) => Buffer.from(piece));
    const headers = ["content-type", "multipart/related; boundary=x"];
    const answer = await new Client({ url }).call({ method: "POST", path: "/o?name=a%2Fb", headers, body });
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      method: "POST",
      url: "/o?name=a%2Fb",
      headers: { host: url.host, "content-type": "multipart/related; boundary=x", "content-length": "17" },
      body: "--x\r\nbytes\r\n--x--",
    });
  });

  it("goes out again, with all of its body, where the connection that was kept had ended", async () => {
    const ports = new Set<number | undefined>();
    const url = await serve(async (request, response) => {
      const { remotePort } = request.socket;
      if (request.method === "POST" && ports.has(remotePort)) request.socket.resetAndDestroy();
      else request.pipe(response);
      ports.add(remotePort);
    });
    const client = new Client({ url });
    await client.call();
    const body = [Buffer.alloc(100_000, "one"), Buffer.from("two")];
    const answer = await client.call({ method: "POST", path: "/upload", headers: [], body });
    expect(answer.body.equals(Buffer.concat(body))).toBe(true);
    expect(ports.size).toBe(2);
  });

  it("of nobody says that nobody was there", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    await new Promise((closed) => server.close(closed));
    const client = new Client({ url: new URL(`http://127.0.0.1:${port}/`) });
    expect(await client.failure()).toMatchObject({
      message: `127.0.0.1:${port} refused the connection`,
      retryable: true,
      unreachable: true,
    });
  });
});
