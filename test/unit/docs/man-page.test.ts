import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { programWords } from "../../../cmd/completion/commands.ts";
import { EXIT_CODES } from "../../../cmd/exit.ts";
import { newProgram } from "../../../cmd/program.ts";
import { VERSION } from "../../../cmd/version.ts";
import { manPage } from "../../../docs/generate/man-page.ts";

const PATH = join(import.meta.dirname, "../../../docs/tlog-migrate.1");
const program = await newProgram([]);

const hasFormatter = (name: string) => spawnSync(name, ["--version"]).error === undefined;

test("the manual page in the repository is that of the program; if not: npm run docs", () => {
  expect(readFileSync(PATH, "utf8")).toBe(manPage(program, VERSION));
});

describe.skipIf(!hasFormatter("groff"))("the manual page, as a reader sees it", () => {
  const { stdout, stderr } = spawnSync("groff", ["-man", "-Tutf8", "-ww", "-rLL=10000n", "-P-cbou", PATH], {
    encoding: "utf8",
  });

  test("has every command, every option and every exit code", () => {
    expect(stderr).toBe("");
    const { commands } = programWords(program);
    const missing = commands
      .flatMap(({ name, options }) => [name, ...options.flatMap(({ names }) => names)])
      .filter((word) => !stdout.split(/[\s,]+/).includes(word));
    expect(missing).toEqual([]);
    for (const [codes, meaning] of EXIT_CODES) {
      expect(stdout.replace(/ +/g, " ")).toMatch(new RegExp(`${codes}\\s+${meaning}`));
    }
  });

  test("shows examples as they can be pasted into a shell", () => {
    expect(stdout).toContain("--vkey 'log.example.org+1a2b3c4d+AU…'");
    expect(stdout).toContain("--format static-ct \\\n");
    expect(stdout).toContain(`eval "$(tlog-migrate completion bash)"`);
  });
});

test.skipIf(!hasFormatter("mandoc"))("mandoc has nothing to say against the manual page", () => {
  const { stdout } = spawnSync("mandoc", ["-T", "lint", "-W", "warning", PATH], { encoding: "utf8" });
  // A date would differ from run to run.
  expect(stdout.split("\n").filter((line) => !/^$|missing date/.test(line))).toEqual([]);
});
