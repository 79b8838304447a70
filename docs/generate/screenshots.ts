/**
 * Writes the pictures of docs/page.md, which are of real runs: of a copy, and of a copy that follows a log that grows. The
 * log is made while it is read. By hand, after a change of the page, with Debian's chromium, fonts-inter and pngquant:
 *
 *     node docs/generate/screenshots.ts
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium, type Page } from "playwright-core";
import type { StatusDocument } from "../../cmd/page/document.ts";
import { EndlessLog } from "../../test/logs/endless.ts";

const PROGRAM = join(import.meta.dirname, "../../cmd/tlog-migrate.ts");
const ENTRY_SIZE = 200;

/** A log that is served, and that refuses some requests now and then. */
async function serveLog(size: number, growthPerSecond = 0) {
  // The right edges of earlier sizes stay for a while, as in any log.
  let logs = [new EndlessLog({ size, entrySize: ENTRY_SIZE })];
  let isBusy = false;
  const server = createServer(({ url = "" }, response) => {
    const bytes = logs.find((log) => log.object(url.slice(1)) !== undefined)?.object(url.slice(1));
    if (isBusy && Math.random() < 0.05) response.writeHead(429).end();
    else if (bytes === undefined) response.writeHead(404).end();
    else response.end(bytes);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const growing = setInterval(() => {
    if (growthPerSecond === 0) return;
    const grown = (logs[0]?.size ?? size) + growthPerSecond;
    logs = [new EndlessLog({ size: grown, entrySize: ENTRY_SIZE }), ...logs.slice(0, 30)];
  }, 1_000);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    vkey: logs[0]?.vkey ?? "",
    setBusy(is: boolean): void {
      isBusy = is;
    },
    close(): void {
      clearInterval(growing);
      server.close().closeAllConnections();
    },
  };
}

/** Where a run is to be watched. */
function watchedAt({ stderr }: ChildProcess): Promise<string> {
  let printed = "";
  return new Promise((found, missed) => {
    stderr?.on("data", (chunk) => {
      printed += chunk;
      const [, url] = /watch this run at (\S+)\n/.exec(printed) ?? [];
      if (url !== undefined) found(url);
    });
    stderr?.on("end", () => missed(new Error(`the run ended:\n${printed}`)));
  });
}

const home = mkdtempSync(join(tmpdir(), "tlog-migrate-"));
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});

async function picture(page: Page, name: string, height?: number): Promise<void> {
  const { width = 0 } = page.viewportSize() ?? {};
  const part = height ? { clip: { x: 0, y: 0, width, height } } : { fullPage: true };
  const png = await page.screenshot({ ...part, timeout: 120_000 });
  const small = execFileSync("pngquant", ["--strip", "--speed", "1", "48", "-"], { input: png });
  writeFileSync(join(import.meta.dirname, "..", name), small);
}

/** Runs a command while `watch` looks at it. */
async function duringRun(args: readonly string[], watch: (url: string) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [PROGRAM, ...args, "--http", "0"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await watch(await watchedAt(child));
  } finally {
    const ended = once(child, "exit");
    if (child.exitCode === null && child.kill()) await ended;
  }
}

/** Waits until a run is as far as that. */
async function until(url: string, isSo: (status: StatusDocument) => boolean): Promise<void> {
  const look = async () => (await (await fetch(new URL("/status.json", url))).json()) as StatusDocument;
  while (!isSo(await look())) await sleep(250);
}

async function opened(
  url: string,
  colorScheme: "light" | "dark",
  width: number,
  height: number,
): Promise<Page> {
  const page = await browser.newPage({ colorScheme, viewport: { width, height }, timezoneId: "UTC" });
  await page.goto(url);
  await sleep(5_000);
  return page;
}

try {
  const large = await serveLog(8_000_000);
  const copy = ["copy", large.url, join(home, "log"), "--vkey", large.vkey, "--rate", "600"];
  await duringRun(copy, async (url) => {
    await until(url, ({ progress: { entriesDone, size } }) => entriesDone > 0.15 * size);
    large.setBusy(true);
    await until(url, ({ requests }) => requests.throttles > 0);
    large.setBusy(false);
    await until(url, ({ progress: { entriesDone, size } }) => entriesDone > 0.4 * size);
    await picture(await opened(url, "light", 1120, 800), "page-copy.png");
    await picture(await opened(url, "dark", 390, 780), "page-phone.png", 780);
  });
  large.close();
  const alive = await serveLog(700_000, 230);
  const follow = ["follow", alive.url, join(home, "followed"), "--vkey", alive.vkey];
  await duringRun(follow, async (url) => {
    await until(url, ({ following }) => following?.caughtUpAt !== undefined);
    await sleep(20_000);
    await picture(await opened(url, "dark", 1120, 800), "page-follow.png", 800);
  });
  alive.close();
} finally {
  await browser.close();
  rmSync(home, { recursive: true, force: true });
}
