/**
 * nginx as the server of a log directory: what logs are served with in earnest, and it costs the machine least.
 * Run directly, this file guards one nginx, which ends with it:
 *
 *     node bench/servers/nginx.ts DIR [--gzip] [--tls-cert FILE --tls-key FILE]
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { announce, END_SIGNALS, startOwnProcess } from "./own-process.ts";
import type { RunningServer } from "./static.ts";
import type { TlsFiles } from "./tls.ts";

export interface NginxOptions {
  /**
   * Bundles and data tiles are stored gzip-compressed (`generateLog` with `gzip`), and go out as they are with
   * Content-Encoding: gzip. Nothing is compressed here.
   */
  readonly gzip?: boolean;
  /** Serve https with this certificate. */
  readonly tls?: Pick<TlsFiles, "certFile" | "keyFile"> | undefined;
}

export interface RunningNginx extends RunningServer {
  /** "1.22.1". */
  readonly version: string;
}

/** Tries to find a port that nobody takes before nginx does. */
const MAX_TRIES = 5;
/** nginx listens within milliseconds, or not at all. */
const START_MS = 10_000;

/**
 * Serves a directory with nginx, which ends with this process at the latest. `pid` is nginx's own: it runs as
 * one process.
 * @returns undefined where there is no nginx.
 */
export async function startNginx(
  directory: string,
  { gzip = false, tls }: NginxOptions = {},
): Promise<RunningNginx | undefined> {
  if (findNginx() === undefined) return undefined;
  const args = [resolve(directory)];
  if (gzip) args.push("--gzip");
  if (tls !== undefined)
    args.push(`--tls-cert=${resolve(tls.certFile)}`, `--tls-key=${resolve(tls.keyFile)}`);
  return await startOwnProcess<{ url: string; pid: number; version: string }>(import.meta.filename, args);
}

/** The program, undefined if there is none. Users other than root often lack its directory in their PATH. */
function findNginx(): string | undefined {
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return directories.map((directory) => join(directory, "nginx")).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * One process without a master serves alone. Measured with wrk on two cores, 32 connections, files in memory:
 * it and a master with one worker send 14,400 objects of 256 KiB a second and 65,000 of 26 KiB; two workers send
 * as many large ones and 50,000 small ones, for more CPU time each, since the client works for a whole core.
 *
 * No open_file_cache: it saves 2 of 16 µs of a 26 KiB object that was asked for before, but a log has more
 * objects than a process may have files open, and a copy asks for each of them once.
 */
function configuration(port: number, gzip: boolean, tls: boolean): string {
  const tlsLines = "ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;";
  const gzipLocations = ["data", "entries"].map(
    (kind) => `location /tile/${kind}/ { add_header Content-Encoding gzip; }`,
  );
  return `
    daemon off;
    master_process off;
    pid nginx.pid;
    error_log stderr crit;
    events { worker_connections 1000; }
    http {
      client_body_temp_path temporary;
      proxy_temp_path temporary;
      fastcgi_temp_path temporary;
      uwsgi_temp_path temporary;
      scgi_temp_path temporary;
      access_log off;
      log_not_found off;
      types {}
      default_type application/octet-stream;
      etag off;
      if_modified_since off;
      sendfile on;
      tcp_nopush on;
      keepalive_requests 1000000000;
      keepalive_timeout 1h;
      server {
        listen 127.0.0.1:${port}${tls ? " ssl" : ""};
        root log;
        ${tls ? tlsLines : ""}
        ${gzip ? gzipLocations.join("\n") : ""}
      }
    }`;
}

/** Starts nginx on a free port. @returns once it listens. */
async function launch(
  nginx: string,
  prefix: string,
  configure: (port: number) => string,
): Promise<Listening> {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    fs.writeFileSync(join(prefix, "nginx.conf"), configure(port));
    const child = spawn(nginx, ["-p", prefix, "-c", "nginx.conf", "-e", "stderr"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    process.on("exit", () => void child.kill("SIGKILL"));
    if (await isListening(child, join(prefix, "nginx.pid"))) return { child, port };
    if (tries === MAX_TRIES) throw new Error("nginx did not start");
  }
}

interface Listening {
  readonly child: ChildProcess;
  readonly port: number;
}

/** Waits for the file that nginx writes once it listens; false if it ends before. */
async function isListening(child: ChildProcess, pidFile: string): Promise<boolean> {
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(5)) {
    if (child.exitCode !== null || child.signalCode !== null) return false;
    if (fs.statSync(pidFile, { throwIfNoEntry: false })?.size) return true;
  }
  return false;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function versionOf(nginx: string): string {
  const { stderr } = spawnSync(nginx, ["-v"], { encoding: "utf8" });
  return /nginx\/([\d.]+)/.exec(stderr)?.[1] ?? "unknown";
}

/** Names of files in a configuration would have to be quoted; links to them need not. */
function newPrefix(links: Readonly<Record<string, string | undefined>>): string {
  const prefix = fs.mkdtempSync(join(tmpdir(), "tlog-migrate-nginx-"));
  process.on("exit", () => fs.rmSync(prefix, { recursive: true, force: true }));
  for (const [name, file] of Object.entries(links)) {
    if (file !== undefined) fs.symlinkSync(fs.realpathSync(file), join(prefix, name));
  }
  return prefix;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      gzip: { type: "boolean", default: false },
      "tls-cert": { type: "string" },
      "tls-key": { type: "string" },
    },
  });
  const [directory] = positionals;
  if (directory === undefined) throw new Error("say which directory to serve");
  const nginx = findNginx();
  if (nginx === undefined) throw new Error("there is no nginx");
  const { "tls-cert": certFile, "tls-key": keyFile } = values;
  const tls = certFile !== undefined && keyFile !== undefined;
  // Until it runs: a process that ends without a word leaves nginx behind, and the links to the log.
  const endEarly = () => process.exit();
  for (const signal of END_SIGNALS) process.on(signal, endEarly);
  const prefix = newPrefix({ log: directory, "cert.pem": certFile, "key.pem": keyFile });
  const { child, port } = await launch(nginx, prefix, (at) => configuration(at, values.gzip, tls));
  child.once("exit", () => process.exit());
  const url = `${tls ? "https" : "http"}://127.0.0.1:${port}`;
  announce({ url, version: versionOf(nginx), pid: child.pid }, () => void child.kill("SIGKILL"));
  for (const signal of END_SIGNALS) process.off(signal, endEarly);
}

if (process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === import.meta.filename) await main();
