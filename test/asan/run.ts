/**
 * Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer and holds each of its functions to the
 * JavaScript hasher in a Node that runs under them. On Linux, with gcc or a clang that uses gcc's runtime; the
 * addon that npm builds must be there, to tell which functions it has here.
 *
 * First it must catch addons that were broken on purpose: a run that could not see them would prove nothing.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadAddon } from "../../lib/tlog/hasher/native.ts";

const SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

const SECONDS = 15;

/** What OpenSSL is told not to use (OPENSSL_ia32cap(3)): nothing, SHA, AVX2 too, AVX too. */
const PROCESSORS = [undefined, ":~0x20000000", ":~0x20000020", "~0x1000000000000000:~0x20000020"];

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Fault {
  readonly name: string;
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
}
const FAULTS: readonly Fault[] = [
  {
    name: "one byte read beyond a bundle",
    file: "bundle-hasher.c",
    right: "entry.bytes, entry.length,",
    wrong: "entry.bytes, entry.length + 1,",
  },
  {
    name: "one hash written beyond its room",
    file: "bundle-hasher.c",
    right: "if (count == capacity) return -1;",
    wrong: "if (count > capacity) return -1;",
  },
];
const LANE_FAULTS: readonly Fault[] = [
  ...FAULTS,
  {
    name: "a message that does not fit into a lane",
    file: "sha256-lanes.c",
    right: "TOO_LONG = LANE_BLOCKS + 1",
    wrong: "TOO_LONG = LANE_BLOCKS + 64",
  },
  {
    name: "a block that OpenSSL reads beyond a lane",
    file: "checked-sha256.c",
    right: "(lane_input){own, inputs[lane].blocks}",
    wrong: "(lane_input){own, inputs[lane].blocks + (inputs[lane].blocks > 0)}",
  },
  {
    name: "a block that OpenSSL reads in a lane without any",
    file: "checked-sha256.c",
    right: "(lane_input){own, inputs[lane].blocks}",
    wrong: "(lane_input){own, inputs[lane].blocks > 0 ? inputs[lane].blocks : 1}",
  },
];

const directory = mkdtempSync(join(tmpdir(), "tlog-migrate-asan-"));
try {
  check("hashBundle", FAULTS, [undefined]);
  if (loadAddon().hashBundleInLanes === undefined) console.log("no hashBundleInLanes here");
  else check("hashBundleInLanes", LANE_FAULTS, PROCESSORS);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** Runs a function, after it was seen that its faults are. */
function check(name: string, faults: readonly Fault[], processors: readonly (string | undefined)[]): void {
  for (const fault of faults) {
    const addon = build(fault);
    for (const processor of processors) {
      const { stderr } = fuzz(addon, name, 0, processor);
      if (!/AddressSanitizer: (heap|stack)-buffer-overflow|AddressSanitizer: SEGV/.test(stderr)) {
        throw new Error(`AddressSanitizer does not see ${fault.name}:\n${stderr}`);
      }
    }
    console.log(`seen in ${name}: ${fault.name}`);
  }
  const addon = build();
  for (const processor of processors) {
    const { status, stdout, stderr } = fuzz(addon, name, SECONDS, processor);
    process.stdout.write(processor === undefined ? stdout : `OPENSSL_ia32cap=${processor} ${stdout}`);
    process.stderr.write(stderr);
    if (status !== 0) process.exitCode = 1;
  }
}

/** Builds an addon, with a fault in it if one is given, in which AddressSanitizer sees all. Gives its path. */
function build(fault?: Fault): string {
  cpSync(here("../../lib/tlog/hasher/native"), directory, { recursive: true });
  cpSync(here("checked-sha256.c"), join(directory, "checked-sha256.c"));
  if (fault !== undefined) {
    const path = join(directory, fault.file);
    const source = readFileSync(path, "utf8");
    if (!source.includes(fault.right)) throw new Error(`${fault.file} has no "${fault.right}" to break`);
    writeFileSync(path, source.replace(fault.right, fault.wrong));
  }
  const { include_dir: headers } = createRequire(import.meta.url)("node-api-headers");
  const [major, minor] = process.versions.openssl.split(".");
  const tested = [`-DTESTED_OPENSSL_MAJOR=${major}`, `-DTESTED_OPENSSL_MINOR=${minor}`];
  const names = ["SHA256_Init", "SHA256_Update", "SHA256_Final", "sha256_multi_block"];
  const checked = names.map((name) => `-D${name}=checked_${name}`);
  const flags = ["-O1", "-g", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Wconversion", "-Werror"];
  const objects = readdirSync(directory)
    .filter((name) => name.endsWith(".c"))
    .map((name) => {
      const [source, object] = [join(directory, name), join(directory, `${name}.o`)];
      const definitions = name === "checked-sha256.c" ? [] : [...checked, ...tested];
      const more = ["-fPIC", "-fvisibility=hidden", "-I", headers, ...definitions];
      run([...flags, ...SANITIZERS, ...more, "-c", source, "-o", object]);
      return object;
    });
  const addon = join(directory, "bundle-hasher.node");
  run([...SANITIZERS, "-shared", ...objects, "-o", addon]);
  return addon;
}

/** Runs a function of an addon against the JavaScript hasher for so many seconds, at least once over. */
function fuzz(addon: string, name: string, seconds: number, processor: string | undefined) {
  const preload = run(["-print-file-name=libasan.so"]).trim();
  return spawnSync(process.execPath, [here("fuzz.ts"), addon, name, String(seconds)], {
    encoding: "utf8",
    // Node leaves to its end what it has allocated: leaks are not looked for. It would handle SIGSEGV itself.
    env: {
      ...process.env,
      LD_PRELOAD: preload,
      ASAN_OPTIONS: "detect_leaks=0:handle_segv=2",
      OPENSSL_ia32cap: processor,
    },
  });
}

function run(args: readonly string[]): string {
  return execFileSync(process.env.CC?.trim() || "cc", args, { encoding: "utf8" });
}
