/** The house: imports run down only, in no circle, and the engine knows no backend by name. */

import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

const files = globSync("{bench,cmd,lib,storage,test}/**/*.ts", {
  cwd: ROOT,
  exclude: (name) => name === "node_modules",
}).sort();

/** Relative imports of a file, also of types alone and those that are loaded later, as paths from the root. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(ROOT, file), "utf8");
  const found = source.matchAll(
    /(?:\bfrom|\bimport|\bmodule|\bimport\(|\bmodule\()\s*"(\.{1,2}\/[^"]+\.ts)"/g,
  );
  return [...found].map(([, path = ""]) => join(dirname(file), path));
}

const imports = new Map(files.map((file) => [file, importsOf(file)]));

/** The imports of the files below `from` that lead to `to`. */
function leading(from: RegExp, to: RegExp): string[] {
  return files
    .filter((file) => from.test(file))
    .flatMap((file) =>
      (imports.get(file) ?? []).filter((path) => to.test(path)).map((path) => `${file} → ${path}`),
    );
}

test("the imports of the sources are seen", () => {
  expect(files.length).toBeGreaterThan(300);
  expect(leading(/^lib\/index\.ts$/, /^storage\/backends\.ts$/)).not.toEqual([]);
  expect(leading(/^storage\/backends\.ts$/, /^storage\/http\/backend\.ts$/)).not.toEqual([]);
  expect(leading(/^storage\/http\/backend\.ts$/, /^storage\/http\/source\.ts$/)).not.toEqual([]);
});

describe("imports run down only", () => {
  test.each<[what: string, from: RegExp, to: RegExp]>([
    ["lib/tlog knows nothing above it but the errors", /^lib\/tlog\//, /^(?!lib\/(tlog\/|errors\.ts))/],
    [
      "lib/migrate knows neither backends nor the command",
      /^lib\/migrate\//,
      /^(?!lib\/(migrate|tlog|errors\.ts))/,
    ],
    ["lib/errors.ts knows lib/tlog alone", /^lib\/errors\.ts$/, /^(?!lib\/tlog\/)/],
    [
      "backends do not know the command, nor the package that they are part of",
      /^storage\//,
      /^(cmd|bench|test)\/|^lib\/index\.ts$/,
    ],
    ["the command knows the package's public face alone", /^cmd\//, /^(?!cmd\/|lib\/index\.ts$)/],
    [
      "what runs in the browser knows what the server of the page serves alone",
      /^cmd\/(page\/(client\/|history\.ts)|report\/units\.ts)/,
      /^cmd\/(?!page\/(client\/|history\.ts|document\.ts)|report\/units\.ts)|^lib\//,
    ],
    ["nothing that is published knows the benchmark or the tests", /^(lib|storage|cmd)\//, /^(bench|test)\//],
    [
      "the benchmark knows neither the command nor the tests but for their logs and servers",
      /^bench\//,
      /^cmd\/|^test\/(?!logs\/|support\/(go\/|http\/test-certificates))/,
    ],
    ["the logs of tests know no test", /^test\/logs\//, /^(bench|cmd)\/|^test\/(?!logs\/)/],
  ])("%s", (_, from, to) => {
    expect(leading(from, to)).toEqual([]);
  });

  test("a backend is its own folder: others use what it reads files or sends requests with", () => {
    const usable =
      /^storage\/(shared|bucket|http|sunlight)\/|^storage\/posix\/(errno|file-url|regular-file|source)\.ts$/;
    const isRegistry = (path: string) => dirname(path) === "storage";
    const across = files
      .filter((file) => file.startsWith("storage/") && !isRegistry(file))
      .flatMap((file) => (imports.get(file) ?? []).map((path) => [file, path] as const))
      .filter(([file, path]) => path.startsWith("storage/") && dirname(path) !== dirname(file))
      .filter(([, path]) => !usable.test(path) && !/^storage\/(state-stores|sunlight-locks)\.ts$/.test(path));
    expect(across.map((pair) => pair.join(" → "))).toEqual([]);
  });
});

test("no import leads in a circle", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) circles.push([...path.slice(at), file].join(" → "));
    if (at >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

describe("the engine and the command name no backend", () => {
  const NAMES =
    /\b(gcs|google|cloud storage|spanner|aws|amazon|s3|mysql|posix)\b|\b(gs|s3|file|gzip\+file|archive\+file):\/\//i;
  // Where places are parsed, what examples say is said.
  /** Where a run executes, which is no backend. */
  const BATCH = /AWS[ _]BATCH/gi;
  const PARSING = ["lib/migrate/options/places.ts", "lib/migrate/ports/backend.ts"];

  test("in code, in comments or in messages", () => {
    const named = files
      .filter((file) => /^(lib\/migrate|cmd)\//.test(file) && !PARSING.includes(file))
      .flatMap((file) =>
        readFileSync(join(ROOT, file), "utf8")
          .split("\n")
          .flatMap((line, index) =>
            NAMES.test(line.replaceAll(BATCH, "")) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
          ),
      );
    expect(named).toEqual([]);
  });
});
