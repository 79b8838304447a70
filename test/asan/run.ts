/**
 * Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer and holds it to the JavaScript hasher in a
 * Node that runs under them. On Linux, with gcc or a clang that uses gcc's runtime.
 *
 * First it must catch addons that were broken on purpose: a run that could not see them would prove nothing.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/** How long the addon itself is run. */
const SECONDS = 20;
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const SOURCE = readFileSync(here("../../lib/tlog/native/bundle-hasher.c"), "utf8");
const BROKEN: Record<string, readonly [right: string, wrong: string]> = {
  "one byte read beyond a bundle": ["entry.bytes, entry.length,", "entry.bytes, entry.length + 1,"],
  "one hash written beyond its room": [
    "if (count == capacity) return -1;",
    "if (count > capacity) return -1;",
  ],
};

const directory = mkdtempSync(join(tmpdir(), "tlog-migrate-asan-"));
try {
  for (const [fault, [right, wrong]] of Object.entries(BROKEN)) {
    if (!SOURCE.includes(right)) throw new Error(`the source has changed, it has no "${right}" to break`);
    const { stderr } = fuzz(build(SOURCE.replace(right, wrong)), 0);
    if (!/AddressSanitizer: heap-buffer-overflow/.test(stderr)) {
      throw new Error(`AddressSanitizer does not see ${fault}:\n${stderr}`);
    }
    console.log(`seen: ${fault}`);
  }
  const { status, stdout, stderr } = fuzz(build(SOURCE), SECONDS);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = status === 0 ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** Builds an addon in which AddressSanitizer sees all, and gives its path. */
function build(source: string): string {
  const [input, output] = [join(directory, "bundle-hasher.c"), join(directory, "bundle-hasher.node")];
  writeFileSync(input, source);
  const { include_dir: headers } = createRequire(import.meta.url)("node-api-headers");
  const checked = ["Init", "Update", "Final"].map((name) => `-DSHA256_${name}=checked_SHA256_${name}`);
  const flags = ["-O1", "-g", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror", ...SANITIZERS];
  const compile = (file: string, object: string, more: readonly string[]) =>
    run([...flags, "-fPIC", "-fvisibility=hidden", "-I", headers, ...more, "-c", file, "-o", object]);
  compile(input, `${output}.o`, checked);
  compile(here("checked-sha256.c"), `${output}.sha256.o`, []);
  run([...SANITIZERS, "-shared", `${output}.o`, `${output}.sha256.o`, "-o", output]);
  return output;
}

/** Runs an addon against the JavaScript hasher for so many seconds, at least once over. */
function fuzz(addon: string, seconds: number) {
  const preload = run(["-print-file-name=libasan.so"]).trim();
  return spawnSync(process.execPath, [here("fuzz.ts"), addon, String(seconds)], {
    encoding: "utf8",
    // Node leaves to its end what it has allocated: leaks are not looked for.
    env: { ...process.env, LD_PRELOAD: preload, ASAN_OPTIONS: "detect_leaks=0" },
  });
}

/** Runs the compiler, and gives what it printed. */
function run(args: readonly string[]): string {
  return execFileSync(process.env.CC?.trim() || "cc", args, { encoding: "utf8" });
}
