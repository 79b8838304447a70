import { expect, test } from "vitest";
import { newProgram } from "../../../cmd/program.ts";

async function helpOf(name: string, columns: number): Promise<string> {
  const command = (await newProgram([])).commands.find((each) => each.name() === name);
  return command?.configureOutput({ getOutHelpWidth: () => columns }).helpInformation() ?? "";
}

test.each([30, 50, 66, 80, 120])(
  "arguments and options are within %i columns, each with its whole text",
  async (columns) => {
    for (const name of ["copy", "verify", "cutover"]) {
      const help = await helpOf(name, columns);
      // A word alone may be longer.
      const long = help.split("\n").filter((line) => line.length > columns && /\S\s+\S/.test(line.trim()));
      expect(long.filter((line) => !/^(Usage:| {2}-)/.test(line))).toEqual([]);
      const words = (text: string) => text.split(/\s+/).filter((word) => word !== "");
      expect(words(help)).toEqual(words(await helpOf(name, 200)));
    }
  },
);

test("a description is next to its term where there is space, else below it", async () => {
  expect(await helpOf("copy", 80)).toMatch(/^ {2}--adopt {10,}take over an unfinished/m);
  expect(await helpOf("copy", 50)).toMatch(/^ {2}--adopt\n {6}take over an unfinished/m);
});
