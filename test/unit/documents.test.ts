/** What documents and workflows name exists. */

import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { programWords } from "../../cmd/completion/commands.ts";
import { newProgram } from "../../cmd/program.ts";

const ROOT = join(import.meta.dirname, "../..");
const textOf = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const documents = globSync(["*.md", "{bench,docs}/*.md"], { cwd: ROOT });
const workflows = globSync(".github/workflows/*.yml", { cwd: ROOT });
const { scripts, engines, version } = JSON.parse(textOf("package.json"));

test("there are the documents that a visitor looks for", () => {
  expect(documents).toEqual(
    expect.arrayContaining(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]),
  );
  expect(textOf("CHANGELOG.md")).toContain(`\n## [${version}] - `);
});

test.each(documents)("the links of %s lead to files that exist", (path) => {
  const links = [...textOf(path).matchAll(/\]\(([^)#\s]+)/g)].map(([, link = ""]) => link);
  const broken = links.filter(
    (link) => !/^https?:/.test(link) && !existsSync(join(ROOT, dirname(path), link)),
  );
  expect(broken).toEqual([]);
});

test.each([...documents, ...workflows, ".ci/run"])("the npm scripts that %s runs exist", (path) => {
  const commands = textOf(path).matchAll(
    /\bnpm (?:-s |--silent )?(?:run (?:--silent |-s )?([\w:-]+)|(test|start)\b)/g,
  );
  const unknown = [...commands].map(([, run, name = run]) => name ?? "").filter((name) => !(name in scripts));
  expect(unknown).toEqual([]);
});

test("the messages that the troubleshooting explains are messages of the program", () => {
  const sources = globSync("{lib,storage,cmd}/**/*.ts", { cwd: ROOT }).map(textOf).join("\n").toLowerCase();
  const quoted = [...textOf("docs/troubleshooting.md").matchAll(/^\| `([^`]+)`/gm)];
  expect(quoted.length).toBeGreaterThan(8);
  const unknown = quoted
    .flatMap(([, message = ""]) => message.split("…"))
    .filter((part) => !sources.includes(part.trim().toLowerCase()));
  expect(unknown).toEqual([]);
});

test("the documents that messages name are in the package", () => {
  const { files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const sources = globSync("{cmd,lib,storage}/**/*.ts", { cwd: ROOT });
  const texts = sources.map((path) => readFileSync(join(ROOT, path), "utf8"));
  const named = new Set(texts.flatMap((text) => text.match(/\bdocs\/[\w-]+\.md/g) ?? []));
  expect(named).toContain("docs/troubleshooting.md");
  const shipped = new Set(globSync(files, { cwd: ROOT }));
  for (const document of named) expect(shipped).toContain(document);
});

test("the files and folders that CONTRIBUTING.md names exist", () => {
  const paths = [
    ...textOf("CONTRIBUTING.md").matchAll(/`((?:bench|cmd|lib|storage|test|\.ci)(?:\/[\w./-]*)?)`/g),
  ];
  expect(paths.length).toBeGreaterThan(5);
  expect(paths.map(([, path = ""]) => path).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test.each(["SECURITY.md", "deploy/tlog-migrate@.service", "deploy/Containerfile"])(
  "the options that %s names exist",
  async (path) => {
    const { commands } = programWords(await newProgram([]));
    const known = new Set(commands.flatMap(({ options }) => options.flatMap(({ names }) => names)));
    // Of tlog-migrate: each begins a quotation, or follows the command or another option on its line.
    const named = [...textOf(path).matchAll(/(?<=`|OPTIONS=(?:.* )?|copy .* )--[\w-]+/g)].map(
      ([name]) => name,
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  },
);

describe("the workflows of GitHub", () => {
  test("are YAML, and run the tests under every version of Node that is supported", () => {
    const { jobs } = parse(textOf(".github/workflows/ci.yml"));
    const { os, node } = jobs.test.strategy.matrix;
    expect(os).toEqual(["ubuntu-latest", "macos-latest"]);
    expect(node).toContain(Number.parseInt(engines.node.replace(">=", ""), 10));
    const run = jobs.test.steps.map((step: { run?: string }) => step.run).filter(Boolean);
    expect(run).toEqual(expect.arrayContaining(["npm run lint", "npm run types", "npm test"]));
    expect(jobs.gate.steps.at(-1)).toEqual({ run: ".ci/run" });
  });

  test("are updated with the dependencies of each folder that has some", () => {
    const { updates } = parse(textOf(".github/dependabot.yml"));
    const manifests = { npm: "package.json", gomod: "go.mod", "github-actions": ".github/workflows/ci.yml" };
    for (const [system, manifest] of Object.entries(manifests)) {
      const update = updates.find(
        (each: { "package-ecosystem": string }) => each["package-ecosystem"] === system,
      );
      expect(existsSync(join(ROOT, update.directory, manifest)), system).toBe(true);
    }
  });
});
