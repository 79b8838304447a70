/** Whatever is done with an address, and whatever is wrong with it, what is secret in it is nowhere to be seen. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../support/cli.ts";
import { runHere } from "../../support/cli-here.ts";
import { stubEnvironment } from "../../support/environment.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { closedPlace } from "../../support/http/servers.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { temporaryDirectory } from "../../support/places/directory.ts";
import { ADDRESSES_WITH_SECRETS, PRIVATE_KEYS, SECRET } from "../../support/secrets.ts";

const log = testLog({ size: 300 });
const trust = ["--vkey", log.vkey, "--retries", "0"];

/** Where nobody listens: an address that is good leads there. */
let nowhere = "";

beforeAll(async () => {
  nowhere = await closedPlace();
});

/** All that a command line prints before it fails, as it must; with the stack of what can only be a bug. */
async function printedBy(args: readonly string[]): Promise<string> {
  stubEnvironment({ TLOG_MIGRATE_DEBUG: "1" });
  const { code, stdout, stderr } = await runHere(args);
  expect(code).not.toBe(0);
  return stdout + stderr;
}

const OTHER = ["/nowhere/log", "/nowhere/target"] as const;

const STAGES: readonly [what: string, args: (address: string, directory: string) => readonly string[]][] = [
  ["a source", (address, directory) => ["copy", address, join(directory, "t"), ...trust]],
  ["a target", (address) => ["copy", OTHER[0], address, ...trust]],
  ["a mirror", (address) => ["copy", OTHER[0], address, ...trust, "--no-tree-state"]],
  ["a target to abandon", (address) => ["abandon", address]],
  ["a log to verify", (address) => ["verify", address, ...trust]],
  ["a log without a key", (address) => ["verify", address]],
  ["a command", (address) => [address, ...OTHER]],
  ["one argument too many", (address) => ["copy", ...OTHER, address]],
  ["the value of an unknown option", (address) => ["copy", ...OTHER, `--vkye=${address}`]],
  ["--contact", (address) => ["copy", ...OTHER, "--contact", address, "--retries", "x"]],
  ["--http", (address) => ["copy", ...OTHER, `--http=${address}`]],
  ["--workers", (address) => ["copy", ...OTHER, "--workers", address]],
  ["--vkey", (address) => ["copy", ...OTHER, "--vkey", address]],
  ["--ca", (address) => ["copy", ...OTHER, "--ca", address]],
  ["--spanner", (address) => ["copy", OTHER[0], "gs://bucket/log", "--spanner", address, ...trust]],
  ["--mysql", (address) => ["copy", OTHER[0], "gs://bucket/log", "--mysql", address, ...trust]],
  ["--log-list", (address) => ["copy", ...OTHER, "--format", "static-ct", "--log-list", address]],
  ["--metrics-file", (address) => ["copy", ...OTHER, ...trust, "--metrics-file", address]],
  [
    "--public-key",
    (key) => ["verify", OTHER[0], "--format", "static-ct", "--origin", "log.example", "--public-key", key],
  ],
];

/** Spellings that are enough where an address goes through one and the same function. */
const KINDS = ADDRESSES_WITH_SECRETS.filter((_, index) => index % 4 === 0);

describe.each(STAGES)("an address as %s", (what, args) => {
  test.each(/^a (source|target|log)/.test(what) ? ADDRESSES_WITH_SECRETS : KINDS)("%s", async (address) => {
    const place = address.replaceAll("log.example", nowhere);
    const printed = await printedBy(args(place, temporaryDirectory()));
    expect(printed).not.toBe("");
    expect(printed).not.toMatch(SECRET);
    expect(printed).not.toContain("internal error");
  });
});

describe.each(STAGES)("a private key as %s", (what, args) => {
  test.each(PRIVATE_KEYS)("%j", async (key) => {
    // It would be the name of a file, and written.
    const given = what === "--metrics-file" ? join("/nowhere", key) : key;
    const printed = await printedBy(args(given, temporaryDirectory()));
    expect(printed).not.toBe("");
    expect(printed).not.toMatch(SECRET);
    expect(printed).not.toContain("internal error");
  });
});

describe.each(["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "NO_PROXY", "STORAGE_EMULATOR_HOST"])(
  "an address as %s",
  (variable) => {
    test.each(KINDS)("%s", async (address) => {
      const place = address.replaceAll("log.example", nowhere);
      stubEnvironment({ [variable]: place });
      const isOfGoogle = variable === "STORAGE_EMULATOR_HOST";
      const source = isOfGoogle
        ? "gs://bucket/log"
        : `${variable === "HTTPS_PROXY" ? "https" : "http"}://${nowhere}/`;
      const printed = await printedBy(["copy", source, join(temporaryDirectory(), "t"), ...trust]);
      expect(printed).not.toBe("");
      expect(printed).not.toMatch(SECRET);
      expect(printed).not.toContain("internal error");
    });
  },
);

test.each(ADDRESSES_WITH_SECRETS)("an address to which a source redirects: %s", async (address) => {
  const server = await startLogServer(log.objects);
  const location = address.replaceAll("log.example", nowhere);
  server.intercept("checkpoint", (_request, response) => void response.writeHead(302, { location }).end());
  const printed = await printedBy(["copy", server.url, join(temporaryDirectory(), "t"), ...trust]);
  expect(printed).not.toBe("");
  expect(printed).not.toMatch(SECRET);
  expect(printed).not.toContain("internal error");
});

test("a copy shows the credentials and the query of its source in no report, document or metric", async () => {
  const server = await startLogServer(log.objects);
  const query = "?token=hunter2";
  server.intercept(
    (path) => path.endsWith(query),
    ({ path }, response) => {
      const bytes = log.objects.get(path.slice(0, -query.length));
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    },
  );
  const directory = temporaryDirectory();
  const [target, metrics] = [join(directory, "log"), join(directory, "metrics")];
  const source = `${server.url.replace("//", "//user:hunter2@")}/${query}`;
  // Beside it what may be secret elsewhere on the command line, which the report repeats.
  const secrets = ["--header", "x-token: hunter2", "--header=x-token: hunter2"];
  const args = ["copy", source, target, "--vkey", log.vkey, "--metrics-file", metrics, ...secrets];
  for (const further of [["--json"], [], ["--handover", "--settle", "0"], []]) {
    const { code, stdout, stderr } = await runCli([...args, ...further]);
    expect(code).toBe(0);
    expect(stdout + stderr).not.toMatch(SECRET);
    const state = join(target, ".state");
    const documents = [metrics, ...readdirSync(state).map((name) => join(state, name))];
    for (const document of documents) expect(readFileSync(document, "utf8")).not.toMatch(SECRET);
  }
  expect(server.requests.every(({ headers }) => headers.authorization?.startsWith("Basic "))).toBe(true);
});
