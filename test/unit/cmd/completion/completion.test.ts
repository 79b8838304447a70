/** Completion scripts, in the shells that are installed; bash is everywhere. */

import { describe, expect, test } from "vitest";
import { bashCompletion } from "../../../../cmd/completion/bash.ts";
import { programWords } from "../../../../cmd/completion/commands.ts";
import { fishCompletion } from "../../../../cmd/completion/fish.ts";
import { zshCompletion } from "../../../../cmd/completion/zsh.ts";
import { newProgram } from "../../../../cmd/program.ts";
import { runCli } from "../../../support/cli.ts";
import { bashReplies, fishReplies, hasShell, typeAtPrompt } from "../../../support/shells.ts";
import { hasTerminals } from "../../../support/terminal.ts";

const words = programWords(await newProgram([]));
const [bash, zsh, fish] = [bashCompletion(words), zshCompletion(words), fishCompletion(words)];
const names = words.commands.map(({ name }) => name);
const copyOptions = words.commands.find(({ name }) => name === "copy")?.options ?? [];

/** What is typed, at whose end the shell completes, and to what; files are the shell's own matter. */
const CASES: [typed: string, replies: string[]][] = [
  ["", names],
  ["ver", ["verify"]],
  ["copy --ha", ["--handover"]],
  ["copy --format ", ["tiles", "static-ct"]],
  ["copy --format st", ["static-ct"]],
  ["copy https://log.example/ /srv/log --tiles ", ["derive", "fetch"]],
  ["copy --vkey log", []],
  ["verify --no-d", ["--no-deep"]],
  ["verify --handover", []],
  ["help aba", ["abandon"]],
  ["completion ", ["bash", "zsh", "fish"]],
];

test("every option of a command is known, with what it takes", () => {
  const optionOf = (name: string) => copyOptions.find(({ names }) => names.includes(name));
  expect(optionOf("--vkey")?.value).toEqual({ name: "vkey", values: "free" });
  expect(optionOf("--log-list")?.value).toEqual({ name: "file", values: "file" });
  expect(optionOf("--handover")?.value).toBeUndefined();
  expect(optionOf("--help")?.names).toEqual(["-h", "--help"]);
});

describe("completion in bash", () => {
  test.each(CASES)("of «%s»", (typed, replies) => {
    const found = bashReplies(bash, ["tlog-migrate", ...typed.split(" ")]);
    expect(found.filter((reply) => typed !== "" || !reply.startsWith("-"))).toEqual(replies);
  });

  test("of a value after an equals sign, at which bash splits", () => {
    expect(bashReplies(bash, ["tlog-migrate", "copy", "--format", "="])).toEqual(["tiles", "static-ct"]);
    expect(bashReplies(bash, ["tlog-migrate", "copy", "--format", "=", "s"])).toEqual(["static-ct"]);
  });

  test("of options offers all of them", () => {
    const all = copyOptions.flatMap(({ names }) => names);
    expect(bashReplies(bash, ["tlog-migrate", "copy", "-"])).toEqual(all);
  });
});

describe.skipIf(!hasShell("fish"))("completion in fish", () => {
  test.each(CASES)("of «%s»", (typed, replies) => {
    expect(fishReplies(fish, `tlog-migrate ${typed}`).toSorted()).toEqual(replies.toSorted());
  });
});

describe.each([["bash", bash] as const, ["zsh", zsh] as const])(
  "completion at a prompt of %s",
  (name, script) => {
    test.skipIf(!hasShell(name) || !hasTerminals)(
      "completes commands, options, their values and files",
      async () => {
        const keys = "tlog-migrate ver\t--form\tst\t--json --format=st\t--log-list lo\t--no-d\t";
        // An option that has a value is left for the value to follow: zsh puts it in one word, bash in two.
        const value = name === "zsh" ? ["--format=static-ct"] : ["--format", "static-ct"];
        expect(await typeAtPrompt(name, script, keys)).toEqual([
          "verify",
          ...value,
          "--json",
          "--format=static-ct",
          "--log-list",
          "log list.json",
          "--no-deep",
        ]);
      },
    );
  },
);

test("a shell that is unknown is a usage error that names those that are", async () => {
  const { code, stdout, stderr } = await runCli(["completion", "tcsh"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("bash, zsh, fish");
  expect((await runCli(["completion", "bash"])).stdout).toBe(bash);
});
