import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { programWords } from "../../../cmd/completion/commands.ts";
import { newProgram } from "../../../cmd/program.ts";
import { optionsPage } from "../../../docs/generate/options-page.ts";

const program = await newProgram([]);
const page = optionsPage(program);

test("the page of options in the repository is that of the program; if not: npm run docs", () => {
  expect(readFileSync(join(import.meta.dirname, "../../../docs/options.md"), "utf8")).toBe(page);
});

test("it has every command and every option", () => {
  const { commands } = programWords(program);
  const names = commands.flatMap(({ name, options }) => [name, ...options.flatMap((option) => option.names)]);
  expect(names.length).toBeGreaterThan(30);
  expect(names.filter((name) => name !== "help" && !page.includes(name))).toEqual([]);
});
