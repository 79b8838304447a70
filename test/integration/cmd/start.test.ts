/** What starts the program: where Node cannot run it, or a clone has no dependencies, one line says what to do. */

import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../support/places/directory.ts";

const ROOT = join(import.meta.dirname, "../../..");

const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/** Runs a file of `cmd/` where there is nothing else but what is given. */
function runAlone(
  file: string,
  node: string,
  sources: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
) {
  const home = temporaryDirectory();
  mkdirSync(join(home, "cmd"));
  for (const script of globSync("cmd/*.cjs", { cwd: ROOT })) cpSync(join(ROOT, script), join(home, script));
  writeFileSync(join(home, "package.json"), JSON.stringify({ engines: { node } }));
  for (const [path, text] of Object.entries(sources)) {
    mkdirSync(join(home, path, ".."), { recursive: true });
    writeFileSync(join(home, path), text);
  }
  const env = { ...process.env, NODE_COMPILE_CACHE: undefined };
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(home, "cmd", file), ...args], {
    encoding: "utf8",
    env,
  });
  return { status, stdout, stderr };
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const CLONE = { "cmd/tlog-migrate.ts": "console.log('the sources' as string);" };
const COMMANDER = { "node_modules/commander/index.js": "" };

test.each([`>=${major + 1}.0`, `>=${major}.${minor + 1}`])("a Node before %s gets one line", (least) => {
  const expected = `tlog-migrate: Node is too old (expected ${least}, found ${process.versions.node}). `;
  const installed = runAlone("start.cjs", least, { "dist/cmd/tlog-migrate.js": "does not parse" });
  expect(installed).toEqual({ status: 2, stdout: "", stderr: `${expected}Install a newer one\n` });
  for (const file of ["start.cjs", "check-installation.cjs"]) {
    const cloned = runAlone(file, least, CLONE);
    expect(cloned).toMatchObject({ status: 2, stdout: "" });
    expect(cloned.stderr.startsWith(`${expected}Run \`npm ci\`, `)).toBe(true);
    expect(cloned.stderr).toContain("`npm rebuild node` after `npm ci --ignore-scripts`");
    expect(cloned.stderr.split("\n")).toHaveLength(2);
  }
});

test.each([`>=${major}.${minor}`, `>=${major}.0`, `>=${major - 1}.99`])(
  "a Node of %s runs the program",
  (least) => {
    const installed = runAlone("start.cjs", least, {
      "dist/cmd/tlog-migrate.js": "console.log('the package')",
    });
    expect(installed).toEqual({ status: 0, stdout: "the package\n", stderr: "" });
    const cloned = runAlone("start.cjs", least, { ...CLONE, ...COMMANDER });
    expect(cloned).toEqual({ status: 0, stdout: "the sources\n", stderr: "" });
  },
);

test("a clone without its dependencies gets one line", () => {
  const stderr = "tlog-migrate: the dependencies of this clone are not installed. Run `npm ci`\n";
  expect(runAlone("start.cjs", ">=1.0", CLONE)).toEqual({ status: 2, stdout: "", stderr });
});

test("a program that cannot run says why as JSON too", () => {
  const { status, stdout, stderr } = runAlone("start.cjs", ">=1.0", CLONE, ["verify", "--json"]);
  const { error } = JSON.parse(stdout);
  expect([status, error.kind, stderr]).toEqual([2, "usage", `tlog-migrate: ${error.problem}\n`]);
});

test("every script that runs sources or tests checks first", () => {
  const checked = Object.entries<string>(scripts).filter(([, command]) => /vitest|\.ts\b/.test(command));
  expect(checked.map(([name]) => name)).toEqual(expect.arrayContaining(["demo", "test", "test:slow"]));
  for (const [, command] of checked) expect(command).toMatch(/^node cmd\/check-installation\.cjs && /);
  expect(scripts.start).toBe("node cmd/start.cjs");
});

test.each(["check-installation.cjs", "start.cjs"])("any Node can parse %s: it is ES5", (file) => {
  const code = readFileSync(join(ROOT, "cmd", file), "utf8")
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
    .replace(/"[^"\n]*"/g, '""');
  expect(code).not.toMatch(
    /\b(const|let|class|import|async|await|of)\b|=>|`|\?\.|\?\?|\.\.\.|\*\*|catch\s*\{/,
  );
});
