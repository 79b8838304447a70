import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { HAND_OVER } from "../support/cli.ts";
import { HAS_COMPILER } from "../support/hashers.ts";
import { startLogServer } from "../support/http/misbehaving-log-server.ts";
import { testLog } from "../support/logs/generated-log.ts";
import { temporaryDirectory } from "../support/places/directory.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs a program. It leaves no modules of temporary directories in the compile cache of the tests. */
function run(file: string, args: readonly string[], options: { cwd?: string; CC?: string | undefined } = {}) {
  const { cwd, CC } = options;
  return promisify(execFile)(file, args, { cwd, env: { ...process.env, CC, NODE_COMPILE_CACHE: undefined } });
}

/** What `npm pack` needs of the clone, so that packing leaves nothing behind in it. */
const PACKED = [
  "cmd",
  "lib",
  "man",
  "storage",
  "package.json",
  "CHANGELOG.md",
  "README.md",
  "LICENSE",
  "tsconfig.json",
  "tsconfig.build.json",
];

/** Packs the project and unpacks it where a user would have it. Returns the user's directory. */
async function installPackage(): Promise<string> {
  const clone = temporaryDirectory();
  for (const name of PACKED) cpSync(join(ROOT, name), join(clone, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
  await run("npm", ["pack", "--pack-destination", clone], { cwd: clone });
  const tarball = readdirSync(clone).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack left no tarball");
  const user = temporaryDirectory();
  const modules = join(user, "node_modules");
  mkdirSync(join(modules, "tlog-migrate"), { recursive: true });
  await run("tar", [
    "-xzf",
    join(clone, tarball),
    "--strip-components=1",
    "-C",
    join(modules, "tlog-migrate"),
  ]);
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

describe("the published package", () => {
  it("carries a compiled program that copies a log, and the types of a library", async () => {
    const log = testLog({ size: 600 });
    const server = await startLogServer(log.objects);
    const user = await installPackage();
    const home = join(user, "node_modules/tlog-migrate");
    const { bin, exports, version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    const program = join(home, bin["tlog-migrate"]);

    expect((await run(process.execPath, [program, "--version"])).stdout).toContain(version);
    const target = join(user, "target");
    const { stdout } = await run(process.execPath, [
      program,
      "copy",
      server.url,
      target,
      "--vkey",
      log.vkey,
      ...HAND_OVER,
      "--json",
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ size: 600, entries: 600 });
    expect(readFileSync(join(target, ".state/version"), "utf8")).toBe("1");

    const types = readFileSync(join(home, exports["."].types), "utf8");
    expect(types).toContain("migrate");
    const imported =
      'import { migrate, verifyLog } from "tlog-migrate"; console.log(typeof migrate, typeof verifyLog);';
    const asLibrary = await run(process.execPath, ["--input-type=module", "-e", imported], { cwd: user });
    expect(asLibrary.stdout).toBe("function function\n");
    const shipped = readdirSync(home).toSorted();
    expect(shipped).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "cmd",
      "dist",
      "lib",
      "man",
      "package.json",
    ]);
    expect(readdirSync(join(home, "man"))).toEqual(["tlog-migrate.1"]);
    expect(readdirSync(join(home, "cmd"))).toEqual([
      "check-installation.cjs",
      "import-program.cjs",
      "start.cjs",
    ]);
    expect(readdirSync(join(home, "lib/tlog/hasher/native"))).toEqual([
      "build.js",
      "bundle-hasher.c",
      "sha256-lanes.c",
      "sha256.c",
      "sha256.h",
    ]);
  });

  it("says in a line what to install for places whose packages npm did not install with it", async () => {
    const user = await installPackage();
    const program = join(user, "node_modules/tlog-migrate/cmd/start.cjs");
    const insecure = ["--insecure-no-signature", "--spanner", "projects/p/instances/i/databases/d"];
    const failure = (...args: string[]) =>
      run(process.execPath, [program, ...args]).then(
        () => undefined,
        (error: { readonly code: number; readonly stderr: string }) => error,
      );

    for (const args of [
      ["copy", user, "gs://bucket/log", ...insecure],
      ["verify", "gs://bucket/log", ...insecure],
      ["abandon", "gs://bucket/log", ...insecure.slice(1)],
    ]) {
      const { code, stderr } = (await failure(...args)) ?? {};
      expect(stderr).toMatch(
        /^tlog-migrate: gs:\/\/bucket\/log: needs packages [^\n]*`npm install @google-cloud\/storage@\d+ google-auth-library@\d+ @google-cloud\/spanner@\d+`[^\n]*\n$/,
      );
      expect(code).toBe(2);
    }
    const source = await failure("copy", "gs://bucket/log", join(user, "target"), "--insecure-no-signature");
    expect(source?.stderr).toContain("`npm install google-auth-library@");
  });

  it("builds its native hasher when npm installs it, and does without where there is no compiler", async () => {
    const user = await installPackage();
    const program = join(user, "node_modules/tlog-migrate/cmd/start.cjs");
    const hasher = async (): Promise<string> => (await run(process.execPath, [program, "--version"])).stdout;
    const runInstallScripts = (CC?: string) =>
      run("npm", ["rebuild", "--offline", "tlog-migrate"], { cwd: user, CC });

    expect(await hasher()).toContain("(hasher: javascript)");
    await runInstallScripts();
    expect(await hasher()).toContain(`(hasher: ${HAS_COMPILER ? "native" : "javascript"})`);
    await runInstallScripts("/nonexistent/cc");
    expect(await hasher()).toContain("(hasher: javascript)");
  });
});
