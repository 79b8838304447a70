/** versitygw, an S3 that keeps objects as files, in a process of its own. */

import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, type GuardedProcess, startQuietly } from "./guarded.ts";
import { build } from "./programs.ts";

export const KEYS = { accessKeyId: "test", secretAccessKey: "testtest" };

const STARTED_WITHIN_MS = 30_000;

export interface VersitygwOptions {
  /** Where it listens: a port of the loopback, or a socket in its own directory. */
  readonly listens: "port" | "socket";
  /** Whether it writes down the requests that it answers. */
  readonly logs?: boolean;
  /** Serves https with these, in PEM. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

export class Versitygw implements AsyncDisposable {
  /** Host and port, or the name of the socket. */
  readonly address: string;
  readonly home: string;
  readonly #process: GuardedProcess;
  #named = 0;

  private constructor(home: string, address: string, process: GuardedProcess) {
    this.home = home;
    this.address = address;
    this.#process = process;
  }

  static async start({ listens, logs = false, tls }: VersitygwOptions): Promise<Versitygw> {
    const program = await build("versitygw");
    const home = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tlog-migrate-s3-"));
    const [data, metadata] = [join(home, "data"), join(home, "metadata")];
    for (const directory of [data, metadata]) mkdirSync(directory);
    const address = listens === "socket" ? join(home, "socket") : `127.0.0.1:${await freePort()}`;
    // Not every file system has extended attributes.
    const backend = ["posix", "--sidecar", metadata, data];
    const log = logs ? ["--access-log", accessLog(home)] : [];
    const secure = tls === undefined ? [] : ["--cert", tls.certFile, "--key", tls.keyFile];
    const options = ["--port", address, "--keep-alive", "--quiet", ...log, ...secure];
    const env = { ROOT_ACCESS_KEY: KEYS.accessKeyId, ROOT_SECRET_KEY: KEYS.secretAccessKey };
    const process = await startQuietly([program, ...options, ...backend], { env, remove: home });
    const gateway = new Versitygw(home, address, process);
    await gateway.#becomeReady();
    return gateway;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** A new bucket: to versitygw, a directory. */
  newBucket(): string {
    const name = `bucket-${++this.#named}`;
    mkdirSync(this.directoryOf(name));
    return name;
  }

  /** Where the objects of a bucket are files, by their names. */
  directoryOf(bucket: string): string {
    return join(this.home, "data", bucket);
  }

  /** How often each kind of request was answered, by S3's names for them; none unless it was to write them down. */
  requestCounts(): Record<string, number> {
    const counts: Record<string, number> = {};
    if (!existsSync(accessLog(this.home))) return counts;
    // As in S3's own logs, with other words for the operations: those of its API.
    for (const [, action = ""] of readFileSync(accessLog(this.home), "latin1").matchAll(/ s3_(\w+) /g)) {
      counts[action] = (counts[action] ?? 0) + 1;
    }
    return counts;
  }

  /** Waits until it takes connections. @throws Error if it does not, and ends it. */
  async #becomeReady(): Promise<void> {
    const [host = "", port] = this.address.split(":");
    const place = port === undefined ? { path: host } : { host, port: Number(port) };
    for (const deadline = Date.now() + STARTED_WITHIN_MS; Date.now() < deadline; await sleep(20)) {
      const socket = connect(place);
      const isUp = await once(socket, "connect").then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (isUp) return;
      if (this.#process.isOver) break;
    }
    await this[Symbol.asyncDispose]();
    throw new Error("versitygw did not start");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.close();
  }
}

/**
 * What a process gets to see an S3 at this address as AWS's, and nothing of the machine that it runs on.
 * @param home a directory without files of AWS's tools.
 */
export function environmentOf(origin: string, home: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: origin,
    AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    AWS_REGION: "us-east-1",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CA_BUNDLE: "",
    AWS_CONFIG_FILE: join(home, "no-config"),
    AWS_SHARED_CREDENTIALS_FILE: join(home, "no-credentials"),
  };
}

function accessLog(home: string): string {
  return join(home, "requests");
}
