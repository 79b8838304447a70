/** The first contact with a source: why it has to be tried again is said, and a wrong port or scheme ends it soon. */

import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OperationError } from "../../../lib/errors.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { serve, serveRaw, serveTls } from "../../support/http/servers.ts";
import { LOCALHOST } from "../../support/http/test-certificates.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import { expectFailure, FAST_RETRY, migrateLog } from "../../support/migration.ts";
import { memoryDirectory } from "../../support/places/directory.ts";

const log = testLog({ size: 300, entrySize: 30 });

/** More patience than any of these may need. */
const retry = { ...FAST_RETRY, attempts: 50 };

/** A place that passes connections on to `port`, and counts them. */
async function counted(port: string) {
  const count = { connections: 0 };
  const { host } = await serveRaw((socket) => {
    count.connections++;
    const upstream: Socket = connect(Number(port), "127.0.0.1");
    upstream.on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
    upstream.on("close", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  return { count, host };
}

const closing = () => serveRaw((socket) => void socket.destroy());
const resetting = () => serveRaw((socket) => void socket.resetAndDestroy());
const chatting = () => serveRaw((socket) => void socket.end("SSH-2.0-OpenSSH_9.9\r\n"));

describe.each<[what: string, scheme: string, start: () => Promise<URL>]>([
  ["http, to a port for TLS", "http", () => serveTls(LOCALHOST, () => {})],
  ["https, to a port for HTTP", "https", () => serve(() => {})],
  ["http, to a server that closes at once", "http", closing],
  ["https, to a server that closes at once", "https", closing],
  ["http, to a server that resets at once", "http", resetting],
  ["https, to a server that resets at once", "https", resetting],
  ["http, to a server of another kind", "http", chatting],
  ["https, to a server of another kind", "https", chatting],
])("%s", (_what, scheme, start) => {
  test("is tried a few times, and it is said why", async () => {
    const { count, host } = await counted((await start()).port);
    const target = join(memoryDirectory(), "target");
    const notices: string[] = [];
    const notice = (line: string) => void notices.push(line);
    await expectFailure(
      migrateLog(log, { url: `${scheme}://${host}` }, target, { retry, notice }),
      OperationError,
      /127\.0\.0\.1.*Check the address/,
    );
    expect(count.connections).toBeLessThanOrEqual(4);
    // A reason that is final at once is the error, and nothing else.
    if (count.connections > 1) expect(notices[0]).toMatch(/\/checkpoint: 127\.0\.0\.1.*; trying again$/);
    expect(existsSync(target)).toBe(false);
  });
});

test("a server that is busy is waited for, and it is said why, once for each reason", async () => {
  const server = await startLogServer(log.objects);
  const answers = [503, 503, 503, 503, 503, 503, 429];
  server.intercept("checkpoint", async (_request, response, next) => {
    const status = answers.shift();
    if (status === undefined) return await next();
    response.writeHead(status, { "content-length": "0" }).end();
  });
  const notices: string[] = [];
  const notice = (line: string) => void notices.push(line);
  const report = await migrateLog(log, server, memoryDirectory(), { retry, notice });
  expect(report).toMatchObject({ outcome: "handed-over" });
  const reasons = notices.filter((line) => line.endsWith("; trying again"));
  expect(reasons).toEqual([
    expect.stringMatching(/\/checkpoint: 127\.0\.0\.1:\d+ answered 503 Service Unavailable;/),
    expect.stringMatching(/answered 429 Too Many Requests;/),
  ]);
});

test("a server that was busy is there: connections that break off then are waited out", async () => {
  const server = await startLogServer(log.objects);
  let asked = 0;
  server.intercept("checkpoint", async (_request, response, next) => {
    if (++asked === 1) response.writeHead(503, { "content-length": "0" }).end();
    else if (asked < 10) response.socket?.resetAndDestroy();
    else await next();
  });
  expect(await migrateLog(log, server, memoryDirectory(), { retry })).toMatchObject({
    outcome: "handed-over",
  });
});
