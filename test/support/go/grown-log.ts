/**
 * Large logs that Tessera's Appender continues at once: our own generator makes 10,000,000 small entries in seconds, and
 * Tessera's private state is written as its POSIX driver does.
 */

import { hash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { writeLog } from "../../logs/generate.ts";
import { newEd25519Signer, signNote } from "../../logs/sign.ts";
import type { LogContents, LogIdentity } from "./tessera.ts";

/** Bytes of an entry. */
const ENTRY_SIZE = 8;

/** Writes a log of so many entries, signed by the key that the kits derive from the same seed. @returns its vkey. */
export function makeGrownLog(identity: LogIdentity & Pick<LogContents, "size" | "seed">): string {
  const { dir, origin, key, size, seed = "grown" } = identity;
  const { rootHash } = writeLog(dir, { size, origin, seed, entrySize: ENTRY_SIZE });
  const root = formatHash(rootHash);
  const signer = newEd25519Signer(origin, hash("sha256", `tesserakit ed25519\n${key}`, "buffer"));
  writeFileSync(join(dir, "checkpoint"), signNote(`${origin}\n${size}\n${root}\n`, [signer]));
  const state = join(dir, ".state");
  mkdirSync(state);
  writeFileSync(join(state, "treeState"), JSON.stringify({ size, root }));
  writeFileSync(join(state, "version"), "1");
  return signer.vkey;
}
