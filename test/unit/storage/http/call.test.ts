/** Requests to an HTTP API: every answer is handed over as it came, and everything else is told as what it is. */

import { text } from "node:stream/consumers";
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatCount } from "../../../../lib/tlog/quantities.ts";
import { type ApiAnswer, HttpClient } from "../../../../storage/http/client.ts";
import type { HttpTimeouts } from "../../../../storage/http/error-messages.ts";
import type { HttpRequest } from "../../../../storage/http/request.ts";
import { clientSockets } from "../../../support/http/client-sockets.ts";
import { stoppedClock } from "../../../support/http/clock.ts";
import { outcomeOf } from "../../../support/http/reads.ts";
import {
  head,
  okay,
  type ScriptedServer,
  scriptedServer,
  TRANSPORTS,
} from "../../../support/http/scripted-server.ts";
import { serve, serveTls } from "../../../support/http/servers.ts";
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

  call(
    request: ApiRequest = GET,
    signal?: AbortSignal,
    timeouts: Partial<HttpTimeouts> = {},
  ): Promise<ApiAnswer> {
    return this.http.send({ ...request, origin: this.#origin }, { signal, timeouts });
  }

  /** What a call fails with. */
  async failure(request?: ApiRequest, signal?: AbortSignal): Promise<unknown> {
    return await outcomeOf(this.call(request, signal));
  }
}

describe.each(TRANSPORTS)("a call over %s", (transport) => {
  it.each([200, 204, 302, 404, 412, 429, 503])("is answered by %i: status, headers, body", async (status) => {
    const body = status === 204 ? "" : `{"said":${status}}`;
    const headers = `x-generation: 7\r\ncontent-length: ${body.length}\r\n`;
    const server = await scriptedServer(transport, (connection) =>
      connection.send(head(headers, `${status} So It Is`), body),
    );
    const answer = await new Client(server).call();
    expect(answer).toMatchObject({ status, headers: { "x-generation": "7" } });
    expect(answer.body.toString()).toBe(body);
    expect(server.requests).toEqual(["/asked"]);
  });

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
        message: `${server.url.host} answered with more than ${formatCount(LIMIT)} bytes`,
        retryable: false,
      });
      await server.connections[0]?.closed;
    },
  );

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

  it.each([
    ["the client may take", { objectMs: 1000 }, {}],
    ["it may take itself", { objectMs: 1 }, { objectMs: 1000 }],
  ])("whose answer takes longer than %s ends, and not before", async (_whose, ofClient, itsOwn) => {
    const clock = stoppedClock();
    const server = await scriptedServer(transport);
    const call = outcomeOf(new Client(server, ofClient).call(GET, undefined, itsOwn));
    const connection = await server.connection();
    await connection.request();
    connection.send(head("content-length: 10\r\n"));
    clock.goOn(1000);
    // Until the time is checked.
    await new Promise((resume) => setTimeout(resume, 300));
    expect(inspect(call)).toContain("<pending>");
    clock.goOn(1);
    expect(await call).toMatchObject({
      message: `${server.url.host} took longer than 1 s for one object`,
      retryable: true,
    });
    await connection.closed;
  });
});

describe("what is asked", () => {
  it("goes out as it is told: method, path and query, headers, and the body in one piece", async () => {
    const url = await serve(async (request, response) => {
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, headers, body: await text(request) }));
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
    const lengths: unknown[] = [];
    const url = await serve(async (request, response) => {
      const { remotePort } = request.socket;
      if (request.method === "POST") lengths.push(request.headers["content-length"]);
      if (request.method === "POST" && ports.has(remotePort)) request.socket.resetAndDestroy();
      else request.pipe(response);
      ports.add(remotePort);
    });
    const client = new Client({ url });
    await client.call();
    const body = [Buffer.alloc(100_000, "one"), Buffer.from("two")];
    const answer = await client.call({ method: "POST", path: "/upload", headers: [], body });
    expect(answer.body.equals(Buffer.concat(body))).toBe(true);
    expect(lengths).toEqual(["100003", "100003"]);
    expect(ports.size).toBe(2);
  });

  it("is sent no further once it is answered: its memory is another's by then", async () => {
    const [sockets, server] = [clientSockets(), await scriptedServer("plain")];
    const client = new Client(server);
    const call = client.call({ method: "PUT", path: "/large", headers: [], body: [Buffer.from("bytes")] });
    const connection = await server.connection();
    await connection.request();
    // As where the system has not taken the last of it yet.
    Object.defineProperty(sockets[0], "writableLength", { value: 1 });
    connection.send(okay("enough"));
    expect((await call).body.toString()).toBe("enough");
    const next = client.call();
    (await server.connection()).send(okay("on a new one"));
    expect((await next).body.toString()).toBe("on a new one");
  });

  it("leaves its connection to the next, where TLS has all of the body and the network has not", async () => {
    let connections = 0;
    const url = await serveTls(
      LOCALHOST,
      (request, response) => {
        response.end("early");
        request.resume();
      },
      () => connections++,
    );
    const client = new Client({ url });
    await client.call({ method: "PUT", path: "/large", headers: [], body: [Buffer.alloc(1 << 23)] });
    await client.call();
    expect(connections).toBe(1);
  });

  it("does not, where TLS was still to read the body behind an earlier one", async () => {
    const [sockets, server] = [clientSockets(), await scriptedServer("TLS")];
    const client = new Client(server);
    const upload: ApiRequest = { method: "PUT", path: "/large", headers: [], body: [Buffer.from("bytes")] };
    const first = client.call(upload);
    const connection = await server.connection();
    await connection.request();
    Object.defineProperty(sockets[0], "writableLength", { value: 1 });
    connection.send(okay("first"));
    await first;
    const second = client.call(upload);
    await connection.request();
    connection.send(okay("second"));
    await second;
    const next = client.call();
    (await server.connection()).send(okay("on a new one"));
    expect((await next).body.toString()).toBe("on a new one");
  });
});
