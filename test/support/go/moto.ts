/**
 * A second S3 for a test: moto, which answers an empty DeleteObjects as S3 does, and ends the connection with a 412 without
 * having read the object. It checks no signature and no checksum.
 */

import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { MEMORY } from "../places/directory.ts";
import { freePort, type GuardedProcess, startQuietly } from "./guarded.ts";
import { sendToS3 } from "./s3-requests.ts";
import { environmentOf } from "./versitygw.ts";

const STARTED_WITHIN_MS = 60_000;

const PROGRAM = join(import.meta.dirname, "../../interop/bin/moto/bin/moto_server");

export function motoIsInstalled(): boolean {
  return existsSync(PROGRAM);
}

export class Moto implements AsyncDisposable {
  /** What a process gets to see it as S3. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly origin: string;
  readonly #home: string;
  readonly #server: GuardedProcess;
  #named = 0;

  private constructor(home: string, origin: string, server: GuardedProcess) {
    this.#home = home;
    this.origin = origin;
    this.#server = server;
    this.env = { ...environmentOf(origin, home), AWS_SESSION_TOKEN: undefined, AWS_PROFILE: undefined };
  }

  static async start(): Promise<Moto> {
    const home = mkdtempSync(join(MEMORY, "tlog-migrate-moto-"));
    const port = `${await freePort()}`;
    const program = ["sh", "-c", 'exec "$@" 2>"$0"', join(home, "log"), PROGRAM];
    const server = await startQuietly([...program, "-H", "127.0.0.1", "-p", port], { remove: home });
    const moto = new Moto(home, `http://127.0.0.1:${port}`, server);
    for (const deadline = Date.now() + STARTED_WITHIN_MS; Date.now() < deadline; await sleep(50)) {
      const isUp = await fetch(moto.origin).then(
        () => true,
        () => false,
      );
      if (isUp) return moto;
      if (server.isOver) break;
    }
    await moto[Symbol.asyncDispose]();
    throw new Error("moto did not start");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
  }

  async newBucket(): Promise<string> {
    const name = `bucket-${++this.#named}`;
    await sendToS3(this.origin, "PUT", name, "");
    return name;
  }

  async putObject(bucket: string, name: string, bytes: Uint8Array): Promise<void> {
    await sendToS3(this.origin, "PUT", bucket, name, [], Buffer.from(bytes));
  }

  hasObject(bucket: string, name: string): Promise<boolean> {
    return sendToS3(this.origin, "GET", bucket, name).then(
      () => true,
      () => false,
    );
  }

  /** How many requests it has answered so: its line in the log, as `"PUT /bucket/object HTTP/1.1" 412 -`. */
  answers(line: RegExp): number {
    const log = stripVTControlCharacters(readFileSync(join(this.#home, "log"), "utf8"));
    return log.split("\n").filter((each) => line.test(each)).length;
  }
}
