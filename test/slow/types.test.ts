/** The types of the published package, as programs compile them. */

import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { installPackage, run } from "../support/installed-package.ts";
import { testLog } from "../support/logs/generated-log.ts";
import { logDirectory, memoryDirectory } from "../support/places/directory.ts";

const ROOT = join(import.meta.dirname, "../..");
const OLDEST = join(ROOT, "test/support/typescript-5.7/node_modules/typescript");
const NEWEST = join(ROOT, "node_modules/typescript");

// Without skipLibCheck, and without the types of browsers.
const compilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  module: "nodenext",
  target: "es2022",
  lib: ["es2022"],
  types: ["node"],
  noEmit: true,
};

const PROGRAM = `
import * as all from "tlog-migrate";
import { migrate, type MigrationOptions, type MigrationReport, parseVkey, UsageError } from "tlog-migrate";

const options: MigrationOptions = {
  source: "https://log.example/",
  target: "/srv/log",
  format: "tiles",
  policy: { verifiers: [parseVkey("…")] },
  access: { userAgentVersion: "1.0" },
  tool: "tool/1.0",
  progress: new all.Progress(),
  signal: AbortSignal.timeout(1000),
  notice: (line) => console.log(line.length),
};
const report: MigrationReport = await migrate(options);
if (report.outcome === "handed-over") throw new UsageError({ object: report.target, problem: "is finished" });
`;

/** A user's directory, with the package and Node's types among its dependencies, and a program. */
async function newUser(program: string): Promise<string> {
  const user = await installPackage();
  symlinkSync(join(ROOT, "node_modules/@types"), join(user, "node_modules/@types"));
  symlinkSync(join(ROOT, "node_modules/undici-types"), join(user, "node_modules/undici-types"));
  writeFileSync(join(user, "package.json"), '{ "type": "module" }');
  writeFileSync(join(user, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
  writeFileSync(join(user, "program.ts"), program);
  return user;
}

test.each([
  ["5.7", OLDEST],
  ["the newest", NEWEST],
])("a program is compiled by TypeScript %s", async (_, compiler) => {
  const user = await newUser(PROGRAM);
  const { bin } = JSON.parse(readFileSync(join(compiler, "package.json"), "utf8"));
  const compile = () => run(process.execPath, [join(compiler, bin.tsc), "-p", user]);
  await expect(compile()).resolves.toMatchObject({ stdout: "" });
  writeFileSync(join(user, "program.ts"), PROGRAM.replace('"tiles"', '"tile"'));
  await expect(compile()).rejects.toThrow();
});

test("the backend and the program of docs/custom-backend.md are compiled and run as they are", async () => {
  const text = readFileSync(join(ROOT, "docs/custom-backend.md"), "utf8");
  const files = [...text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)];
  expect(files.map(([, name]) => name)).toEqual(["program.ts", "backend.ts"]);
  const user = await newUser("");
  for (const [, name = "", code = ""] of files) writeFileSync(join(user, name), code);
  const config = {
    compilerOptions: { ...compilerOptions, noEmit: false },
    files: files.map(([, name]) => name),
  };
  writeFileSync(join(user, "tsconfig.json"), JSON.stringify(config));
  await run(process.execPath, [join(OLDEST, "bin/tsc"), "-p", user]);

  const log = testLog({ size: 600 });
  const [directory, scratch, copy] = [logDirectory(log), `scratch://${memoryDirectory()}`, memoryDirectory()];
  const copied = (source: string, target: string) =>
    run(process.execPath, [join(user, "program.js"), source, target, log.vkey]);
  expect((await copied(directory, scratch)).stdout).toBe("handed-over: 600 entries\n");
  writeFileSync(
    join(scratch.slice("scratch://".length), Buffer.from("checkpoint").toString("hex")),
    log.object("checkpoint"),
  );
  expect((await copied(scratch, copy)).stdout).toBe("handed-over: 600 entries\n");
});

test("every type that a public declaration names can be imported", async () => {
  const user = await newUser(PROGRAM);
  const ts = createRequire(import.meta.url)(OLDEST) as TypeScript;
  const entry = join(user, "node_modules/tlog-migrate/dist/lib/index.d.ts");
  const { options } = ts.convertCompilerOptionsFromJson(compilerOptions, user);
  const program = ts.createProgram([entry], options);
  const checker = program.getTypeChecker();
  const resolved = (symbol: Symbol) =>
    (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
  const file = program.getSourceFile(entry);
  const exported = new Set(
    checker.getExportsOfModule(checker.getSymbolAtLocation(file as Node) as Symbol).map(resolved),
  );
  expect(exported.size).toBeGreaterThan(60);

  const hidden = new Set<string>();
  const visit = (node: Node): void => {
    if (ts.isIdentifier(node)) {
      const named = checker.getSymbolAtLocation(node);
      const symbol = named && resolved(named);
      const isOwn = symbol?.declarations?.some(
        ({ parent }) => parent && ts.isSourceFile(parent) && parent.getSourceFile().fileName.startsWith(user),
      );
      if (symbol && isOwn && !exported.has(symbol)) hidden.add(symbol.name);
    }
    ts.forEachChild(node, visit);
  };
  for (const symbol of exported) for (const declaration of symbol.declarations ?? []) visit(declaration);
  expect([...hidden].toSorted()).toEqual([]);
});

/** As much of the compiler's interface as is used here: the project's own compiler has a different one. */
interface Node {
  readonly parent?: Node;
  getSourceFile(): { readonly fileName: string };
}

interface Symbol {
  readonly flags: number;
  readonly name: string;
  readonly declarations?: readonly Node[];
}

interface TypeScript {
  readonly SymbolFlags: { readonly Alias: number };
  convertCompilerOptionsFromJson(options: object, base: string): { readonly options: object };
  createProgram(files: readonly string[], options: object): Program;
  isIdentifier(node: Node): boolean;
  isSourceFile(node: Node): boolean;
  forEachChild(node: Node, visit: (child: Node) => void): void;
}

interface Program {
  getTypeChecker(): {
    getAliasedSymbol(symbol: Symbol): Symbol;
    getExportsOfModule(module: Symbol): Symbol[];
    getSymbolAtLocation(node: Node): Symbol | undefined;
  };
  getSourceFile(path: string): Node | undefined;
}
