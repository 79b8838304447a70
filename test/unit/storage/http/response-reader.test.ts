/** The parser: how responses are framed, and what is refused. */

import { describe, expect, it } from "vitest";
import type { ResponseHeaders } from "../../../../storage/http/headers.ts";
import { ResponseReader, type ResponseSink } from "../../../../storage/http/response-reader.ts";
import { bytewise, CHUNKED, CHUNKED_START, OK, Recorder, read } from "../../../support/http/recorder.ts";

describe("a body", () => {
  it.each([
    ["of announced length", `${OK}Content-Length: 5\r\n\r\nhello`, { "content-length": "5" }],
    [
      "of a length with zeros before it",
      `${OK}content-length: 005\r\n\r\nhello`,
      { "content-length": "005" },
    ],
    ["in one chunk", `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`, { "transfer-encoding": "chunked" }],
    ["in several chunks", `${CHUNKED}2\r\nhe\r\n3\r\nllo\r\n000\r\n\r\n`, { "transfer-encoding": "chunked" }],
    [
      "in chunks with extensions, which say nothing",
      `${CHUNKED}5;a;b=c;d="e \\" \xff ;f"\r\nhello\r\n0;last\r\n\r\n`,
      { "transfer-encoding": "chunked" },
    ],
    [
      "in chunks with trailers, which say nothing",
      `${CHUNKED}5\r\nhello\r\n0\r\nx-sum: 7\r\nset-cookie: y\r\n\r\n`,
      { "transfer-encoding": "chunked" },
    ],
    [
      "in chunks whose coding is shouted",
      `${OK}TRANSFER-ENCODING: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
      { "transfer-encoding": "Chunked" },
    ],
  ])("%s is read, and the connection is good for another response", (_how, text, headers) => {
    const told = [{ start: 200, headers }, { data: "hello" }, { end: "persistent" }];
    expect(read(text)).toEqual(told);
    expect(bytewise(text)).toEqual(told);
  });

  it("has chunks whose size is hexadecimal, in either case", () => {
    const text = `${CHUNKED}1A\r\n${"x".repeat(26)}\r\n1b\r\n${"y".repeat(27)}\r\n0\r\n\r\n`;
    expect(read(text)[1]).toEqual({ data: "x".repeat(26) + "y".repeat(27) });
  });

  it.each(["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\n"])(
    "of no stated length is what comes until the connection ends: %j",
    (head) => {
      const told = read(`${head}hel`).concat();
      expect(told.slice(1)).toEqual([{ data: "hel" }]);
      expect(read(`${head}hello`, { ends: true }).slice(1)).toEqual([{ data: "hello" }, { end: "last" }]);
      expect(read(head, { ends: true }).slice(1)).toEqual([{ end: "last" }]);
    },
  );

  it.each([
    ["content-length: 0\r\n", 200],
    ["content-length: 7\r\n", 204],
    ["content-length: 7\r\n", 304],
    ["transfer-encoding: chunked\r\n", 204],
    ["transfer-encoding: chunked\r\n", 304],
    ["", 204],
    ["", 304],
  ])("is empty after %j and status %i", (header, status) => {
    const told = read(`HTTP/1.1 ${status} x\r\n${header}\r\n`);
    expect(told).toHaveLength(2);
    expect(told[1]).toEqual({ end: "persistent" });
  });

  it("is not taken for empty by any other status", () => {
    for (const status of [200, 205, 206, 404, 500, 999]) {
      expect(read(`HTTP/1.1 ${status} x\r\ncontent-length: 1\r\n\r\nx`)[1]).toEqual({ data: "x" });
    }
  });

  it("that is read straight to its place ends where it was announced to", () => {
    const recorder = new Recorder();
    expect(recorder.reader.bodyBytesLeft).toBe(0);
    recorder.reader.read(Buffer.from(`${OK}content-length: 10\r\n\r\n012`));
    expect(recorder.reader.bodyBytesLeft).toBe(7);
    recorder.reader.skip(6);
    expect(recorder.told.at(-1)).toEqual({ data: "012" });
    expect(() => recorder.reader.skip(2)).toThrow("not the body's");
    recorder.reader.skip(1);
    expect(recorder.told.at(-1)).toEqual({ end: "persistent" });
    expect(recorder.reader.bodyBytesLeft).toBe(0);
    expect(() => recorder.reader.skip(0)).toThrow("not the body's");
  });

  it("cannot be read straight to its place where its length is not announced", () => {
    for (const head of [`${CHUNKED}ff\r\nx`, `${OK}\r\nx`, "HTTP/1.1 204 x\r\n\r\n", OK]) {
      const recorder = new Recorder();
      recorder.reader.read(Buffer.from(head));
      expect(recorder.reader.bodyBytesLeft).toBe(0);
      expect(() => recorder.reader.skip(1)).toThrow("not the body's");
    }
  });
});

describe("a connection", () => {
  it.each([
    ["HTTP/1.1", "", "persistent"],
    ["HTTP/1.1", "connection: keep-alive\r\n", "persistent"],
    ["HTTP/1.1", "connection: close\r\n", "last"],
    ["HTTP/1.1", "Connection: x, CLOSE\r\n", "last"],
    ["HTTP/1.1", "connection: keep-alive\r\nconnection: close\r\n", "last"],
    ["HTTP/1.0", "", "last"],
    ["HTTP/1.0", "connection: Keep-Alive\r\n", "persistent"],
    ["HTTP/1.0", "connection: keep-alive, close\r\n", "last"],
  ])("of %s that says %j is %s", (version, header, end) => {
    expect(read(`${version} 200 OK\r\n${header}content-length: 1\r\n\r\nx`).at(-1)).toEqual({ end });
  });

  it.each([
    ["before an answer", "", "BROKEN_OFF"],
    ["in a status line", "HTTP/1.1 2", "BROKEN_OFF"],
    ["in the headers", `${OK}content-le`, "BROKEN_OFF"],
    ["after interim headers", "HTTP/1.1 103 x\r\n\r\n", "BROKEN_OFF"],
    ["in an announced body", `${OK}content-length: 5\r\n\r\nhell`, "LENGTH_MISMATCH"],
    ["before an announced body", `${OK}content-length: 5\r\n\r\n`, "LENGTH_MISMATCH"],
    ["in a chunk's size", `${CHUNKED}5`, "BROKEN_OFF"],
    ["in a chunk", `${CHUNKED}5\r\nhe`, "BROKEN_OFF"],
    ["after a chunk", `${CHUNKED}5\r\nhello\r\n`, "BROKEN_OFF"],
    ["in the trailers", `${CHUNKED}0\r\nx: y\r\n`, "BROKEN_OFF"],
  ])("that ends %s breaks the response off", (_where, text, fault) => {
    expect(read(text, { ends: true }).at(-1)).toEqual({ fault });
  });

  it("may end when nothing is awaited", () => {
    expect(read(`${OK}content-length: 0\r\n\r\n`, { ends: true }).at(-1)).toEqual({ end: "persistent" });
  });

  it("carries one response after another, and each only when it is awaited", () => {
    const recorder = new Recorder();
    expect(() => recorder.reader.expect()).toThrow("one response at a time");
    for (const body of ["first", "next!"]) {
      expect(recorder.reader).toMatchObject({ busy: true, awaitsHead: true });
      recorder.reader.read(Buffer.from(`${OK}content-length: 5\r\n\r\n`));
      expect(recorder.reader).toMatchObject({ busy: true, awaitsHead: false });
      recorder.reader.read(Buffer.from(body));
      expect(recorder.reader).toMatchObject({ busy: false, awaitsHead: false });
      if (body === "first") recorder.reader.expect();
    }
    expect(recorder.told.filter((event) => "data" in event)).toEqual([{ data: "first" }, { data: "next!" }]);
    expect(() => recorder.reader.read(Buffer.from("H"))).toThrow("bytes that belong to no response");
  });

  it.each([`${OK}content-length: 1\r\n\r\nx`, `${CHUNKED}1\r\nx\r\n0\r\n\r\n`])(
    "that brings more than the response to %j is at fault, after the response",
    (text) => {
      for (const told of [read(`${text}y`), bytewise(`${text}${OK}content-length: 0\r\n\r\n`)]) {
        expect(told.slice(1)).toEqual([{ data: "x" }, { end: "persistent" }, { fault: "NOT_HTTP" }]);
      }
    },
  );
});

describe("what is told of headers", () => {
  it("has names in lower case and values without the blanks around them", () => {
    const text = `${OK}ETag:\t "x y" \t\r\nEmpty:\r\nBlank: \t \r\nObs: \xe4\xff\r\nA:b:c\r\ncontent-length: 0\r\n\r\n`;
    expect(read(text)[0]).toEqual({
      start: 200,
      headers: { etag: '"x y"', empty: "", blank: "", obs: "\xe4\xff", a: "b:c", "content-length": "0" },
    });
  });

  it("has an array where a header came more than once", () => {
    const text = `${OK}a: 1\r\nA: 2\r\nb: 1\r\na: 3\r\ncontent-length: 0\r\n\r\n`;
    expect(read(text)[0]).toMatchObject({ headers: { a: ["1", "2", "3"], b: "1" } });
  });

  it("takes no name for anything that objects have by themselves", () => {
    let headers: ResponseHeaders = {};
    const sink = { onResponseStart: (_: number, all: ResponseHeaders) => (headers = all) };
    const reader = new ResponseReader({ ...sink, onResponseData() {}, onResponseEnd() {} });
    reader.expect();
    reader.read(Buffer.from(`${OK}__proto__: 1\r\nconstructor: 2\r\ncontent-length: 0\r\n\r\n`));
    expect(Object.keys(headers)).toEqual(["__proto__", "constructor", "content-length"]);
    expect(headers.hasOwnProperty).toBeUndefined();
  });
});

describe("refused is", () => {
  const head = (lines: string) => `${OK}${lines}\r\n\r\n`;
  it.each([
    ["another protocol", "SSH-2.0-OpenSSH_9.9\r\n"],
    ["HTTP/2", "HTTP/2 200 OK\r\n\r\n"],
    ["HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n"],
    ["HTTP/0.9", "HTTP/0.9 200 OK\r\n\r\n"],
    ["HTTP in small letters", "http/1.1 200 OK\r\n\r\n"],
    ["an empty line before the response", `\r\n${OK}\r\n`],
    ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
    ["a status that begins with 0", "HTTP/1.1 099 OK\r\n\r\n"],
    ["two blanks before the status", "HTTP/1.1  200 OK\r\n\r\n"],
    ["a tab behind the status", "HTTP/1.1 200\tOK\r\n\r\n"],
    ["a reason with a control character", "HTTP/1.1 200 O\x01K\r\n\r\n"],
    ["a reason with half a line break", "HTTP/1.1 200 O\rK\r\n\r\n"],
    ["lines that end in LF alone", "HTTP/1.1 200 OK\ncontent-length: 0\n\n\r\n\r\n"],
    ["a header behind half a line break", head("a: b\nc: d")],
    ["a header behind the other half", head("a: b\rc: d")],
    ["a header with NUL", head("a: b\0c")],
    ["a header with DEL", head("a: \x7f")],
    ["a folded header", head("a: b\r\n c")],
    ["a header that begins with a tab", head("\ta: b")],
    ["a header without a colon", head("content-length")],
    ["a header without a name", head(": x")],
    ["a blank before a colon", head("content-length : 0")],
    ["a name with a blank", head("content length: 0")],
    ["a name with a byte beyond ASCII", head("\xe4: x")],
    ["a length twice", head("content-length: 0\r\ncontent-length: 0")],
    ["two lengths", head("content-length: 0\r\nContent-Length: 1")],
    ["a list of lengths", head("content-length: 0, 0")],
    ["an empty length", head("content-length:")],
    ["a negative length", head("content-length: -1")],
    ["a length with a sign", head("content-length: +1")],
    ["a hexadecimal length", head("content-length: 0x1")],
    ["a fraction of a length", head("content-length: 1.0")],
    ["a length with an exponent", head("content-length: 1e3")],
    ["a length with a blank in it", head("content-length: 1 1")],
    ["a length in other digits", head("content-length: \xb2")],
    ["a length beyond counting", head("content-length: 1000000000000000")],
    ["a length that is wrong though there is no body", "HTTP/1.1 204 x\r\ncontent-length: x\r\n\r\n"],
    ["a length beside chunks", head("content-length: 5\r\ntransfer-encoding: chunked")],
    ["chunks beside a length", head("transfer-encoding: chunked\r\ncontent-length: 5")],
    [
      "both though there is no body",
      "HTTP/1.1 304 x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
    ["a coding within chunks", head("transfer-encoding: gzip, chunked")],
    ["another coding", head("transfer-encoding: gzip")],
    ["a coding that is none", head("transfer-encoding: identity")],
    ["an empty coding", head("transfer-encoding:")],
    ["chunks that are not the last coding", head("transfer-encoding: chunked, identity")],
    ["chunks twice", head("transfer-encoding: chunked\r\ntransfer-encoding: chunked")],
    ["chunks with a parameter", head("transfer-encoding: chunked;q=1")],
    ["chunks with a prefix", head("transfer-encoding: xchunked")],
    ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"],
  ])("%s", (_what, text) => {
    expect(read(text)).toEqual([{ fault: "NOT_HTTP" }]);
    expect(bytewise(text)).toEqual([{ fault: "NOT_HTTP" }]);
  });

  it.each([
    ["no size", "\r\n"],
    ["a size that is no number", "x\r\n"],
    ["a size with a sign", "-1\r\n"],
    ["a size with a prefix", "0x1\r\n"],
    ["a blank before the size", " 1\r\nx\r\n"],
    ["a blank behind the size", "1 \r\nx\r\n"],
    ["a size of 2^48 bytes", "1000000000000\r\n"],
    ["a line that ends in LF alone", "1\nx\r\n"],
    ["a line with half a line break in it", "1\r;a\r\n"],
    ["an extension without a name", "1;\r\nx"],
    ["an extension that is a value only", "1;=a\r\nx"],
    ["an extension with a control character", "1;a=\x01\r\nx"],
    ["an extension with a quote that does not end", '1;a="b\r\nx'],
    ["an extension with something behind a quote", '1;a="b"c\r\nx'],
  ])("a chunk with %s", (_what, text) => {
    expect(read(CHUNKED + text)).toEqual([CHUNKED_START, { fault: "NOT_HTTP" }]);
    expect(bytewise(CHUNKED + text)).toEqual([CHUNKED_START, { fault: "NOT_HTTP" }]);
  });

  it.each([
    ["longer than its size", "1\r\nxy\r\n"],
    ["shorter than its size", "2\r\nx\r\n0\r\n\r\n"],
    ["that ends in LF alone", "1\r\nx\n0\r\n\r\n"],
  ])("a chunk %s", (_what, text) => {
    for (const told of [read(CHUNKED + text), bytewise(CHUNKED + text)]) {
      expect(told.at(-1)).toEqual({ fault: "NOT_HTTP" });
      expect(told).not.toContainEqual({ end: "persistent" });
    }
  });

  it.each([
    ["without a colon", "ab"],
    ["that is folded", "a: b\r\n c"],
    ["with a control character", "a: \x01"],
    ["with a line that ends in LF alone", "a: b\nc: d"],
    ["that is a length", "Content-Length: 5"],
    ["that is a coding", "transfer-encoding: chunked"],
  ])("a trailer %s", (_what, trailer) => {
    const text = `${CHUNKED}0\r\n${trailer}\r\n\r\n`;
    expect(read(text)).toEqual([CHUNKED_START, { fault: "NOT_HTTP" }]);
    expect(bytewise(text)).toEqual([CHUNKED_START, { fault: "NOT_HTTP" }]);
  });

  it("another protocol at its first wrong byte: its server may wait for us now", () => {
    for (const text of ["S", "HTTP/2", "\0", "HTTP 1"]) expect(read(text)).toEqual([{ fault: "NOT_HTTP" }]);
    for (const text of ["H", "HTTP/", "HTTP/1."]) expect(read(text)).toEqual([]);
  });
});

describe("a sink that has had enough", () => {
  it.each(["onResponseStart", "onResponseData", "onResponseEnd"] as const)(
    "and says so in %s is told nothing more",
    (when) => {
      const told: string[] = [];
      const sink: ResponseSink = {
        onResponseStart: () => hear("onResponseStart"),
        onResponseData: () => hear("onResponseData"),
        onResponseEnd: () => hear("onResponseEnd"),
      };
      const reader = new ResponseReader(sink);
      const hear = (what: string) => {
        told.push(what);
        if (what === when) reader.stop();
      };
      reader.expect();
      reader.read(Buffer.from(`${CHUNKED}1\r\nx\r\n1\r\ny\r\n0\r\n\r\ngarbage`));
      expect(told.at(-1)).toBe(when);
      expect(told.filter((what) => what === when)).toHaveLength(1);
    },
  );

  it("and says so at an empty response does not hear of its end", () => {
    let ended = false;
    const reader: ResponseReader = new ResponseReader({
      onResponseStart: () => reader.stop(),
      onResponseData() {},
      onResponseEnd: () => (ended = true),
    });
    reader.expect();
    reader.read(Buffer.from(`${OK}content-length: 0\r\n\r\n`));
    expect(ended).toBe(false);
  });
});
