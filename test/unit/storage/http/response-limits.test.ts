/** The parser holds, and works through, no more than its limits, whatever comes. */

import { describe, expect, it, onTestFinished } from "vitest";
import type { HttpError } from "../../../../storage/http/http-error.ts";
import {
  bytewise,
  CHUNKED,
  CHUNKED_START,
  OK,
  Recorder,
  read,
  type Told,
} from "../../../support/http/recorder.ts";

describe("limits", () => {
  const HEAD = 1 << 14;
  const LINE = 1 << 10;
  const tooLarge = { fault: "HEADERS_TOO_LARGE" };
  /** Feeds what is repeated for ever, and says how many bytes were taken. */
  function endless(start: string, repeated: string): { bytes: number; told: Told[] } {
    const recorder = new Recorder();
    recorder.reader.read(Buffer.from(start));
    for (let bytes = repeated.length; ; bytes += repeated.length) {
      try {
        recorder.reader.read(Buffer.from(repeated));
      } catch (error) {
        return { bytes, told: [...recorder.told, { fault: (error as HttpError).code }] };
      }
      if (bytes > 1_000_000) throw new Error("there is no end to it");
    }
  }

  it("let a head have 16 KiB with its last line break, and not a byte more", () => {
    const end = "\r\ncontent-length: 1\r\n\r\n";
    const filled = (size: number) => `${OK}a: ${"x".repeat(size - OK.length - 3 - end.length)}${end}`;
    for (const how of [read, bytewise]) {
      expect(how(`${filled(HEAD)}x`).at(-1)).toEqual({ end: "persistent" });
      expect(how(`${filled(HEAD + 1)}x`)).toEqual([tooLarge]);
    }
    const halves = { pieces: [HEAD / 2] };
    expect(read(`${filled(HEAD)}x`, halves).at(-1)).toEqual({ end: "persistent" });
    expect(read(`${filled(HEAD + 1)}x`, halves)).toEqual([tooLarge]);
  });

  it("let each interim head be as large, however many there are", () => {
    const interim = `HTTP/1.1 103 x\r\na: ${"x".repeat(16_000)}\r\n\r\n`;
    const told = read(`${interim.repeat(5)}${OK}content-length: 0\r\n\r\n`);
    expect(told).toHaveLength(7);
    expect(told.at(-1)).toEqual({ end: "persistent" });
  });

  it("end a head that does not end", () => {
    for (const part of ["x", "x".repeat(1000), "x: y\r\n"]) {
      const { bytes, told } = endless(OK, part);
      expect(told).toEqual([tooLarge]);
      expect(bytes).toBeLessThanOrEqual(HEAD + part.length);
    }
  });

  it("let a chunk's line have 1 KiB with its line break, and not a byte more", () => {
    const line = (size: number) => `1;${"x".repeat(size - 4)}\r\n`;
    for (const how of [read, bytewise]) {
      expect(how(`${CHUNKED}${line(LINE)}x\r\n0\r\n\r\n`).at(-1)).toEqual({ end: "persistent" });
      expect(how(`${CHUNKED}${line(LINE + 1)}x\r\n0\r\n\r\n`)).toEqual([CHUNKED_START, tooLarge]);
    }
  });

  it("end a chunk's line that does not end, before the chunk and behind it", () => {
    for (const start of ["0", "1;x", "1\r\nx"]) {
      const { bytes, told } = endless(CHUNKED + start, "0");
      expect(told.at(-1)).toEqual(tooLarge);
      expect(bytes).toBeLessThanOrEqual(LINE + 1);
    }
  });

  it("let trailers have 16 KiB in all", () => {
    const trailers = (count: number) => `${CHUNKED}0\r\n${`a: ${"x".repeat(1021)}\r\n`.repeat(count)}\r\n`;
    for (const how of [read, bytewise]) {
      expect(how(trailers(16)).at(-1)).toEqual({ end: "persistent" });
      expect(how(trailers(17))).toEqual([CHUNKED_START, tooLarge]);
    }
  });

  it("end trailers that do not end", () => {
    for (const part of ["x", "x: y\r\n"]) {
      const { bytes, told } = endless(`${CHUNKED}0\r\n`, part);
      expect(told).toEqual([CHUNKED_START, tooLarge]);
      expect(bytes).toBeLessThanOrEqual(2 * HEAD);
    }
  });

  it("count the trailers of each response by themselves", () => {
    const recorder = new Recorder();
    const text = `${CHUNKED}0\r\na: ${"x".repeat(10_000)}\r\n\r\n`;
    for (let i = 0; i < 3; i++) {
      if (i > 0) recorder.reader.expect();
      recorder.reader.read(Buffer.from(text));
    }
    expect(recorder.told.filter((event) => "end" in event)).toHaveLength(3);
  });

  it("hold for work too: bytes one by one are not looked at over and over", () => {
    let looked = 0;
    /** Counts what a search or a copy goes through: from `from` on. */
    function watch(prototype: object, name: string, fromArgument: number): void {
      const usual: (...args: unknown[]) => unknown = Reflect.get(prototype, name);
      Reflect.set(prototype, name, function (this: { length: number }, ...args: unknown[]) {
        looked += this.length - Math.min(Number(args[fromArgument] ?? 0), this.length);
        return Reflect.apply(usual, this, args);
      });
      onTestFinished(() => void Reflect.set(prototype, name, usual));
    }
    for (const name of ["indexOf", "toString"]) watch(Buffer.prototype, name, 1);
    watch(String.prototype, "indexOf", 1);
    for (const name of ["slice", "endsWith"]) watch(String.prototype, name, -1);
    for (const [before, part] of [
      [`${OK}a: `, "x"],
      [`${CHUNKED}0\r\na: `, "x"],
    ] as const) {
      const recorder = new Recorder();
      recorder.reader.read(Buffer.from(before));
      const piece = Buffer.from(part);
      looked = 0;
      for (let i = 0; i < 16_000; i++) recorder.reader.read(piece);
      expect(looked).toBeLessThan(16_000 * 20);
    }
  });
});
