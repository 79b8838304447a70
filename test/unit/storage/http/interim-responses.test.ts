/** Responses that come before the response (status 1xx, RFC 9110 section 15.2). */

import { describe, expect, it } from "vitest";
import { bytewise, OK, Recorder, read } from "../../../support/http/recorder.ts";

describe("interim responses", () => {
  it.each([100, 102, 103, 199])("of status %i come before the response, whatever they announce", (status) => {
    const interims = ["content-length: 9", "transfer-encoding: chunked"].map(
      (header) => `HTTP/1.1 ${status} x\r\nlink: </x>\r\n${header}\r\n\r\n`,
    );
    const text = `${interims.join("")}${OK}content-length: 1\r\n\r\nx`;
    for (const told of [read(text), bytewise(text)]) {
      expect(told.map((event) => ("start" in event ? event.start : "other"))).toEqual([
        status,
        status,
        200,
        "other",
        "other",
      ]);
    }
  });

  it("leave the head awaited", () => {
    const recorder = new Recorder();
    recorder.reader.read(Buffer.from("HTTP/1.1 100 Continue\r\n\r\n"));
    expect(recorder.reader).toMatchObject({ busy: true, awaitsHead: true, bodyBytesLeft: 0 });
  });

  it.each([
    ["in HTTP/1.0, which knows none", "HTTP/1.0 100 x\r\n\r\n"],
    ["behind which the connection ends", "HTTP/1.1 103 x\r\nconnection: close\r\n\r\n"],
    ["of two lengths", "HTTP/1.1 103 x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"],
    [
      "of a length beside chunks",
      "HTTP/1.1 103 x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
    ["of a length that is no number", "HTTP/1.1 103 x\r\ncontent-length: x\r\n\r\n"],
  ])("are refused %s, as others are", (_what, interim) => {
    expect(read(`${interim}${OK}content-length: 1\r\n\r\nx`)).toEqual([{ fault: "NOT_HTTP" }]);
  });

  it("do not switch protocols", () => {
    const text = "HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    expect(read(text)).toEqual([{ fault: "NOT_HTTP" }]);
  });
});
