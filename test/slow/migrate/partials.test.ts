/** A partial tile or bundle that a source has no more, in whichever words it says so, is taken from the full one. */

import { describe, expect, test } from "vitest";
import { OperationError, VerificationError } from "../../../lib/errors.ts";
import { verifyLog } from "../../../lib/index.ts";
import { Progress } from "../../../lib/migrate/report/progress.ts";
import {
  type Interceptor,
  type LogServer,
  startLogServer,
} from "../../support/http/misbehaving-log-server.ts";
import { answerWith, flippedBit, notFound } from "../../support/http/tampering.ts";
import { testLog } from "../../support/logs/generated-log.ts";
import {
  expectFailure,
  FAST_RETRY,
  failureOf,
  migrateLog,
  migrationOptions,
} from "../../support/migration.ts";
import { differences, memoryDirectory, writeFiles } from "../../support/places/directory.ts";

const SIZE = 256 + 44;
const PARTIALS = ["tile/0/001.p/44", "tile/entries/001.p/44"];
const isPartial = (path: string): boolean => PARTIALS.includes(path);

const PAGE = Buffer.from("<!DOCTYPE html>\n<title>Nothing here</title>");

const status =
  (code: number, headers: Record<string, string> = {}): Interceptor =>
  (_request, response) => {
    response.writeHead(code, headers).end(code === 204 ? undefined : PAGE);
  };

const ANSWERS: Record<string, Interceptor> = {
  "404": notFound,
  "410": status(410),
  "403": status(403),
  "401": status(401),
  "204": status(204),
  "a web page": answerWith(PAGE, { "content-type": "text/html" }),
  "a large web page": answerWith(Buffer.concat([PAGE, Buffer.alloc(1 << 23, " ")]), {
    "content-type": "text/html",
  }),
  "nothing at all": answerWith(Buffer.of()),
  "a web page in an encoding that is not known": answerWith(PAGE, { "content-encoding": "deflate" }),
  "a redirect to a web page": status(302, { location: "/missing.html" }),
  "a redirect to nothing": status(301, { location: "/nothing" }),
  "a redirect that is none": status(302, { location: "ftp://127.0.0.1/" }),
  "a redirect in a circle": ({ path }, response) =>
    void response.writeHead(302, { location: `/${path}` }).end(),
};

/** A server of a log that has grown since its checkpoint. */
async function startGrown(format: "tiles" | "static-ct" = "tiles") {
  const larger = testLog({ size: 512, format });
  const log = larger.atSize(SIZE);
  const server = await startLogServer(new Map([...larger.objects, ...log.objects]));
  server.intercept("missing.html", answerWith(PAGE));
  return { log, server };
}

describe("in the place of a partial object", () => {
  test.each(Object.entries(ANSWERS))("%s leads to the full one", async (_, answer) => {
    const { log, server } = await startGrown();
    server.intercept(isPartial, answer);
    const target = memoryDirectory();
    await migrateLog(log, server, target);
    expect(differences(target, log)).toEqual([]);
  });

  test.each(["403", "204", "a web page"])("%s is reported where there is no full one", async (what) => {
    const { log, server } = await startGrown();
    server.intercept(isPartial, ANSWERS[what] ?? notFound);
    const alone = messageOf(
      await failureOf(migrateLog(log, withoutFull(server, notFound), memoryDirectory())),
    );
    expect(alone).toContain(PARTIALS[0]);
    withoutFull(server, status(451));
    const both = messageOf(await failureOf(migrateLog(log, server, memoryDirectory())));
    expect(both).toBe(alone);
  });
});

function withoutFull(server: LogServer, answer: Interceptor): LogServer {
  server.intercept((path) => ["tile/0/001", "tile/entries/001"].includes(path), answer);
  return server;
}

function messageOf(error: unknown): string {
  expect(error instanceof OperationError || error instanceof VerificationError).toBe(true);
  return (error as Error).message;
}

test("a server that is too busy for a partial object is asked for that one again", async () => {
  const { log, server } = await startGrown();
  let refused = 0;
  server.intercept(isPartial, (request, response, next) => {
    return refused++ < 4 ? status(503)(request, response, next) : next();
  });
  await migrateLog(log, server, memoryDirectory(), {
    retry: { ...FAST_RETRY, attempts: 9 },
  });
  for (const path of ["tile/0/001", "tile/entries/001"]) expect(server.requestCount(path)).toBe(0);
});

describe.each(["tiles", "static-ct"] as const)("a partial object of %s that is not the log's", (format) => {
  const partials = ["tile/0/001.p/44", `tile/${format === "tiles" ? "entries" : "data"}/001.p/44`];

  test.each(partials)("is taken from the full one, which is reported: %s", async (path) => {
    const { log, server } = await startGrown(format);
    const bad = flippedBit(log.object(path), 20);
    server.intercept(path, answerWith(bad));
    const target = memoryDirectory();
    const progress = new Progress();
    const reasons: string[] = [];
    progress.onRetry = ({ reason }) => void reasons.push(reason);
    await migrateLog(log, server, target, { progress });
    expect(differences(target, log)).toEqual([]);
    expect(reasons).toContainEqual(expect.stringMatching(/; taken from the full one$/));
  });

  test("is taken from the full one in a directory too, where nothing is read twice", async () => {
    const larger = testLog({ size: 512, format });
    const log = larger.atSize(SIZE);
    const source = memoryDirectory();
    const bad = partials.map((path) => [path, flippedBit(log.object(path), 20)] as const);
    writeFiles(source, new Map([...larger.objects, ...log.objects, ...bad]));
    const target = memoryDirectory();
    await migrateLog(log, { url: source }, target);
    expect(differences(target, log)).toEqual([]);
  });

  test("is a fault where the full one is not the log's either, and to who verifies", async () => {
    const { log, server } = await startGrown(format);
    const [, path = ""] = partials;
    server.intercept(path, answerWith(flippedBit(log.object(path), 20)));
    const options = { ...migrationOptions(log, server.url, ""), log: server.url };
    expect((await verifyLog(options)).findings.map((finding) => finding.path)).toEqual([path]);
    const full = path.replace(".p/44", "");
    server.intercept(full, answerWith(flippedBit(server.objects.get(full) ?? Buffer.of(), 20)));
    await expectFailure(migrateLog(log, server, memoryDirectory()), VerificationError, path);
  });
});
