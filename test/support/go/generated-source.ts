/** Large logs for Tessera to take over: generated, which is faster than its Appender, and signed by a key that the kit has too. */

import { hash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKPOINT_PATH } from "../../../lib/tlog/layout.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { writeLog } from "../../logs/generate.ts";
import { newEd25519Signer, signNote } from "../../logs/sign.ts";
import type { LogIdentity } from "./tessera.ts";

export interface GeneratedSource extends LogIdentity {
  readonly size: number;
  readonly vkey: string;
}

/** Writes a tlog-tiles log of small entries, without obsolete partials. */
export function generateSource(dir: string, size: number): GeneratedSource {
  const identity = { origin: "log.example/generated", key: "the log's key" };
  const { rootHash } = writeLog(dir, { size, entrySize: 8, origin: identity.origin });
  const signer = newEd25519Signer(
    identity.origin,
    // As test/interop/internal/testlog/signing.go has it.
    hash("sha256", `tesserakit ed25519\n${identity.key}`, "buffer"),
  );
  const text = `${identity.origin}\n${size}\n${formatHash(rootHash)}\n`;
  writeFileSync(join(dir, CHECKPOINT_PATH), signNote(text, [signer]));
  return { dir, ...identity, size, vkey: signer.vkey };
}
