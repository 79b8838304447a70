import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { startNginx } from "../../../bench/servers/nginx.ts";
import { endlessArguments, startEndless, startNodeServer } from "../../../bench/servers/node-server.ts";
import type { LogServerOptions, RunningServer } from "../../../bench/servers/own-process.ts";
import { writeTlsFiles } from "../../../bench/suites/suite.ts";
import { EndlessLog } from "../../logs/endless.ts";
import { HAND_OVER, runCli } from "../../support/cli.ts";
import { LOCALHOST, OTHER_HOST } from "../../support/http/test-certificates.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import {
  filesBelow,
  logDirectory,
  memoryDirectory,
  temporaryDirectory,
} from "../../support/places/directory.ts";

const MODULES = join(import.meta.dirname, "../../../bench/servers");

const servers: [
  string,
  (directory: string, options?: LogServerOptions) => Promise<RunningServer | undefined>,
][] = [["startNodeServer", startNodeServer]];
const hasNginx = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].some((file) => existsSync(file));
if (hasNginx) servers.push(["startNginx", startNginx]);

async function isReachable({ url }: { readonly url: string }): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** GET over TLS by a client that trusts nothing but this certificate. */
async function getTls(url: string, ca: string): Promise<Buffer> {
  const [response] = await once(request(url, { ca }).end(), "response");
  return await buffer(response);
}

describe.each(servers)("%s", (name, start) => {
  async function started(directory: string, options?: LogServerOptions): Promise<RunningServer> {
    const server = (await start(directory, options)) as RunningServer;
    onTestFinished(() => server.close());
    return server;
  }

  test("serves every object of a log, and 404 for what it lacks", async () => {
    const log = testLog({ size: 600 });
    const { url } = await started(logDirectory(log));
    for (const [path, bytes] of log.objects) {
      const response = await fetch(`${url}/${path}`);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes), path).toBe(true);
    }
    expect((await fetch(`${url}/tile/0/777`)).status).toBe(404);
    const head = await fetch(`${url}/tile/0/000`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(256 * 32));
  });

  test("sends bundles that are stored compressed with their encoding, tiles without", async () => {
    const log = testLog({ size: 300, format: "static-ct", gzip: true });
    const { url } = await started(logDirectory(log), { gzip: true });
    const bundle = await fetch(`${url}/tile/data/000`);
    expect(bundle.headers.get("content-encoding")).toBe("gzip");
    expect(Number(bundle.headers.get("content-length"))).toBe(log.object("tile/data/000").length);
    const decoded = Buffer.from(await bundle.arrayBuffer());
    expect(decoded.equals(gunzipSync(log.object("tile/data/000")))).toBe(true);
    expect((await fetch(`${url}/tile/0/000`)).headers.get("content-encoding")).toBeNull();
  });

  test("serves over TLS, to clients that trust its certificate", async () => {
    const log = testLog({ size: 300 });
    const { url } = await started(logDirectory(log), { tls: writeTlsFiles(temporaryDirectory()) });
    expect((await getTls(`${url}/tile/0/000`, LOCALHOST.cert)).equals(log.object("tile/0/000"))).toBe(true);
    await expect(getTls(`${url}/tile/0/000`, OTHER_HOST.cert)).rejects.toThrow();
  });

  test("does not listen once it is closed", async () => {
    const server = await started(logDirectory(testLog({ size: 1 })));
    expect(await isReachable(server)).toBe(true);
    await server.close();
    expect(await isReachable(server)).toBe(false);
  });

  test.each([
    ["that was killed", "SIGKILL", 1],
    ["whose terminal was closed", "SIGHUP", -1],
  ] as const)("does not outlive a parent %s, and leaves nothing behind", async (_how, signal, whom) => {
    const temporary = temporaryDirectory();
    const module = join(MODULES, name === "startNginx" ? "nginx.ts" : "node-server.ts");
    const program = `
      const { ${name} } = await import(${JSON.stringify(module)});
      console.log(JSON.stringify(await ${name}(${JSON.stringify(logDirectory(testLog({ size: 1 })))})));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env: { ...process.env, TMPDIR: temporary },
      // A group of its own, all of which gets the signal of its terminal.
      detached: true,
    });
    onTestFinished(() => void parent.kill("SIGKILL"));
    const [line] = await once(parent.stdout, "data");
    const server: RunningServer = JSON.parse(line);
    expect(server.kind).toMatch(name === "startNginx" ? /^nginx \d/ : /node-server/);
    expect(await isReachable(server)).toBe(true);
    process.kill((parent.pid as number) * whom, signal);
    while (await isReachable(server)) await sleep(20);
    while (filesBelow(temporary).length > 0) await sleep(20);
  });
});

describe("a log that is made while it is read", () => {
  test("is copied and verified like any other", async () => {
    const server = await startEndless(endlessArguments(70_000, 60));
    onTestFinished(() => server.close());
    const { origin, rootHash } = new EndlessLog({ size: 70_000, entrySize: 60 });
    const target = `${memoryDirectory()}/target`;
    const copy = await runCli([
      "copy",
      server.url,
      target,
      "--vkey",
      server.vkey,
      ...HAND_OVER,
      "--json",
      "--quiet",
    ]);
    expect(copy, copy.stderr).toMatchObject({ code: 0 });
    const root = Buffer.from(rootHash).toString("base64");
    expect(JSON.parse(copy.stdout)).toMatchObject({ origin, size: 70_000, rootHash: root });
    const verify = await runCli(["verify", target, "--quiet"]);
    expect(verify, verify.stderr).toMatchObject({ code: 0 });
  });

  test("has the objects of its size, however large it is", async () => {
    const server = await startEndless(endlessArguments(1_000_000_000, 100));
    onTestFinished(() => server.close());
    const last = "tile/entries/x003/x906/249";
    const paths = [last, "tile/entries/x003/x906/250", "tile/2/x000/x000/000", "tile/3/000"];
    const answers = await Promise.all(paths.map((path) => fetch(`${server.url}/${path}`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 404, 404]);
    expect((await (answers[0] as Response).arrayBuffer()).byteLength).toBe(256 * 102);
  });
});
