/**
 * Large logs that Tessera's Appender continues at once: our own generator makes 10,000,000 small entries in seconds, and
 * Tessera's private state is written as its POSIX driver does.
 */

import { execFile } from "node:child_process";
import { hash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { newEd25519Signer, signNote } from "../../logs/sign.ts";
import type { LogContents, LogIdentity } from "./tessera.ts";

const GENERATOR = fileURLToPath(new URL("../../logs/generate.ts", import.meta.url));
/** Bytes of an entry. */
const ENTRY_SIZE = "8";

/**
 * Writes a log of so many entries, in a process of its own, signed by the key that the kits derive from the same seed.
 * @returns its vkey.
 */
export async function makeGrownLog(
  identity: LogIdentity & Pick<LogContents, "size" | "seed">,
): Promise<string> {
  const { dir, origin, key, size, seed = "grown" } = identity;
  const contents = ["--entries", `${size}`, "--entry-size", ENTRY_SIZE, "--seed", seed, "--origin", origin];
  const { stdout } = await promisify(execFile)(process.execPath, [GENERATOR, ...contents, "--out", dir]);
  const { rootHash: root } = JSON.parse(stdout) as { readonly rootHash: string };
  const signer = newEd25519Signer(origin, hash("sha256", `tesserakit ed25519\n${key}`, "buffer"));
  writeFileSync(join(dir, "checkpoint"), signNote(`${origin}\n${size}\n${root}\n`, [signer]));
  const state = join(dir, ".state");
  mkdirSync(state);
  writeFileSync(join(state, "treeState"), JSON.stringify({ size, root }));
  writeFileSync(join(state, "version"), "1");
  return signer.vkey;
}
