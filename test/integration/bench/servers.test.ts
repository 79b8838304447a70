import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { type RunningLogServer, startLogServer } from "../../../bench/servers/log-server.ts";
import { type NginxOptions, startNginx } from "../../../bench/servers/nginx.ts";
import { type RunningServer, startServer } from "../../../bench/servers/static.ts";
import { makeTlsFiles, type TlsFiles } from "../../../bench/servers/tls.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { filesBelow } from "../../support/places/directory.ts";
import { temporaryDirectory } from "../../support/places/temp.ts";
import { storedLog } from "../../support/verification.ts";

const NGINX_GUARD = join(import.meta.dirname, "../../../bench/servers/nginx.ts");

const nginx = await startNginx(import.meta.dirname);
await nginx?.close();

const servers: [string, (directory: string, options?: NginxOptions) => Promise<RunningServer | undefined>][] =
  [["bench/servers/static.ts", startServer]];
if (nginx !== undefined) servers.push(["nginx", startNginx]);

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

/** GET over TLS by a client that trusts nothing but the authority that was made. */
async function getTls(url: string, ca: Buffer | string): Promise<Buffer> {
  const [response] = await once(request(url, { ca }).end(), "response");
  return await buffer(response);
}

describe.each(servers)("%s", (_name, start) => {
  async function started(directory: string, options?: NginxOptions): Promise<RunningServer> {
    const server = (await start(directory, options)) as RunningServer;
    onTestFinished(() => server.close());
    return server;
  }

  test("every object of a log, and 404 for what it lacks", async () => {
    const log = testLog({ size: 600 });
    const { url } = await started(storedLog(log));
    for (const [path, bytes] of log.objects) {
      const response = await fetch(`${url}/${path}`);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes), path).toBe(true);
    }
    expect((await fetch(`${url}/tile/0/777`)).status).toBe(404);
  });

  test("bundles that are stored compressed go out with their encoding, tiles without", async () => {
    const log = testLog({ size: 300, format: "static-ct", gzip: true });
    const { url } = await started(storedLog(log), { gzip: true });
    const bundle = await fetch(`${url}/tile/data/000`);
    expect(bundle.headers.get("content-encoding")).toBe("gzip");
    expect(Number(bundle.headers.get("content-length"))).toBe(log.object("tile/data/000").length);
    const decoded = Buffer.from(await bundle.arrayBuffer());
    expect(decoded.equals(gunzipSync(log.object("tile/data/000")))).toBe(true);
    expect((await fetch(`${url}/tile/0/000`)).headers.get("content-encoding")).toBeNull();
  });

  test("over TLS, to clients that trust the authority", async () => {
    const log = testLog({ size: 300 });
    const tls: TlsFiles = makeTlsFiles(temporaryDirectory());
    const { url } = await started(storedLog(log), { tls });
    const ca = readFileSync(tls.caFile);
    expect((await getTls(`${url}/tile/0/000`, ca)).equals(log.object("tile/0/000"))).toBe(true);
    const other = readFileSync(makeTlsFiles(temporaryDirectory()).caFile);
    await expect(getTls(`${url}/tile/0/000`, other)).rejects.toThrow();
  });

  test("once it is closed nobody listens", async () => {
    const server = await started(storedLog(testLog({ size: 1 })));
    expect(await isReachable(server)).toBe(true);
    await server.close();
    expect(await isReachable(server)).toBe(false);
  });
});

test.each([
  ["that was killed", "SIGKILL", 1],
  ["whose terminal was closed", "SIGHUP", -1],
] as const)(
  "a server does not outlive a parent %s, and leaves nothing behind",
  async (_how, signal, whom) => {
    const temporary = temporaryDirectory();
    const module = join(import.meta.dirname, "../../../bench/servers/log-server.ts");
    const program = `
    const { startLogServer } = await import(${JSON.stringify(module)});
    console.log(JSON.stringify(await startLogServer(${JSON.stringify(storedLog(testLog({ size: 1 })))})));
    setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env: { ...process.env, TMPDIR: temporary },
      // A group of its own, all of which gets the signal of its terminal.
      detached: true,
    });
    onTestFinished(() => void parent.kill("SIGKILL"));
    const [line] = await once(parent.stdout, "data");
    const server: RunningLogServer = JSON.parse(line);
    expect(server.kind).toMatch(/^(nginx\/\d|bench\/server\.ts$)/);
    expect(await isReachable(server)).toBe(true);
    process.kill((parent.pid as number) * whom, signal);
    while (await isReachable(server)) await sleep(20);
    while (filesBelow(temporary).length > 0) await sleep(20);
  },
);

test.runIf(nginx !== undefined).each(["SIGHUP", "SIGTERM"] as const)(
  "nginx ends when its guard gets %s",
  async (signal) => {
    const guard = spawn(process.execPath, [NGINX_GUARD, storedLog(testLog({ size: 1 }))]);
    onTestFinished(() => void guard.kill());
    const [line] = await once(guard.stdout, "data");
    const server: RunningServer = JSON.parse(line);
    guard.kill(signal);
    await once(guard, "exit");
    expect(await isReachable(server)).toBe(false);
  },
);

test("nginx where it is installed, else the server of this repository", async () => {
  const server = await startLogServer(storedLog(testLog({ size: 1 })));
  onTestFinished(() => server.close());
  expect(server.kind).toBe(nginx === undefined ? "bench/servers/static.ts" : `nginx/${nginx.version}`);
});
