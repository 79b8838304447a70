/**
 * Builds the addon of bundle-hasher.c where there is a C compiler; npm runs it when the package is installed.
 * Without the addon all works the same, but slower. So whatever goes wrong, the exit code is 0, one line tells
 * why, and no binary is left, not even one that an earlier source gave.
 *
 * It calls the compiler itself, since node-gyp would download headers. It is plain JavaScript: npm runs it before
 * anything is compiled, and Node strips no types below node_modules. On Windows it builds nothing: there an addon
 * is linked with an import library of node.exe, and none with OpenSSL's functions comes by npm.
 *
 * Usage: node build.js [where the binary goes]. The compiler is $CC, by default cc.
 */

import { spawnSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const SOURCE = here("bundle-hasher.c");
const BINARY = resolve(process.argv[2] ?? here("bundle-hasher.node"));

// A compiler or a binary that hangs must not hang an installation.
const COMPILE_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 20_000;

try {
  build();
} catch (error) {
  console.error(`tlog-migrate: built no native hasher (${error.message}), the JavaScript one does its work`);
}

/** Puts a tested binary in place, under its name only once it is whole and right. */
function build() {
  rmSync(BINARY, { force: true });
  const unproven = `${BINARY}.${process.pid}`;
  try {
    compile(unproven);
    test(unproven);
    renameSync(unproven, BINARY);
  } finally {
    rmSync(unproven, { force: true });
  }
}

function compile(output) {
  if (process.platform === "win32") throw new Error("Windows");
  const { include_dir: headers } = createRequire(import.meta.url)("node-api-headers");
  // As make does: $CC may be a command with arguments.
  const [compiler, ...ofCompiler] = (process.env.CC?.trim() || "cc").split(/\s+/);
  const shared = process.platform === "darwin" ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared"];
  const flags = [...ofCompiler, "-O3", "-fPIC", "-fvisibility=hidden", ...shared];
  run(compiler, [...flags, "-I", headers, SOURCE, "-o", output], COMPILE_TIMEOUT_MS);
}

/** Loads the binary with its known-answer test, in a process of its own: a wrong one may crash it. */
function test(binary) {
  const loaders = ["../native-hasher.ts", "../../../dist/lib/tlog/native-hasher.js"];
  const loader = loaders.map((name) => new URL(name, import.meta.url)).find(existsSync);
  if (loader === undefined) throw new Error("nothing to test it with");
  const load =
    "const [loader, binary] = process.argv.slice(1); (await import(loader)).loadNativeHasher(binary)";
  run(process.execPath, ["--input-type=module", "-e", load, loader.href, binary], TEST_TIMEOUT_MS);
}

function run(command, args, timeout) {
  const stdio = ["ignore", "ignore", "pipe"];
  const { error, status, signal, stderr } = spawnSync(command, args, { stdio, timeout, encoding: "utf8" });
  if (error) throw error;
  if (status === 0) return;
  const reason = /^.*error.*$/im.exec(stderr)?.[0] ?? "";
  throw new Error(`${command} ended with ${status ?? signal} ${reason}`.trim());
}
