/**
 * The parser beside that of Node's own client: what Node refuses is refused here, and what both take for a
 * response they read alike. What is refused here alone is listed.
 */

import { request } from "node:http";
import { Duplex } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HttpError } from "../../../../storage/http/http-error.ts";
import { ResponseReader } from "../../../../storage/http/response-reader.ts";
import { damaged, interims, mutations, response } from "../../../support/http/any-response.ts";
import { CHUNKED, OK } from "../../../support/http/recorder.ts";

/** A whole response, or that there is none. */
type Outcome = { readonly status: number; readonly body: string } | "refused";

/** How the bytes up to the end of the first response are read, the connection ending after them. */
function readHere(text: string): { outcome: Outcome; bytes: Buffer } {
  const bytes = Buffer.from(text, "latin1");
  let status = 0;
  let body = "";
  let ended = false;
  const reader = new ResponseReader({
    onResponseStart: (of) => (status = of),
    onResponseData: (data) => (body += data.toString("latin1")),
    onResponseEnd: () => (ended = true),
  });
  reader.expect();
  try {
    for (let at = 0; at < bytes.length; at++) {
      reader.read(bytes.subarray(at, at + 1));
      if (ended) return { outcome: { status, body }, bytes: bytes.subarray(0, at + 1) };
    }
    reader.ended();
    return { outcome: { status, body }, bytes };
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return { outcome: "refused", bytes };
  }
}

/** How Node's client reads them. */
function readByNode(bytes: Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    const refuse = () => resolve("refused");
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const get = request({ createConnection: () => socket, host: "h" });
    get.on("error", refuse);
    get.on("upgrade", refuse);
    get.on("response", (answer) => {
      let body = "";
      answer.setEncoding("latin1");
      answer.on("data", (data) => (body += data));
      answer.on("error", refuse);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    get.end();
    setImmediate(() => {
      socket.push(bytes);
      socket.push(null);
    });
  });
}

describe("beside Node's client", () => {
  it("a response is read alike", async () => {
    await fc.assert(
      fc.asyncProperty(response, interims, async (response, interims) => {
        const { outcome, bytes } = readHere(interims + response.text);
        expect(outcome).toEqual({ status: response.status, body: response.body });
        expect(await readByNode(bytes)).toEqual(outcome);
      }),
      { numRuns: 200 },
    );
  });

  it("a damaged response is never taken for one that Node refuses or reads otherwise", async () => {
    await fc.assert(
      fc.asyncProperty(response, interims, mutations, async (response, interims, mutations) => {
        const { outcome, bytes } = readHere(damaged(interims + response.text, mutations));
        if (outcome !== "refused") expect(await readByNode(bytes)).toEqual(outcome);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    "HTTP/1.0 100 x\r\n\r\n",
    "HTTP/1.1 103 x\r\nconnection: close\r\n\r\n",
    "HTTP/1.1 103 x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    "HTTP/1.1 103 x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
  ])("an interim response is refused alike: %j", async (interim) => {
    const { outcome, bytes } = readHere(`${interim}${OK}content-length: 1\r\n\r\nx`);
    expect(outcome).toBe("refused");
    expect(await readByNode(bytes)).toBe("refused");
  });

  const body = { status: 200, body: "x" };
  it.each([
    ["an empty line before it", `\r\n${OK}content-length: 1\r\n\r\nx`, body],
    ["version 2.0", "HTTP/2.0 200 OK\r\ncontent-length: 1\r\n\r\nx", body],
    ["version 0.9", "HTTP/0.9 200 OK\r\ncontent-length: 1\r\n\r\nx", body],
    ["a status below 100", "HTTP/1.1 099 OK\r\n\r\nx", { status: 99, body: "x" }],
    ["a reason with a control character", "HTTP/1.1 200 \x01\r\ncontent-length: 1\r\n\r\nx", body],
    ["a coding within chunks", `${OK}transfer-encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`, body],
    ["another coding than chunked", `${OK}transfer-encoding: gzip\r\n\r\nx`, body],
    [
      "chunked twice",
      `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
      body,
    ],
    ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", body],
    ["an unasked switch of protocols", "HTTP/1.1 101 x\r\n\r\n", { status: 101, body: "" }],
    ["an extension with an empty value", `${CHUNKED}1;a=\r\nx\r\n0\r\n\r\n`, body],
    ["an extension without a name", `${CHUNKED}1;=a\r\nx\r\n0\r\n\r\n`, body],
    ["extensions of more than 1 KiB", `${CHUNKED}1;${"a".repeat(1100)}\r\nx\r\n0\r\n\r\n`, body],
    ["a trailer that is a coding", `${CHUNKED}1\r\nx\r\n0\r\ntransfer-encoding: chunked\r\n\r\n`, body],
  ])("only here is refused: %s", async (_what, text, node) => {
    const { outcome, bytes } = readHere(text);
    expect(outcome).toBe("refused");
    expect(await readByNode(bytes)).toEqual(node);
  });
});
