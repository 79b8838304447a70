import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { loadAddon, loadNativeHasher } from "../../../../lib/tlog/hasher/native.ts";
import { HAS_COMPILER, HAS_NATIVE_HASHER } from "../../../support/hashers.ts";
import { temporaryDirectory } from "../../../support/places/directory.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const BUILD = join(ROOT, "lib/tlog/hasher/native/build.js");

interface Built {
  readonly stdout: string;
  readonly stderr: string;
  readonly isThere: boolean;
}

/** Runs the install script, which must end well whatever happens. */
async function build(
  binary: string,
  { script = BUILD, CC }: { script?: string; CC?: string } = {},
): Promise<Built> {
  // The modules of the clones are not for the compile cache of the tests.
  const env = { ...process.env, CC, NODE_COMPILE_CACHE: undefined };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, binary], { env });
  const beside = readdirSync(dirname(binary)).filter((name) => name.startsWith("bundle-hasher.node"));
  const isThere = existsSync(binary);
  expect(beside).toEqual(isThere ? ["bundle-hasher.node"] : []);
  return { stdout, stderr, isThere };
}

/** A compiler that is a shell script; `$output` is where the binary is to go. */
function fakeCompiler(body: string): string {
  const path = join(temporaryDirectory(), "cc");
  writeFileSync(path, `#!/bin/sh\nfor output; do :; done\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A copy of what the install script needs, with `right` in one of its files turned wrong. Gives the script in it. */
function buildOf(file: string, right: string, wrong: string): string {
  const clone = temporaryDirectory();
  mkdirSync(join(clone, "lib"));
  for (const name of ["package.json", "lib/tlog"])
    cpSync(join(ROOT, name), join(clone, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
  const path = join(clone, "lib/tlog/hasher/native", file);
  const source = readFileSync(path, "utf8");
  expect(source).toContain(right);
  writeFileSync(path, source.replace(right, wrong));
  return join(clone, "lib/tlog/hasher/native/build.js");
}

/** Whether here an addon comes out that hashes entries side by side too. */
const CAN_HASH_IN_LANES = HAS_COMPILER && HAS_NATIVE_HASHER && loadAddon().hashBundleInLanes !== undefined;

const place = () => join(temporaryDirectory(), "bundle-hasher.node");

describe("the install script", () => {
  test.skipIf(!HAS_COMPILER)("builds the addon, and says nothing", async () => {
    const binary = place();
    expect(await build(binary)).toEqual({ stdout: "", stderr: "", isThere: true });
    expect(loadNativeHasher(binary).name).toBe("native");
  });

  test.skipIf(!HAS_COMPILER)("takes a compiler with arguments", async () => {
    expect(await build(place(), { CC: " cc  -g " })).toMatchObject({ stderr: "", isThere: true });
    expect(await build(place(), { CC: "" })).toMatchObject({ stderr: "", isThere: true });
  });

  test("builds nothing without a compiler, and says so in one line", async () => {
    const built = await build(place(), { CC: "/nonexistent/cc" });
    expect(built).toMatchObject({ stdout: "", isThere: false });
    expect(built.stderr).toMatch(/^tlog-migrate: built no native hasher \([^\n]*ENOENT[^\n]*\n$/);
  });

  test.each([
    ["fails", "echo one; echo 'an error: such' >&2; echo three >&2; exit 1"],
    ["is killed", "kill -9 $$"],
    ["gives nothing", "exit 0"],
    ["gives no program", 'echo nonsense > "$output"'],
    ["leaves half of it", 'echo nonsense > "$output"; exit 1'],
  ])("keeps nothing, not even an older binary, where the compiler %s", async (_, body) => {
    const binary = place();
    writeFileSync(binary, "of an earlier source");
    const built = await build(binary, { CC: fakeCompiler(body) });
    expect(built).toMatchObject({ stdout: "", isThere: false });
    expect(built.stderr).toMatch(/^tlog-migrate: built no native hasher \([^\n]+\n$/);
  });

  test("tells what the compiler complained of", async () => {
    const { stderr } = await build(place(), {
      CC: fakeCompiler("echo warning >&2; echo 'the error' >&2; exit 1"),
    });
    expect(stderr).toContain("ended with 1 the error)");
  });

  test("ends well where nothing can be written", async () => {
    const { status, stderr } = spawnSync(process.execPath, [BUILD, "/proc/bundle-hasher.node"], {
      encoding: "utf8",
    });
    expect(status).toBe(0);
    expect(stderr).toMatch(/^tlog-migrate: built no native hasher/);
  });

  describe.skipIf(!HAS_COMPILER)("keeps no addon that fails the known-answer test", () => {
    test.each([
      ["a leaf that is hashed as a node", "prefix = {{0x00,", "prefix = {{0x01,"],
      ["a Static CT leaf without its version", "TILES ? 1 : 3", "TILES ? 1 : 2"],
      ["a node that is hashed as a leaf", "nodes[i][0] = 0x01", "nodes[i][0] = 0x00"],
      [
        "nodes in another order",
        "&nodes[i / 2][1 + i % 2 * HASH_SIZE]",
        "&nodes[i / 2][33 - i % 2 * HASH_SIZE]",
      ],
      ["a fold that stops early", "width > 0; width /= 2", "width > 1; width /= 2"],
      ["little-endian lengths", "*value << 8 | bytes[i]", "*value | (size_t)bytes[i] << 8 * i"],
      [
        "a precertificate without its issuer",
        "type == PRECERT_ENTRY && !skip(bundle, ISS",
        "false && !skip(bundle, ISS",
      ],
      [
        "a bundle that may be cut off",
        "if (length > bundle->left) return false;",
        "if (length > bundle->left) length = bundle->left;",
      ],
      [
        "a hash of another length",
        "memcpy(&nodes[WIDEST + i][1]",
        "if (i < 127) memcpy(&nodes[WIDEST + i][1]",
      ],
      ["a crash", "size_t count = 0;", "size_t count = 0; __builtin_trap();"],
      ["a function of another name", 'exports, "hashBundle"', 'exports, "hashBundles"'],
    ])("%s", async (_, right, wrong) => {
      const script = buildOf("bundle-hasher.c", right, wrong);
      expect(await build(place(), { script })).toMatchObject({ isThere: false });
    });

    test("but keeps the right one, built the same way", async () => {
      const script = buildOf("bundle-hasher.c", "/*", "/* As it was.");
      expect(await build(place(), { script })).toMatchObject({ stderr: "", isThere: true });
    });
  });

  describe.skipIf(!CAN_HASH_IN_LANES)("builds an addon that hashes one entry after the other", () => {
    test.each([
      ["no room for the padding", "+ 1 + 8 + BLOCK_SIZE - 1", "+ 1 + 7 + BLOCK_SIZE - 1"],
      [
        "a hash that goes elsewhere",
        "sorted[places[blocks[i]]++]",
        "sorted[count - 1 - places[blocks[i]]++]",
      ],
      ["four lanes for five messages", "> LANES / 2 ? 2 : 1", "> LANES / 2 + 1 ? 2 : 1"],
      ["too long a message in a lane", "TOO_LONG = LANE_BLOCKS + 1", "TOO_LONG = LANE_BLOCKS + 2"],
      ["long messages left out", "if (!hash_in_turn(", "if (false && !hash_in_turn("],
      ["a crash", "lane_hashes hashes;", "lane_hashes hashes; __builtin_trap();"],
      ["an error of the compiler's", "lane_hashes hashes;", "lane_hashes hashes; no such thing;"],
    ])("where the other way has %s", async (_, right, wrong) => {
      const binary = place();
      const script = buildOf("sha256-lanes.c", right, wrong);
      expect(await build(binary, { script })).toEqual({ stdout: "", stderr: "", isThere: true });
      expect(loadAddon(binary)).toEqual({ hashBundle: expect.any(Function) });
    });

    test.each([
      ["another major version", '"9.5.8"'],
      ["another minor version", '"3.99.8"'],
      ["none", "undefined"],
    ])("for an OpenSSL of %s", async (_, version) => {
      const binary = place();
      const script = buildOf("build.js", "process.versions.openssl", version);
      expect(await build(binary, { script })).toEqual({ stdout: "", stderr: "", isThere: true });
      expect(loadAddon(binary)).toEqual({ hashBundle: expect.any(Function) });
      expect(loadNativeHasher(binary).name).toBe("native-serial");
    });
  });
});
