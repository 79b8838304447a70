import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { readOptions } from "../../../bench/options.ts";

/** Refused with these lines. */
function refusalOf(...args: string[]): string[] {
  const told: string[] = [];
  expect(() => readOptions([...args, ...PROGRAM], (line) => told.push(line))).toThrow(CommanderError);
  return told;
}

const PROGRAM = ["--program", import.meta.filename];

describe("the options of the benchmark", () => {
  it("are all suites in full unless told", () => {
    const options = readOptions(PROGRAM, () => {});
    expect(options).toMatchObject({ quick: false, program: import.meta.filename });
    const all = ["peers", "tls", "stages", "start-up", "disk", "distance", "scale", "gcs"];
    expect(options.suites).toEqual(all);
    expect(options.out).toBeUndefined();
  });

  it("are read", () => {
    const args = ["--suite", "disk,peers", "--rounds", "5", "--entries", "1000", "--entry-size", "100-2000"];
    expect(readOptions([...args, ...PROGRAM], () => {})).toMatchObject({
      suites: ["disk", "peers"],
      rounds: 5,
      entries: 1000,
      entrySize: "100-2000",
    });
  });

  it("leave out the suite that has no Static CT logs where those are asked for", () => {
    const { suites } = readOptions(["--format", "static-ct", ...PROGRAM], () => {});
    expect(suites).toEqual(["peers", "tls", "stages", "start-up", "disk", "distance", "gcs"]);
  });

  it.each([
    [["--rounds", "0"], /--rounds.*whole number from 1 to 100/],
    [["--entries", "many"], /--entries.*whole number/],
    [["--entry-size", "2000-100"], /--entry-size.*range such as/],
    [["--entry-size", "70000"], /--entry-size/],
    [["--suite", "peers,disc"], /Suites are peers, .*disk/],
    [["--format", "ct"], /tiles, static-ct/],
    [["--format", "static-ct", "--entry-size", "100"], /size of certificates/],
    [["--scratch", "/no/such/directory"], /no such directory/],
    [["--quick", "--out", "bench"], /cannot be used with/],
    [["--format", "static-ct", "--suite", "peers,scale"], /scale suite has no Static CT logs/],
    [["--json", "/no/such/directory/figures.json"], /--json: nothing can be written.*ENOENT/],
    [["--json", import.meta.dirname], /--json: .* is a directory/],
    [["--out", import.meta.filename], /--out: .* is not a directory/],
    [["--scratch", "/proc"], /--scratch: nothing can be written/],
    [["--out", "/proc/no/such"], /--out: /],
    [["--fast"], /unknown option '--fast'/],
    [["now"], /too many arguments/],
  ])("%j is refused in one clear line", (args, line) => {
    const told = refusalOf(...args);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(line);
    expect(told[0]).not.toContain("\n");
  });

  it("a program that is not there is refused", () => {
    const told: string[] = [];
    expect(() => readOptions(["--program", "/no/dist"], (line) => told.push(line))).toThrow(CommanderError);
    expect(told.join()).toMatch(/no such file/);
  });
});
