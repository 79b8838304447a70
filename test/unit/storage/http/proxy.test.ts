/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY, for sources and for uploads. */

import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { HttpClient } from "../../../../storage/http/client.ts";
import { ANY, outcomeOf } from "../../../support/http/reads.ts";
import { listening, serve, serveRaw, serveTls, sourceAt } from "../../../support/http/servers.ts";
import { LOCALHOST } from "../../../support/http/test-certificates.ts";

const VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [name, name.toLowerCase()]);

beforeEach(() => {
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
  return () => vi.unstubAllEnvs();
});

interface Proxy {
  readonly url: URL;
  /** What it was asked: a method and a target. */
  readonly asked: string[];
  /** The credentials that it was shown. */
  readonly credentials: (string | undefined)[];
}

/** A proxy that passes everything on, by tunnels and by requests for whole URLs. */
async function startProxy({ refuses = false } = {}): Promise<Proxy> {
  const [asked, credentials]: [string[], (string | undefined)[]] = [[], []];
  const note = ({ method, url, headers }: IncomingMessage) => {
    asked.push(`${method} ${url}`);
    credentials.push(headers["proxy-authorization"]);
  };
  const server = createServer((request, response) => {
    note(request);
    const passedOn = httpRequest(request.url ?? "", { method: request.method, headers: request.headers });
    passedOn.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    passedOn.on("error", () => response.destroy());
    request.pipe(passedOn);
  });
  server.on("connect", (request: IncomingMessage, client: Socket) => {
    note(request);
    if (refuses) return void client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const [host, port] = (request.url ?? "").split(":");
    const upstream = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [client, upstream]) socket.on("error", () => {});
  });
  return { url: await listening(server, "http"), asked, credentials };
}

const BODY = Buffer.alloc(300_000, "what the object holds ");

describe("a source", () => {
  it("over http is read through HTTP_PROXY", async () => {
    const proxy = await startProxy();
    const server = await serve((_request, response) => response.end(BODY));
    vi.stubEnv("HTTP_PROXY", proxy.url.href);
    expect(BODY.equals((await sourceAt(server).read("tile/0/000", ANY)) ?? Buffer.of())).toBe(true);
    expect(proxy.asked.join()).toContain(server.host);
  });

  it("over https is read through a tunnel of HTTPS_PROXY, which sees no byte of it", async () => {
    const proxy = await startProxy();
    const server = await serveTls(LOCALHOST, (_request, response) => response.end(BODY));
    vi.stubEnv("HTTPS_PROXY", proxy.url.href);
    const source = sourceAt(server, { tls: { ca: LOCALHOST.cert } });
    for (const path of ["tile/0/000", "tile/0/001"]) {
      expect(BODY.equals((await source.read(path, ANY)) ?? Buffer.of())).toBe(true);
    }
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT ${server.host}`]));
  });

  it("is read directly where NO_PROXY names its host", async () => {
    const proxy = await startProxy();
    const server = await serve((_request, response) => response.end("here"));
    vi.stubEnv("HTTP_PROXY", proxy.url.href);
    vi.stubEnv("NO_PROXY", "log.example,127.0.0.1");
    expect(String(await sourceAt(server).read("checkpoint", ANY))).toBe("here");
    expect(proxy.asked).toEqual([]);
  });

  it("sends the proxy's credentials to the proxy alone", async () => {
    const proxy = await startProxy();
    const seen: (string | undefined)[] = [];
    const server = await serveTls(LOCALHOST, ({ headers }, response) => {
      seen.push(headers["proxy-authorization"], headers.authorization);
      response.end("here");
    });
    vi.stubEnv("HTTPS_PROXY", proxy.url.href.replace("//", "//me:secret@"));
    await sourceAt(server, { tls: { ca: LOCALHOST.cert } }).read("checkpoint", ANY);
    expect(proxy.credentials).toEqual([`Basic ${Buffer.from("me:secret").toString("base64")}`]);
    expect(seen).toEqual([undefined, undefined]);
  });

  it("fails with the status of a proxy that refuses, and shows no credentials", async () => {
    const proxy = await startProxy({ refuses: true });
    vi.stubEnv("HTTPS_PROXY", proxy.url.href.replace("//", "//me:secret@"));
    const server = await serveTls(LOCALHOST, (_request, response) => response.end());
    const failure = await sourceAt(server)
      .read("checkpoint", ANY)
      .catch((error: Error) => error);
    expect(failure).toBeInstanceOf(SourceError);
    expect((failure as SourceError).message).toContain("407");
    expect((failure as SourceError).advice).toContain("check that proxy too");
    expect((failure as Error).message).not.toContain("secret");
  });

  it("is given up in the time to connect where a proxy takes longer to open a tunnel", async () => {
    vi.stubEnv("HTTPS_PROXY", (await serveRaw(() => {})).href);
    const source = sourceAt(new URL("https://127.0.0.1:1/"), { timeouts: { connectMs: 500 } });
    await expect(source.read("checkpoint", ANY)).rejects.toMatchObject({ retryable: true });
  }, 10_000);

  it("that is closed while a request waits says nothing of the proxy", async () => {
    const proxy = await startProxy();
    vi.stubEnv("HTTP_PROXY", proxy.url.href);
    const source = sourceAt(await serve(() => {}), { connections: 1 });
    const reads = ["1", "2"].map((path) => outcomeOf(source.read(path, ANY)));
    await vi.waitUntil(() => proxy.asked.length === 1);
    await source.close();
    const [, waiting] = await Promise.all(reads);
    expect(waiting).toMatchObject({ message: "the source was closed", advice: undefined });
  });

  it("fails with a word about the proxy where there is no connection: it may be the proxy that cannot be reached", async () => {
    vi.stubEnv("HTTP_PROXY", "http://127.0.0.1:1");
    const server = await serve((_request, response) => response.end());
    await expect(sourceAt(server).read("checkpoint", ANY)).rejects.toMatchObject({
      message: `${server.host} refused the connection`,
      advice: expect.stringMatching(/ is up\. HTTPS_PROXY or HTTP_PROXY is set: check that proxy too$/),
    });
  });

  it("does not start with an address that no proxy can have, which it does not show", async () => {
    vi.stubEnv("HTTPS_PROXY", "secret is not an address");
    const read = sourceAt(new URL("https://127.0.0.1:1/")).read("checkpoint", ANY);
    await expect(read).rejects.toThrow("HTTPS_PROXY or HTTP_PROXY: is not the address of a proxy");
    await expect(read).rejects.not.toThrow("secret");
  });
});

it("an upload goes through HTTPS_PROXY too", async () => {
  const proxy = await startProxy();
  let received = 0;
  const server = await serveTls(LOCALHOST, (request, response) => {
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    request.on("end", () => response.end("stored"));
  });
  vi.stubEnv("HTTPS_PROXY", proxy.url.href);
  const client = new HttpClient({ connections: 1, tls: { ca: LOCALHOST.cert } });
  onTestFinished(() => client.close());
  const body = [BODY, BODY];
  const { origin } = server;
  const answer = await client.send({ origin, method: "POST", path: "/upload", headers: [], body });
  expect([answer.status, String(answer.body), received]).toEqual([200, "stored", 2 * BODY.length]);
  expect(proxy.asked).toEqual([`CONNECT ${server.host}`]);
});
