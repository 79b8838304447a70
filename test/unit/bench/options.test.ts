import { CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { readOptions } from "../../../bench/options.ts";

const PROGRAM = ["--program", import.meta.filename];

describe("the options of the benchmark", () => {
  it("are all suites in full by default", () => {
    const options = readOptions(PROGRAM, () => {});
    expect(options).toMatchObject({ quick: false, program: import.meta.filename });
    const all = [
      "peers",
      "tls",
      "start-up",
      "disk",
      "distance",
      "scale",
      "scale-out",
      "gcs",
      "s3",
      "live",
      "plan",
    ];
    expect(options.suite).toEqual(all);
    expect([options.out, options.beside]).toEqual([undefined, undefined]);
  });

  it("are read", () => {
    const args = ["--suite", "disk,peers", "--rounds", "5", "--entries", "1000", "--beside"];
    expect(readOptions([...args, import.meta.filename, ...PROGRAM], () => {})).toMatchObject({
      suite: ["disk", "peers"],
      rounds: 5,
      entries: 1000,
      beside: import.meta.filename,
    });
  });

  it("name the suites of object stores by the stores too", () => {
    expect(readOptions(["--target", "s3", ...PROGRAM], () => {}).suite).toEqual(["s3"]);
    expect(readOptions(["--target", "s3,gcs", ...PROGRAM], () => {}).suite).toEqual(["s3", "gcs"]);
  });

  it.each([
    [["--target", "azure"], /Object stores are gcs, s3/],
    [["--target", "s3", "--suite", "disk"], /--target.*cannot be used with option '--suite/],
    [["--rounds", "0"], /--rounds.*whole number from 1 to 100/],
    [["--entries", "many"], /--entries.*whole number/],
    [["--suite", "peers,disc"], /Suites are peers, .*disk/],
    [["--scratch", "/no/such/directory"], /no such directory/],
    [["--beside", "/no/dist"], /no such file/],
    [["--program", "/no/dist"], /no such file/],
    [["--out", import.meta.filename], /--out: /],
    [["--out", "/proc/no/such"], /--out: /],
    [["--fast"], /unknown option '--fast'/],
    [["now"], /too many arguments/],
  ])("%j is refused in one clear line", (args, line) => {
    const reported: string[] = [];
    const read = () => readOptions([...PROGRAM, ...args], (text) => reported.push(text));
    expect(read).toThrow(CommanderError);
    expect(reported).toEqual([expect.stringMatching(line)]);
    expect(reported[0]).not.toContain("\n");
  });
});
