/** Nothing of Node's own warnings reaches the terminal, except in our words what an operator must know. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../../support/cli.ts";
import { closedPlace, serveRaw } from "../../support/http/servers.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { memoryDirectory, temporaryDirectory } from "../../support/places/directory.ts";

const { vkey } = testLog({ size: 1 });
const verify = (log: string) => ["verify", log, "--vkey", vkey, "--retries", "0"];

test("that no certificate is checked is said in our words, once", async () => {
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  const { stderr } = await runCli(verify(`https://${await closedPlace()}/`), { env });
  const lines = stderr.trimEnd().split("\n");
  expect(lines[0]).toMatch(/^\S+ WARN {2}NODE_TLS_REJECT_UNAUTHORIZED=0 is set: no certificate is checked/);
  expect(lines[1]).toMatch(/refused the connection/);
  expect(lines).toHaveLength(2);
});

test("that there is no metadata server of Google's is a part of the failure, and no warning", async () => {
  const { host } = await serveRaw((socket) => void socket.on("data", () => socket.destroy()));
  const home = memoryDirectory();
  const none = ["STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"];
  const env = {
    ...Object.fromEntries([...none, "METADATA_SERVER_DETECTION"].map((name) => [name, undefined])),
    HOME: home,
    CLOUDSDK_CONFIG: home,
    GCE_METADATA_HOST: host,
  };
  const { stderr } = await runCli(verify("gs://bucket/log"), { env });
  expect(stderr).toMatch(/^tlog-migrate: .*Google Cloud credentials.*\n$/);
});

test("what Node warns of on its own is shown with TLOG_MIGRATE_DEBUG=1 alone", () => {
  const directory = temporaryDirectory();
  const warning = join(directory, "warning.cjs");
  writeFileSync(warning, "process.emitWarning('of a library', 'LibraryWarning');");
  const start = join(import.meta.dirname, "../../../cmd/start.cjs");
  const stderrOf = (debug: string) =>
    spawnSync(process.execPath, ["--require", warning, start, "--version"], {
      encoding: "utf8",
      env: { ...process.env, NODE_NO_WARNINGS: undefined, TLOG_MIGRATE_DEBUG: debug },
    }).stderr;
  expect(stderrOf("0")).toBe("");
  expect(stderrOf("1")).toContain("LibraryWarning: of a library");
});
