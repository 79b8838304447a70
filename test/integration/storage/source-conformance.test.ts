/** Directories, an archive and an HTTP server as sources. */

import fs from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe } from "vitest";
import type { LogFormat } from "../../../lib/tlog/layout.ts";
import { startLogServer } from "../../support/http/misbehaving-log-server.ts";
import { oldObjects } from "../../support/logs/serverless-log.ts";
import { writeMembers } from "../../support/places/archive.ts";
import { deflate, gzip } from "../../support/places/compression.ts";
import { logDirectory, memoryDirectory, writeFiles } from "../../support/places/directory.ts";
import { testGzipSource } from "../../support/places/gzip-source-conformance.ts";
import { testLogSource } from "../../support/places/log-source-conformance.ts";
import { openLog, openObjects } from "../../support/places/open.ts";
import { testSource } from "../../support/places/source-conformance.ts";
import type { GzipSourceKind, NewPlace } from "../../support/places/source-places.ts";
import type { ZipMemberSpec } from "../../support/places/zip.ts";

const FORMATS: readonly LogFormat[] = ["tiles", "static-ct"];

describe.each([
  ["a path", (directory: string) => directory],
  ["a URL", (directory: string) => pathToFileURL(directory).href],
])("a directory named by %s", (_, locationOf) => {
  const newDirectory =
    (format: LogFormat): NewPlace =>
    async (name) => {
      const directory = join(memoryDirectory(), name);
      return {
        format,
        put: (path, bytes) => writeFiles(directory, [[path, bytes]]),
        open: () => openObjects(locationOf(directory)),
      };
    };
  testSource(newDirectory("tiles"));
  describe.each(FORMATS)("with a log of %s", (format) => testLogSource(newDirectory(format), format));
});

describe("a directory of Sunlight's", () => {
  const newDirectory = (format: LogFormat) => async (name: string) => sunlightPlace(format, name);
  testSource(newDirectory("static-ct"));
  testGzipSource(newDirectory("static-ct"));
  describe.each(FORMATS)("with a log of %s", (format) => testLogSource(newDirectory(format), format));
});

function sunlightPlace(format: LogFormat, name: string): GzipSourceKind {
  const directory = join(memoryDirectory(), name);
  const put = (path: string, bytes: Uint8Array) => writeFiles(directory, [[path, bytes]]);
  return {
    format,
    put: (path, bytes) => put(path, /^tile\/(data|entries)\//.test(path) ? gzip(bytes) : bytes),
    putGzipped: put,
    open: () => openObjects(`gzip+${pathToFileURL(directory).href}`),
  };
}

describe.each([
  ["stored", false],
  ["deflated", true],
])("an archive whose members are %s", (_, deflated) => {
  const newArchive =
    (format: LogFormat): NewPlace =>
    async (name) => {
      const directory = join(memoryDirectory(), name);
      const members: ZipMemberSpec[] = [];
      return {
        format,
        put(name, bytes) {
          members.push({ name, bytes, deflated, ...(deflated && { stored: deflate(bytes) }) });
        },
        open() {
          // A log of fewer than 16,777,216 entries is in one zip.
          fs.mkdirSync(directory, { recursive: true });
          if (members.length > 0) writeMembers(directory, 0, members);
          return openObjects(`archive+${pathToFileURL(directory).href}`);
        },
      };
    };
  testSource(newArchive("static-ct"));
  describe.each(FORMATS)("with a log of %s", (format) => testLogSource(newArchive(format), format));
});

interface Serving {
  readonly framing: "announced" | "chunked";
  /** Whether the server compresses what it serves. */
  readonly compresses: boolean;
}

describe.each<Serving>([
  { framing: "announced", compresses: false },
  { framing: "announced", compresses: true },
  { framing: "chunked", compresses: false },
  { framing: "chunked", compresses: true },
])("an HTTP server, lengths $framing, compressing: $compresses", (serving) => {
  const newServer = (format: LogFormat) => (name: string) => servedPlace(format, serving, name);
  testSource(newServer("tiles"));
  testGzipSource(newServer("tiles"));
  describe.each(FORMATS)("with a log of %s", (format) => testLogSource(newServer(format), format));
});

async function servedPlace(
  format: LogFormat,
  { framing, compresses }: Serving,
  name: string,
): Promise<GzipSourceKind> {
  const objects = new Map<string, { readonly bytes: Uint8Array; readonly isGzip: boolean }>();
  const server = await startLogServer(new Map());
  server.intercept(
    () => true,
    ({ path }, response) => {
      const object = objects.get(decodeURIComponent(path));
      response.statusCode = object === undefined ? 404 : 200;
      if (object?.isGzip) response.setHeader("content-encoding", "gzip");
      const body = object?.bytes ?? Buffer.alloc(0);
      if (framing === "announced") response.setHeader("content-length", body.length);
      // An empty write would end the chunks at once.
      else if (body.length > 0) response.write(body.subarray(0, body.length / 2));
      response.end(framing === "announced" ? body : body.subarray(body.length / 2));
    },
  );
  const url = `${server.url}/${name.split("/").map(encodeURIComponent).join("/")}`;
  const putAs = (isGzip: boolean) => (path: string, bytes: Uint8Array) =>
    void objects.set(`${name}/${path}`, { bytes, isGzip });
  return {
    format,
    put: (path, bytes) => putAs(compresses)(path, compresses ? gzip(bytes) : bytes),
    putGzipped: putAs(true),
    open: () => openObjects(url),
  };
}

describe.each(["serverless+file", "serverless+http"])("the old serverless layout, %s", (scheme) => {
  const newLog: NewPlace = async () => {
    const objects = new Map<string, Buffer>();
    const address = async () => {
      if (scheme === "serverless+file") return `file://${logDirectory({ objects })}`;
      return (await startLogServer(objects)).url;
    };
    return {
      format: "tiles",
      put: (path, bytes) => [...oldObjects(path, bytes)].forEach(([at, old]) => void objects.set(at, old)),
      open: () => Promise.reject(new Error("it has no objects of tlog-tiles")),
      openLog: async () => openLog(`serverless+${await address()}`),
    };
  };
  testLogSource(newLog, "tiles", false);
});
