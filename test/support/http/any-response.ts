/** Any response and any damage to it, for properties of the parser. */

import fc from "fast-check";

const latin1 = (pattern: RegExp, maxLength = 12) =>
  fc
    .array(
      fc.integer({ min: 0, max: 255 }).filter((code) => pattern.test(String.fromCharCode(code))),
      { maxLength },
    )
    .map((codes) => String.fromCharCode(...codes));

const token = latin1(/[!#$%&'*+.^_`|~0-9A-Za-z-]/, 8).filter((text) => text !== "");
const value = latin1(/[\t\x20-\x7e\x80-\xff]/).map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ""));
const blanks = fc.constantFrom("", " ", "\t", " \t ");
const header = fc
  .record({ name: token, value, before: blanks, after: blanks })
  .filter(({ name }) => !/^(content-length|transfer-encoding|connection)$/i.test(name));
const headers = fc.array(header, { maxLength: 4 });
const body = fc.string({ unit: fc.constantFrom("\r", "\n", "0", "H", ";", "\xff"), maxLength: 60 });
const quoted = latin1(/[\t\x20!\x23-\x5b\x5d-\x7e\x80-\xff]/, 5).map((text) => `"\\"${text}"`);
const extension = fc.oneof(
  token.map((name) => `;${name}`),
  fc.tuple(token, fc.oneof(token, quoted)).map(([name, content]) => `;${name}=${content}`),
);
const extensions = fc.array(extension, { maxLength: 2 }).map((all) => all.join(""));
const status = fc.integer({ min: 200, max: 999 }).filter((code) => code !== 204 && code !== 304);

type Header = typeof header extends fc.Arbitrary<infer T> ? T : never;

function headText(firstLine: string, all: readonly Header[], framing: string): string {
  const lines = all.map(({ name, before, value, after }) => `${name}:${before}${value}${after}\r\n`);
  return `${firstLine}\r\n${lines.join("")}${framing}\r\n`;
}

/** A response, what it is made of, and how its connection may go on. */
export interface Response {
  readonly text: string;
  readonly status: number;
  readonly body: string;
  readonly end: "persistent" | "last";
  readonly ends: boolean;
}

const announced = fc.record({ status, headers, body }).map(({ status, headers, body }) => ({
  text: headText(`HTTP/1.1 ${status} x`, headers, `content-length: ${body.length}\r\n`) + body,
  ...{ status, body, end: "persistent", ends: false },
}));
const chunked = fc
  .record({
    status,
    headers,
    chunks: fc.array(fc.tuple(body, extensions), { maxLength: 5 }),
    trailers: headers,
  })
  .map(({ status, headers, chunks, trailers }) => {
    const full = chunks.filter(([bytes]) => bytes !== "");
    const text = full.map(([bytes, ext]) => `${bytes.length.toString(16)}${ext}\r\n${bytes}\r\n`).join("");
    return {
      text: `${headText(`HTTP/1.1 ${status}`, headers, "transfer-encoding: chunked\r\n")}${text}${headText("0", trailers, "")}`,
      ...{ status, body: full.map(([bytes]) => bytes).join(""), end: "persistent", ends: false },
    };
  });
const untilEnd = fc.record({ status, headers, body, minor: fc.constantFrom(0, 1) }).map((response) => ({
  text: headText(`HTTP/1.${response.minor} ${response.status} `, response.headers, "") + response.body,
  ...{ status: response.status, body: response.body, end: "last", ends: true },
}));
const bodiless = fc.record({ status: fc.constantFrom(204, 304), headers }).map(({ status, headers }) => ({
  text: headText(`HTTP/1.1 ${status} x`, headers, "connection: close\r\n"),
  ...{ status, body: "", end: "last", ends: false },
}));
export const response = fc.oneof(announced, chunked, untilEnd, bodiless) as fc.Arbitrary<Response>;
export const interims = fc
  .array(fc.tuple(fc.constantFrom(100, 102, 103), headers), { maxLength: 2 })
  .map((all) => all.map(([status, headers]) => headText(`HTTP/1.1 ${status} x`, headers, "")).join(""));
export const pieces = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 });

/** Something small that is cut out, put in or both. */
const mutation = fc.record({
  at: fc.nat(),
  count: fc.integer({ min: 0, max: 3 }),
  insert: fc.oneof(
    fc.constantFrom("\r\n", "\n", "\r", " ", "0", ":", ";", "\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\0", ""),
    latin1(/[\s\S]/, 3),
  ),
});
export const mutations = fc.array(mutation, { maxLength: 4 });

export function damaged(
  text: string,
  all: readonly (typeof mutation extends fc.Arbitrary<infer T> ? T : never)[],
): string {
  return all.reduce((before, { at, count, insert }) => {
    const start = at % (before.length + 1);
    return before.slice(0, start) + insert + before.slice(start + count);
  }, text);
}
