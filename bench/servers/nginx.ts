/** nginx as the server of a log directory: what logs are really served with, and it costs the machine least. */

import { type ChildProcess, spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, startGuarded } from "../../test/support/go/guarded.ts";
import type { LogServerOptions, RunningServer } from "./own-process.ts";

/** Tries to find a port that nobody takes before nginx does. */
const MAX_TRIES = 5;
/** nginx listens within milliseconds, or not at all. */
const START_MS = 10_000;

/** Serves a directory. @returns undefined if nginx is not installed. */
export async function startNginx(
  directory: string,
  { gzip = false, tls }: LogServerOptions = {},
): Promise<RunningServer | undefined> {
  const nginx = findNginx();
  if (nginx === undefined) return undefined;
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const prefix = fs.mkdtempSync(join(tmpdir(), "tlog-migrate-nginx-"));
    // Names of files in a configuration would have to be quoted; links to them need not.
    const links = { log: directory, "cert.pem": tls?.certFile, "key.pem": tls?.keyFile };
    for (const [name, file] of Object.entries(links)) {
      if (file !== undefined) fs.symlinkSync(fs.realpathSync(file), join(prefix, name));
    }
    fs.writeFileSync(join(prefix, "nginx.conf"), configuration(port, gzip, tls !== undefined));
    const command = [nginx, "-p", prefix, "-c", "nginx.conf", "-e", "stderr"];
    const { shell, close } = startGuarded(command, { remove: prefix });
    const pid = await pidWhenListening(shell, join(prefix, "nginx.pid"));
    const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
    if (pid !== undefined) return { url, pid, kind: `nginx ${versionOf(nginx)}`, close };
    await close();
    if (tries === MAX_TRIES) throw new Error("nginx did not start");
  }
}

/** The program, undefined if there is none. Users other than root often lack its directory in their PATH. */
function findNginx(): string | undefined {
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return directories.map((directory) => join(directory, "nginx")).find((file) => fs.existsSync(file));
}

function versionOf(nginx: string): string {
  const { stderr } = spawnSync(nginx, ["-v"], { encoding: "utf8" });
  return /nginx\/([\d.]+)/.exec(stderr)?.[1] ?? "unknown";
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

/** The pid from the file that nginx writes once it listens; undefined if it ends before. */
async function pidWhenListening(shell: ChildProcess, pidFile: string): Promise<number | undefined> {
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(5)) {
    if (shell.exitCode !== null) return undefined;
    const pid = fs.existsSync(pidFile) ? Number(fs.readFileSync(pidFile, "utf8")) : 0;
    if (pid > 0) return pid;
  }
  return undefined;
}
