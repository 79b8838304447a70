/** A checkpoint takes another one's place only where its readers lose nothing. */

import { expect, test } from "vitest";
import { openCheckpoint } from "../../../lib/tlog/checkpoint.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { type OpenedNote, supersedes } from "../../../lib/tlog/newer-checkpoint.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import { newEd25519Signer } from "../../logs/sign.ts";
import { testLog } from "../../support/logs/generated-log.ts";

const ORIGIN = "log.example/newer";
const signer = newEd25519Signer(ORIGIN, Buffer.alloc(32, 1));

const witness = (name: string, fill: number): string =>
  `— ${name} ${Buffer.alloc(76, fill).toString("base64")}\n`;

function opened(size: number, lines: readonly string[] = [], extension = ""): OpenedNote {
  const text = `${ORIGIN}\n${size}\n${formatHash(Buffer.alloc(32, size))}\n${extension}`;
  const note = Buffer.from(`${text}\n${[signer.signatureLine(text), ...lines].join("")}`);
  return { ...openCheckpoint(note, { verifiers: [parseVkey(signer.vkey)] }), note };
}

test("a larger tree does, whoever has signed it, and a smaller one never does", () => {
  expect(supersedes(opened(8), opened(7, [witness("a", 1)]))).toBe(true);
  expect(supersedes(opened(7, [witness("a", 1)]), opened(8))).toBe(false);
});

test("of the same tree, more signatures do, fewer do not, and the same in another order are nothing new", () => {
  const [a, b] = [witness("a", 1), witness("b", 2)];
  expect(supersedes(opened(7, [a]), opened(7))).toBe(true);
  expect(supersedes(opened(7, [b, a]), opened(7, [a]))).toBe(true);
  expect(supersedes(opened(7), opened(7, [a]))).toBe(false);
  expect(supersedes(opened(7, [b]), opened(7, [a]))).toBe(false);
  expect(supersedes(opened(7, [b, a]), opened(7, [a, b]))).toBe(false);
  expect(supersedes(opened(7), opened(7))).toBe(false);
});

test("a text that says more of the same tree does", () => {
  const frozen = opened(7, [], "Log frozen — 2026-11-29\n");
  expect(supersedes(frozen, opened(7))).toBe(true);
});

test("a later signature of the same tree does, and an earlier one does not", () => {
  const log = testLog({ format: "static-ct", size: 5 });
  const note = log.object("checkpoint");
  const first = { ...openCheckpoint(note, { verifiers: [parseVkey(log.vkey)] }), note };
  const at = (timestampMs: number): OpenedNote => {
    const again = Buffer.from(
      note.toString().replace(/([A-Za-z0-9+/]{60})[A-Za-z0-9+/]{4}/, `$1${timestampMs}`),
    );
    return {
      ...first,
      note: again,
      signatures: first.signatures.map((signature) => ({ ...signature, timestampMs })),
    };
  };
  expect(supersedes(at(2_000), at(1_000))).toBe(true);
  expect(supersedes(at(1_000), at(2_000))).toBe(false);
});
