import { InvalidArgumentError } from "commander";
import { describe, expect, test } from "vitest";
import { endpoint, nonEmpty, number, numberWithin } from "../../../../cmd/options/values.ts";

const INVALID_PLACES = "::1:9100 localhost localhost: a:65536 65536 :65536 : http://a:1 []:1 :1:".split(" ");

describe("values of options", () => {
  test("numbers are in decimals", () => {
    expect(["1", "256", "007", "0", "1.5"].map(number)).toEqual([1, 256, 7, 0, 1.5]);
    for (const text of ["-1", "1e2", "0x10", "", " ", "many", "1.", ".5", "1,5", "NaN", "9".repeat(30)]) {
      expect(() => number(text)).toThrow(InvalidArgumentError);
      expect(() => number(text)).toThrow(/from 0 in decimals/);
    }
  });

  test("numbers are what the library accepts, in the option's own unit", () => {
    const seconds = numberWithin([10, 86_400_000], 1000);
    expect(["0.01", "1.005", "86400"].map(seconds)).toEqual([0.01, 1.005, 86_400]);
    for (const text of ["0", "0.009", "0.0105", "86400.001"])
      expect(() => seconds(text)).toThrow("Give a number from 0.01 to 86,400.");
    const requests = numberWithin([1, 1_000_000]);
    expect(requests("1000000")).toBe(1_000_000);
    for (const text of ["0", "0.5", "1000001"])
      expect(() => requests(text)).toThrow("Give a whole number from 1 to 1,000,000.");
  });

  test("a place to listen has a host and a port, or a port alone on this machine", () => {
    for (const text of ["9100", ":9100"]) expect(endpoint(text)).toEqual({ host: "127.0.0.1", port: 9100 });
    expect(endpoint("127.0.0.1:9100")).toEqual({ host: "127.0.0.1", port: 9100 });
    expect(endpoint("localhost:0")).toEqual({ host: "localhost", port: 0 });
    expect(endpoint("[::1]:9100")).toEqual({ host: "::1", port: 9100 });
    for (const text of INVALID_PLACES) expect(() => endpoint(text)).toThrow("<host>:<port>");
  });

  test("an empty value is a slip", () => {
    expect(nonEmpty("x")).toBe("x");
    expect(() => nonEmpty(" ")).toThrow(InvalidArgumentError);
  });
});
