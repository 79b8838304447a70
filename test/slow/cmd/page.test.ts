/** The page of a run in a real browser. */

import { connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { RunMetrics } from "../../../cmd/metrics/metrics.ts";
import { MAX_CLIENTS } from "../../../cmd/page/event-stream.ts";
import { RunStatus } from "../../../cmd/page/run-status.ts";
import { serveRun } from "../../../cmd/page/server.ts";
import { Progress } from "../../../lib/index.ts";
import { accessibilityFaults, describeInBrowser, expectText } from "../../support/browser.ts";
import { servedLog } from "../../support/cli.ts";
import { listening } from "../../support/http/servers.ts";
import { spawnWatched } from "../../support/watched-run.ts";

const SEAL = 65_536;

/** A run that is what the test makes of it, and its server. */
async function servedRun(command: "copy" | "follow" | "verify" = "copy") {
  const progress = new Progress();
  progress.origin = "log.example/2026h2";
  progress.startRound(100 * SEAL);
  progress.phase = command === "verify" ? "verifying" : "copying";
  const source = command === "verify" ? undefined : "https://log.example/2026h2/";
  const maxLag = command === "follow" ? 60 : undefined;
  const status = new RunStatus(progress, { command, source, target: "/srv/log", maxLag });
  const metrics = new RunMetrics(progress, { command, place: "/srv/log" });
  const server = await serveRun(status, metrics, { host: "127.0.0.1", port: 0 });
  onTestFinished(() => server.close());
  return { progress, status, server, url: new URL(server.url) };
}

/** All that a page can show. */
function fill({ progress, status }: Awaited<ReturnType<typeof servedRun>>): void {
  for (let seal = 0; seal < 40; seal++) progress.seals.skipped(seal);
  progress.own.add("entries", 30 * SEAL);
  progress.own.add("resumedEntries", 10 * SEAL);
  progress.own.add("bytesStored", 2_345_678_901);
  progress.own.add("retries", 12);
  progress.own.add("throttles", 3);
  for (const [code, times] of [
    [200, 900],
    [429, 12],
    [500, 2],
    [0, 1],
  ] as const) {
    for (let each = 0; each < times; each++) {
      progress.own.requestStarted();
      progress.own.requestEnded(code, 5, 100);
    }
  }
  progress.window = { limit: 32, pause: { status: 429, leftMs: 12_000 } };
  progress.following = {
    newest: 100 * SEAL,
    copied: 99 * SEAL,
    behindSince: performance.now() - 4_000,
    caughtUpAt: Date.now() - 4_000,
    unavailableSince: undefined,
    staleSince: undefined,
    isCutoverPending: true,
  };
  status.notice("The source asks for fewer requests", "warning");
  status.notice("The source has grown to 6,553,600 entries: copying the new ones", "info");
}

/** Stands between a browser and a server, and cuts the cable when the test says so. */
async function cable(to: URL) {
  const sockets = new Set<Socket>();
  let isCut = false;
  let isStalled = false;
  const proxy = createServer((socket) => {
    if (isCut) return socket.destroy();
    if (isStalled) return void sockets.add(socket.on("error", () => {}));
    const onward = connect(Number(to.port), to.hostname);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one);
      one.on("error", () => {}).on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  return {
    url: await listening(proxy, "http"),
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    /** For new connections; those that were stalled stay so. */
    mend() {
      isCut = false;
      isStalled = false;
    },
    /** Nothing comes through any more, and no end either: a laptop that slept, or a network that drops packets. */
    stall() {
      isStalled = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
  };
}

describeInBrowser("the page of a run", (open) => {
  test("shows a copy from its start to its end, and asks nobody else for anything", async () => {
    const { server, target, log, args } = await servedLog(20 * 256);
    const first = server.hold("tile/entries/003");
    const { url, result } = await spawnWatched(args);
    await first.reached;
    const { page, faults } = await open(url);
    await expectText(page, "#connection", "Live");
    await expectText(page, "#origin", log.origin);
    await expectText(page, "#source", server.url);
    await expectText(page, "#target", target);
    await expectText(page, "#phase", /^Copying/);
    await expectText(page, "#map-summary", "0 of 1 sealed, 1 in work");
    await expectText(page, "#statuses", /200\d/);
    // Nothing moves, and the page says why.
    await expectText(page, "#phase", /^Copying: \w/);
    first.letGo();
    await expectText(page, "#connection", "The run has ended");
    await expectText(page, "#outcome", new RegExp(target));
    await expectText(page, "#percent", "100.0%");
    await expectText(page, "#map-summary", "1 of 1 sealed, 0 in work");
    expect(await page.title()).toMatch(/^Done – copy/);
    expect((await result).code).toBe(0);
    expect(faults).toEqual([]);
  });

  test("shows what is new within seconds", async () => {
    const run = await servedRun();
    const { page, faults } = await open(run.url);
    await expectText(page, "#entries", "0 of 6,553,600");
    fill(run);
    await expectText(page, "#entries", "2,621,440 of 6,553,600");
    await expectText(page, "#percent", "40.0%");
    await expectText(page, "#map-summary", "40 of 100 sealed, 0 in work");
    await expectText(page, "#retries", "12");
    await expectText(page, "#throttles", "3");
    await expectText(page, "#pause", /^The source asks for a pause \(429\)/);
    await expectText(page, "#statuses tr:nth-child(2)", "42912");
    await expectText(page, "#statuses tr:last-child", "no answer1");
    await expectText(page, "#notices li:first-child", /The source has grown/);
    await expectText(page, "#notices li:last-child", /Warning: The source asks for fewer requests$/);
    await expectText(page, "#lag", /^65,536 entries, for \d/);
    await expectText(page, "#cutover", "under way");
    const { following } = run.progress;
    if (following !== undefined) run.progress.following = { ...following, published: 99 * SEAL };
    await expectText(page, "#published", "6,488,064 entries");
    await expect.poll(() => page.locator("#cutover").isVisible()).toBe(false);
    expect(faults).toEqual([]);
  });

  test("shows what was before it was opened, in the charts and in the table", async () => {
    const run = await servedRun();
    const start = performance.now();
    for (let second = 0; second < 3; second++) run.status.observe(start + second * 1000);
    fill(run);
    const { page } = await open(run.url);
    await expectText(page, "#entries-now", /^[\d,]+\/s$/);
    await page.click("#numbers summary");
    await expect.poll(() => page.locator("#rows tr").count()).toBeGreaterThan(1);
    expect(await page.locator("#entries-plot canvas").count()).toBe(1);
    // Something is drawn: not all points have one colour.
    const colours = await page.evaluate<number>(`{
      const canvas = document.querySelector("#entries-plot canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      new Set(new Uint32Array(data.buffer)).size;
    }`);
    expect(colours).toBeGreaterThan(3);
  });

  test("finds a connection that was cut again, and what it missed", async () => {
    const run = await servedRun();
    const { url, cut, mend } = await cable(run.url);
    const { page } = await open(url);
    await expectText(page, "#connection", "Live");
    for (const share of [10, 20]) {
      cut();
      await expectText(page, "#connection", "Connection lost, trying again");
      run.progress.own.add("entries", 10 * SEAL);
      mend();
      await expectText(page, "#connection", "Live");
      await expectText(page, "#percent", `${share}.0%`);
    }
  });

  test("makes a connection again that has gone silent", async () => {
    const run = await servedRun();
    const { url, stall, mend } = await cable(run.url);
    const { page } = await open(url);
    await expectText(page, "#connection", "Live");
    stall();
    await expectText(page, "#connection", "Connection lost, trying again");
    mend();
    run.progress.own.add("entries", 10 * SEAL);
    await expectText(page, "#connection", "Live");
    await expectText(page, "#percent", "10.0%");
  });

  test("waits for its turn where too many watch already", async () => {
    const { url } = await servedRun();
    const watchers = Array.from({ length: MAX_CLIENTS }, () => connect(Number(url.port), url.hostname));
    for (const watcher of watchers) {
      onTestFinished(() => void watcher.destroy());
      watcher.on("error", () => {}).write(`GET /events HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`);
      await new Promise((answered) => watcher.once("data", answered));
    }
    const { page } = await open(url);
    await expectText(page, "#connection", "Connection lost, trying again");
    for (const watcher of watchers) watcher.destroy();
    await expectText(page, "#connection", "Live");
  });

  test("finds the run again that was started anew in its place, and is shown its end", async () => {
    const { server, url, progress, status } = await servedRun();
    const { page } = await open(url);
    await expectText(page, "#connection", "Live");
    await server.close();
    await expectText(page, "#connection", "Connection lost, trying again");
    const metrics = new RunMetrics(progress, { command: "copy", place: "/srv/log" });
    const again = await serveRun(status, metrics, { host: "127.0.0.1", port: Number(url.port) });
    onTestFinished(() => again.close());
    await expectText(page, "#connection", "Live");
    status.ended({ exitCode: 3, text: "the log does not match its checkpoint" });
    await again.close();
    await expectText(page, "#outcome", "Exit code 3: the log does not match its checkpoint");
    await expectText(page, "#connection", "The run has ended");
    expect(await page.title()).toMatch(/^Failed/);
  });

  test.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 360],
    ["dark", 360],
  ] as const)("is readable, %s and %i pixels wide", async (colorScheme, width) => {
    const run = await servedRun("follow");
    fill(run);
    run.status.notice("https://".padEnd(400, "x"), "info");
    const { page, faults } = await open(run.url, { colorScheme, viewport: { width, height: 740 } });
    await expectText(page, "#connection", "Live");
    await expectText(page, "#lag-now", /s$/);
    await page.click("#numbers summary");
    const overflow = () => page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
    expect(await overflow()).toBeLessThanOrEqual(0);
    const tooWide =
      "[...document.querySelectorAll('.plot')].filter((plot) => plot.scrollWidth > plot.clientWidth).length";
    await expect.poll(() => page.evaluate<number>(tooWide)).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    const ground = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const [red = 0] = /\d+/.exec(ground)?.map(Number) ?? [];
    expect(red < 128).toBe(colorScheme === "dark");
    run.status.ended({ exitCode: 1, text: "stopped by a failure" });
    await run.server.close();
    await expectText(page, "#outcome", /Exit code 1/);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(faults).toEqual([]);
  });

  test("is used with the keyboard alone: to the run, through the map, to the table", async () => {
    const run = await servedRun("verify");
    fill(run);
    const { page } = await open(run.url);
    await expectText(page, "#map-summary", /^40 of 100 verified/);
    const focused = () =>
      page.evaluate<string>("document.activeElement.id || document.activeElement.className");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("skip");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator("#rows tr").count()).toBeGreaterThan(0);
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("cells");
    const outline = await page.evaluate<string>("getComputedStyle(document.activeElement).outlineStyle");
    expect(outline).toBe("solid");
    const value = () => page.getAttribute("#cells", "aria-valuetext");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await value()).toBe("Seal 1, from entry 65,536: verified");
    await page.keyboard.press("End");
    expect(await value()).toBe("Seal 99, from entry 6,488,064: open");
    await expectText(page, "#map-cell", "Seal 99, from entry 6,488,064: open");
  });

  test("moves nothing for those who asked for that", async () => {
    const run = await servedRun();
    const moving = async (reducedMotion: "reduce" | "no-preference") => {
      const { page } = await open(run.url, { reducedMotion });
      await expectText(page, "#connection", "Live");
      return await page.evaluate<number>("document.getAnimations().length");
    };
    expect([await moving("reduce"), await moving("no-preference")]).toEqual([0, 1]);
  });

  test("groups the seals of a large log, and keeps up with it", async () => {
    const run = await servedRun();
    run.progress.startRound(10 ** 12);
    const { page, faults } = await open(run.url, { viewport: { width: 360, height: 740 } });
    await expectText(page, "#map-summary", "0 of 932 sealed, 0 in work, 16,384 seals a cell");
    run.progress.seals.skipped(0);
    await expectText(page, "#entries", "0 of 1,000,000,000,000");
    await page.hover("#cells .cell:first-child");
    await expectText(page, "#map-cell", "Seals 0 to 16,383, from entry 0: open");
    expect(faults).toEqual([]);
  });

  test("shows what a log or a path says as text", async () => {
    const run = await servedRun();
    const evil = '<img src="/x" onerror="document.title=1"><script>document.title=2</script>';
    run.progress.origin = evil;
    run.status.notice(evil, "warning");
    const { page, faults } = await open(run.url);
    await expectText(page, "#origin", evil);
    await expectText(page, "#notices", new RegExp(evil.replaceAll(/[(){}[\]/.?*+]/g, "\\$&")));
    expect(await page.locator("#origin *, #notices img, #notices script").count()).toBe(0);
    expect(faults).toEqual([]);
  });

  test("is not shown under a name that somebody else made to point here", async () => {
    const { url } = await servedRun();
    const rebound = new URL(`http://rebound.example:${url.port}/`);
    const { page } = await open(rebound);
    expect(await page.textContent("body")).toMatch(/^Only under the name localhost/);
    const read = await page.evaluate(() => fetch("/status.json").then(({ status }) => status));
    expect(read).toBe(421);
  });
});
