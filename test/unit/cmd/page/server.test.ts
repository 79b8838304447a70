/** The server of a run in this process: its rules, and clients that are slow or many. */

import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { RunMetrics } from "../../../../cmd/metrics/metrics.ts";
import { MAX_CLIENTS } from "../../../../cmd/page/event-stream.ts";
import { RunStatus } from "../../../../cmd/page/run-status.ts";
import { serveRun } from "../../../../cmd/page/server.ts";
import { Progress } from "../../../../lib/index.ts";
import { crawlPage } from "../../../support/watched-run.ts";

async function servedRun(host = "127.0.0.1") {
  const progress = new Progress();
  const status = new RunStatus(progress, { command: "copy", source: "/old", target: "/new" });
  const metrics = new RunMetrics(progress, { command: "copy", place: "/new" });
  const server = await serveRun(status, metrics, { host, port: 0 });
  onTestFinished(() => server.close());
  return { progress, status, server, url: new URL(server.url) };
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function ask(url: URL, path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(new URL(path, url), { method, headers, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    asking.on("error", reject).end();
  });
}

/** Listens to the events of a run, and reads of them what `take` says. */
async function listen(url: URL): Promise<Socket> {
  const socket = connect(Number(url.port), url.hostname);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {}).write(`GET /events HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`);
  await new Promise((answered) => socket.once("readable", answered));
  return socket;
}

test("every answer forbids what it does not need", async () => {
  const { url } = await servedRun();
  for (const [path, status] of [
    ["/", 200],
    ["/page/client/page.js", 200],
    ["/status.json", 200],
    ["/metrics", 200],
    ["/healthz", 200],
    ["/readyz", 503],
    ["/nothing", 404],
    ["/__proto__", 404],
  ] as const) {
    const answer = await ask(url, path);
    expect([path, answer.status]).toEqual([path, status]);
    expect(answer.headers).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": expect.stringMatching(/^default-src 'none'; script-src 'self';/),
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
    expect(answer.headers["content-security-policy"]).not.toMatch(/unsafe|\*|http/);
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
  }
});

test("the page is served with all that it loads, and in no language that browsers lack", async () => {
  const { url } = await servedRun();
  const found = await crawlPage(url);
  const loaded = [
    "/page.css",
    "/icon.svg",
    "/uplot.css",
    "/uplot.js",
    "/page/client/feed.js",
    "/report/units.js",
  ];
  expect([...found.keys()]).toEqual(expect.arrayContaining(loaded));
  for (const [path, text] of found) {
    expect(text, path).not.toMatch(
      /\.ts"|^import type|https?:\/\/(?!www\.w3\.org\/2000\/svg|[\w./-]*leeoniya)/m,
    );
  }
  // What the policy forbids: nothing is inline.
  expect(found.get("/")).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?! src=)/);
});

test("HEAD is answered like GET, without a body, and other methods are refused", async () => {
  const { url } = await servedRun();
  const got = await ask(url, "/healthz");
  const head = await ask(url, "/healthz", {}, "HEAD");
  expect(head).toMatchObject({ status: 200, body: "" });
  expect(head.headers["content-length"]).toBe(got.headers["content-length"]);
  expect(await ask(url, "/healthz", {}, "POST")).toMatchObject({
    status: 405,
    headers: { allow: "GET, HEAD" },
  });
});

test("a foreign host is refused on a loopback address, and on no other", async () => {
  const { url } = await servedRun();
  for (const path of ["/", "/status.json", "/metrics", "/events", "/healthz"]) {
    expect((await ask(url, path, { host: "evil.example" })).status).toBe(421);
    expect((await ask(url, path, { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" })).status).toBe(
      403,
    );
  }
  const { url: open } = await servedRun("0.0.0.0");
  expect((await ask(open, "/healthz", { host: "mover.example" })).status).toBe(200);
});

test("so many may listen at the same time, and one more when one has gone", async () => {
  const { url } = await servedRun();
  const listeners = await Promise.all(Array.from({ length: MAX_CLIENTS }, () => listen(url)));
  expect((await ask(url, "/events")).status).toBe(503);
  expect((await ask(url, "/status.json")).status).toBe(200);
  listeners[0]?.destroy();
  await vi.waitUntil(async () => {
    const socket = await listen(url);
    const isHeard = `${socket.read()}`.startsWith("HTTP/1.1 200");
    if (!isHeard) socket.destroy();
    return isHeard;
  });
});

test("the server ends with the run, after those who listen have its last state", async () => {
  const { url, status, server } = await servedRun();
  const [reader, sleeper] = [await listen(url), await listen(url)];
  let read = "";
  reader.on("data", (chunk) => {
    read += chunk;
  });
  status.ended({ exitCode: 3, text: "what happened" });
  await server.close();
  await vi.waitUntil(() => reader.readableEnded || reader.destroyed);
  expect(read).toContain('"outcome":{"exitCode":3,"text":"what happened"}');
  sleeper.destroy();
  await expect(ask(url, "/healthz")).rejects.toThrow(/ECONNREFUSED/);
});
