/** `--http`: what a run serves while it lasts, and to whom. */

import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { StatusDocument } from "../../../cmd/page/document.ts";
import { MAX_CONNECTIONS } from "../../../cmd/page/server.ts";
import { runCli, servedLog } from "../../support/cli.ts";
import { sample } from "../../support/metrics.ts";
import { eventsOf, spawnWatched } from "../../support/watched-run.ts";

const SIZE = 20 * 256;

/** A copy that waits for one of its bundles. */
async function heldCopy(...further: readonly string[]) {
  const served = await servedLog(SIZE);
  const held = served.server.hold("tile/entries/003");
  const run = await spawnWatched([...served.args, ...further]);
  await held.reached;
  return { ...served, ...held, ...run };
}

async function statusAt(url: URL): Promise<StatusDocument> {
  return (await (await fetch(new URL("/status.json", url))).json()) as StatusDocument;
}

test.each(["127.0.0.1:0", "[::1]:0"])("a copy serves metrics of run and process at %s", async (at) => {
  const { server, args } = await servedLog(SIZE);
  const { reached, letGo } = server.hold("tile/entries/003");
  const { url, result } = await spawnWatched(args, { at });
  await reached;
  const response = await fetch(new URL("/metrics", url));
  expect(response.headers.get("content-type")).toContain("text/plain; version=0.0.4");
  const text = await response.text();
  expect(sample(text, "tlog_migrate_tree_size")).toBe(SIZE);
  expect(sample(text, "tlog_migrate_requests_in_flight")).toBeGreaterThanOrEqual(1);
  expect(sample(text, 'tlog_migrate_requests_total{status="200"}')).toBeGreaterThan(0);
  expect(sample(text, 'tlog_migrate_phase{phase="copying"}')).toBe(1);
  expect(sample(text, "process_resident_memory_bytes")).toBeGreaterThan(0);
  letGo();
  // The connections that fetch keeps alive do not keep the run from ending.
  expect((await result).code).toBe(0);
});

test("a copy serves its status, and sends its last state to those who listen before it ends", async () => {
  const { url, log, server, target, letGo, result } = await heldCopy();
  const status = await statusAt(url);
  expect(status).toMatchObject({
    version: 1,
    command: "copy",
    source: server.url,
    target,
    origin: log.origin,
    ready: true,
    progress: { phase: "copying", size: SIZE, retries: 0 },
    seals: { seals: 1, sealsPerCell: 1, inWork: [0] },
    notices: [],
  });
  expect(status.progress.entriesDone).toBeLessThan(SIZE);
  expect(status.seals.percent[0]).toBeLessThan(100);
  expect(status.outcome).toBeUndefined();
  const events = eventsOf(await fetch(new URL("/events", url)));
  expect((await events.next()).value).toEqual(["history", { samples: expect.any(Array) }]);
  letGo();
  const states: StatusDocument[] = [];
  for await (const [event, data] of events) if (event === "status") states.push(data as StatusDocument);
  expect(states.at(-1)).toMatchObject({
    progress: { phase: "done", entriesDone: SIZE },
    seals: { percent: [100], inWork: [] },
    outcome: { exitCode: 0, text: expect.stringContaining(target) },
  });
  expect((await result).code).toBe(0);
});

test("a failure is the last state too, with its exit code and words", async () => {
  const { url, server, letGo, result } = await heldCopy();
  server.objects = new Map([...server.objects, ["tile/entries/003", Buffer.from("wrong")]]);
  const events = eventsOf(await fetch(new URL("/events", url)));
  letGo();
  let last: unknown;
  for await (const [, data] of events) last = data;
  const { code, stderr } = await result;
  expect(code).toBe(3);
  const [, text] = /^tlog-migrate: (.*)$/m.exec(stderr) ?? [];
  expect(last).toMatchObject({ outcome: { exitCode: 3, text } });
});

test("health is served at once, readiness once the checkpoint is verified", async () => {
  const { server, args } = await servedLog(SIZE);
  const { reached, letGo } = server.hold("checkpoint");
  const bundle = server.hold("tile/entries/003");
  const { url, result } = await spawnWatched(args);
  await reached;
  const codeAt = async (path: string) => (await fetch(new URL(path, url))).status;
  expect([await codeAt("/healthz"), await codeAt("/readyz")]).toEqual([200, 503]);
  letGo();
  await bundle.reached;
  expect([await codeAt("/healthz"), await codeAt("/readyz"), await codeAt("/no")]).toEqual([200, 200, 404]);
  bundle.letGo();
  await result;
});

test("nothing secret of the command line is served", async () => {
  const { server, log, target } = await servedLog(SIZE);
  const { reached, letGo } = server.hold("tile/entries/003");
  const source = server.url.replace("//", "//user:hunter2@");
  const args = ["copy", source, target, "--vkey", log.vkey, "--header", "x-token: hunter2"];
  const { url, result } = await spawnWatched(args);
  await reached;
  const texts = await Promise.all(
    ["/status.json", "/metrics"].map(async (path) => (await fetch(new URL(path, url))).text()),
  );
  expect(texts[0]).toContain(new URL(server.url).host);
  expect(texts.join("")).not.toContain("hunter2");
  letGo();
  await result;
});

describe("those who watch a copy", () => {
  test("do not take its descriptors", async () => {
    const { server, args } = await servedLog(SIZE);
    const { reached, letGo } = server.hold("tile/entries/003");
    // The program has 30 open files, 16 connections, and on a slow disk all 42 files of this log, until they are durable.
    const { url, result } = await spawnWatched([...args, "--workers", "1"], { before: "ulimit -n 192" });
    await reached;
    const watchers = Array.from({ length: 400 }, () => connect(Number(url.port), url.hostname));
    onTestFinished(() => watchers.forEach((watcher) => void watcher.destroy()));
    let open = watchers.length;
    for (const watcher of watchers)
      watcher
        .on("error", () => {})
        .on("close", () => open--)
        .resume();
    await vi.waitUntil(() => open <= MAX_CONNECTIONS, { timeout: 20_000 });
    letGo();
    expect(await result).toMatchObject({ code: 0, stderr: expect.not.stringContaining("error") });
  });

  test("do not hold it up at its end where they take nothing", async () => {
    const { url, letGo, result } = await heldCopy();
    const asking = request(new URL("/events", url)).end();
    onTestFinished(() => void asking.destroy());
    await new Promise((answered) => asking.once("response", answered));
    // Nobody reads the response.
    letGo();
    expect((await result).code).toBe(0);
  });
});

test("a copy that cannot listen stops before all else, as a usage error", async () => {
  const { server, args } = await servedLog(SIZE);
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await new Promise((listening) => taken.once("listening", listening));
  const { port } = taken.address() as AddressInfo;
  const { code, stderr } = await runCli([...args, "--http", `${port}`]);
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^tlog-migrate: --http 127\.0\.0\.1:\d+: cannot listen there \(address already in use\)[^\n]*\n$/,
  );
  expect(server.requests).toEqual([]);
});
