/** The package as a user has it: packed, and unpacked among its dependencies. */

import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryDirectory } from "./places/directory.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Runs a program. It leaves no modules of temporary directories in the compile cache of the tests. */
export function run(
  file: string,
  args: readonly string[],
  options: { cwd?: string; CC?: string | undefined } = {},
) {
  const { cwd, CC } = options;
  return promisify(execFile)(file, args, { cwd, env: { ...process.env, CC, NODE_COMPILE_CACHE: undefined } });
}

/** What `npm pack` needs of the clone, so that packing leaves nothing behind in it. */
const PACKED = [
  "build.ts",
  "cmd",
  "docs",
  "lib",
  "storage",
  "package.json",
  "CHANGELOG.md",
  "README.md",
  "LICENSE",
  "tsconfig.json",
  "tsconfig.build.json",
];

/** Packs the project as it is published. Returns the path of the tarball. */
export async function packProject(): Promise<string> {
  const clone = temporaryDirectory();
  for (const name of PACKED) cpSync(join(ROOT, name), join(clone, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
  await run("npm", ["pack", "--pack-destination", clone], { cwd: clone });
  const tarball = readdirSync(clone).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack left no tarball");
  return join(clone, tarball);
}

/** Packs the project and unpacks it where a user would have it. Returns the user's directory. */
export async function installPackage(): Promise<string> {
  const tarball = await packProject();
  const user = temporaryDirectory();
  const modules = join(user, "node_modules");
  mkdirSync(join(modules, "tlog-migrate"), { recursive: true });
  await run("tar", ["-xzf", tarball, "--strip-components=1", "-C", join(modules, "tlog-migrate")]);
  linkDependencies(modules);
  return user;
}

/** The dependencies that npm would install from the registry, which a test does not need. */
function linkDependencies(modules: string): void {
  const wanted = ["tlog-migrate"];
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    const home = name === "tlog-migrate" ? ROOT : join(ROOT, "node_modules", name);
    const { dependencies = {} } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    for (const dependency of Object.keys(dependencies)) {
      const place = join(modules, dependency);
      mkdirSync(join(place, ".."), { recursive: true });
      try {
        symlinkSync(join(ROOT, "node_modules", dependency), place);
        wanted.push(dependency);
      } catch {
        // Linked already, for another package.
      }
    }
  }
}
