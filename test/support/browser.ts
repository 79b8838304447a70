/** Pages in a real browser: Debian's chromium, without a window. */

import { existsSync } from "node:fs";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished } from "vitest";

const CHROMIUM = "/usr/bin/chromium";

const missing = `there is no ${CHROMIUM}, of Debian's package chromium`;

/** It asks nobody for anything but the page; as root it has no sandbox, and it shows pages of these tests alone. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A name that somebody else made to point here.
  "--host-resolver-rules=MAP rebound.example 127.0.0.1",
];

export interface OpenedPage {
  readonly page: Page;
  /** What the page complained of, and what it asked of others. */
  readonly faults: readonly string[];
}

export type OpenPage = (url: URL, options?: BrowserContextOptions) => Promise<OpenedPage>;

/**
 * `describe` for tests in a browser, which are skipped, with a line that says so, where there is none, or fail where
 * `TLOG_MIGRATE_REQUIRE_CHROMIUM=1` is set.
 */
export function describeInBrowser(name: string, tests: (open: OpenPage) => void): void {
  const isThere = existsSync(CHROMIUM);
  if (!isThere && process.env.TLOG_MIGRATE_REQUIRE_CHROMIUM === "1") {
    throw new Error(`${missing}, and TLOG_MIGRATE_REQUIRE_CHROMIUM=1 says that the tests must run`);
  }
  if (!isThere) console.warn(`skipped: ${name}: ${missing}`);
  describe.skipIf(!isThere)(name, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
    });
    afterAll(() => browser?.close());
    tests((url, options) => openPage(browser, url, options));
  });
}

async function openPage(
  browser: Browser,
  url: URL,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({ timezoneId: "UTC", locale: "en-US", ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    if (new URL(request.url()).host !== url.host) faults.push(`it asks for ${request.url()}`);
  });
  await page.goto(url.href);
  return { page, faults };
}

/** What axe has to say against the page as it is now, one line each. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // Past the page's own policy, as a developer's tools are.
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => html) }));
  });
  return found.flatMap(({ id, nodes }) => nodes.map((html) => `${id}: ${html}`));
}

/** Waits until an element says what is expected. */
export async function expectText(page: Page, selector: string, words: RegExp | string): Promise<void> {
  const text = () => page.textContent(selector);
  const matches = words instanceof RegExp ? expect.stringMatching(words) : words;
  await expect.poll(text, { timeout: 30_000 }).toEqual(matches);
}
