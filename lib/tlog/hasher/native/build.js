/**
 * Builds the addon of bundle-hasher.c where there is a C compiler; npm runs it when the package is installed. Without
 * the addon everything works the same, but slower: whatever fails, the exit code is 0, one line reports why, and no
 * binary is left, not even one of earlier sources.
 *
 * It calls the compiler itself, since node-gyp would download headers. It is plain JavaScript: Node strips no types
 * below node_modules. On Windows it builds nothing: an addon is linked there with an import library of node.exe, and
 * none with OpenSSL's functions is available from npm.
 *
 * Usage: node build.js [where the binary goes]. The compiler is $CC, by default cc.
 */

import { spawnSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const SOURCES = ["bundle-hasher.c", "sha256.c", "sha256-lanes.c"].map(here);
const BINARY = resolve(process.argv[2] ?? here("bundle-hasher.node"));

// A compiler or a binary that hangs must not hang an installation.
const COMPILE_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 20_000;

try {
  build();
} catch ({ message }) {
  console.error(`tlog-migrate: built no native hasher (${message}), the JavaScript one is used instead`);
}

/** Puts a binary in place, under its name only once it is complete and tested. */
function build() {
  rmSync(BINARY, { force: true });
  const unproven = `${BINARY}.${process.pid}`;
  try {
    try {
      // What sha256-lanes.c calls, OpenSSL does not document: it runs under the OpenSSL that it was tested with alone.
      const [major, minor] = process.versions.openssl.split(".");
      make(unproven, [`-DTESTED_OPENSSL_MAJOR=${major}`, `-DTESTED_OPENSSL_MINOR=${minor}`]);
    } catch {
      make(unproven, []);
    }
    renameSync(unproven, BINARY);
  } finally {
    rmSync(unproven, { force: true });
  }
}

function make(output, definitions) {
  if (process.platform === "win32") throw new Error("Windows");
  const { include_dir: headers } = createRequire(import.meta.url)("node-api-headers");
  // As make does: $CC may be a command with arguments.
  const [compiler, ...ofCompiler] = (process.env.CC?.trim() || "cc").split(/\s+/);
  const shared = process.platform === "darwin" ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared"];
  const flags = [...ofCompiler, "-O3", "-fPIC", "-fvisibility=hidden", ...shared, ...definitions];
  run(compiler, [...flags, "-I", headers, ...SOURCES, "-o", output], COMPILE_TIMEOUT_MS);
  test(output);
}

/** Tests the binary in a process of its own: a wrong one may crash it, or never return. */
function test(binary) {
  const loaders = ["../native.ts", "../../../../dist/lib/tlog/hasher/native.js"];
  const loader = loaders.map((name) => new URL(name, import.meta.url)).find(existsSync);
  if (loader === undefined) throw new Error("nothing to test it with");
  if (loader.pathname.endsWith(".ts") && !process.features.typescript) {
    throw new Error(`Node ${process.version} is too old; \`npm rebuild node\` installs one in a clone`);
  }
  const trial = "const [loader, binary] = process.argv.slice(1); (await import(loader)).tryAddon(binary)";
  run(process.execPath, ["--input-type=module", "-e", trial, loader.href, binary], TEST_TIMEOUT_MS);
}

function run(command, args, timeout) {
  const stdio = ["ignore", "ignore", "pipe"];
  const { error, status, signal, stderr } = spawnSync(command, args, { stdio, timeout, encoding: "utf8" });
  if (error) throw error;
  if (status === 0) return;
  const reason = /^.*error.*$/im.exec(stderr)?.[0] ?? "";
  throw new Error(`${command} ended with ${status ?? signal} ${reason}`.trim());
}
