/** Of the signatures that anybody can add to a checkpoint, few are kept, and all that a policy needs. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { openCheckpoint } from "../../../lib/tlog/checkpoint.ts";
import { keptNote } from "../../../lib/tlog/kept-note.ts";
import { formatHash } from "../../../lib/tlog/merkle.ts";
import { parseNote } from "../../../lib/tlog/note.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import { newEd25519Signer } from "../../logs/sign.ts";

const ORIGIN = "log.example/kept";
const TEXT = `${ORIGIN}\n7\n${formatHash(Buffer.alloc(32, 7))}\n`;
const [own, witness] = [ORIGIN, "witness.example"].map((name, i) => {
  const signer = newEd25519Signer(name, Buffer.alloc(32, i));
  return { line: signer.signatureLine(TEXT), verifier: parseVkey(signer.vkey) };
});
if (own === undefined || witness === undefined) throw new Error("two signers");

const BOTH = { verifiers: [own.verifier, witness.verifier] };

function lineOf(name: string, bytes: number, fill = 1): string {
  return `— ${name} ${Buffer.alloc(bytes, fill).toString("base64")}\n`;
}

function linesIn(note: string): string[] {
  return note.slice(TEXT.length + 1).split(/(?<=\n)/);
}

const kept = (lines: readonly string[], policy: Parameters<typeof keptNote>[1] = BOTH): string[] => {
  const note = keptNote(Buffer.from(`${TEXT}\n${lines.join("")}`), policy);
  expect(note.startsWith(`${TEXT}\n`)).toBe(true);
  expect(parseNote(Buffer.from(note)).text).toBe(TEXT);
  return linesIn(note);
};

test("900 KB of unknown keys' lines go, what the policy needs stays, in its order", () => {
  const noise = Array.from({ length: 22 }, (_, i) => lineOf(`noise.example/${i}`, 15_000));
  expect(kept([...noise, witness.line, ...noise, own.line])).toEqual([witness.line, own.line]);
});

test("a witness that the policy does not name yet is kept, among sixteen", () => {
  const others = Array.from({ length: 40 }, (_, i) => lineOf(`other.example/${i}`, 72));
  expect(kept([own.line, witness.line, ...others], { verifiers: [own.verifier] })).toEqual([
    own.line,
    witness.line,
    ...others.slice(0, 15),
  ]);
});

test("without a key the log's own name comes first", () => {
  const others = Array.from({ length: 40 }, (_, i) => lineOf(`other.example/${i}`, 72));
  expect(kept([...others, own.line], { insecureNoSignature: true })).toEqual([
    ...others.slice(0, 15),
    own.line,
  ]);
});

test("where none is small, the smallest stays: a note has one", () => {
  const lines = [lineOf("a", 30_000), lineOf("b", 20_000), lineOf("c", 25_000)];
  expect(kept(lines, { insecureNoSignature: true })).toEqual([lines[1]]);
});

test("whatever else is there, the note satisfies its policy still, and is bounded", () => {
  const anyLine = fc
    .record({
      name: fc.constantFrom(ORIGIN, "witness.example", "x"),
      bytes: fc.integer({ min: 5, max: 20_000 }),
    })
    .map(({ name, bytes }) => lineOf(name, bytes, 9));
  fc.assert(
    fc.property(fc.array(anyLine, { maxLength: 60 }), fc.nat(60), fc.nat(60), (lines, first, second) => {
      lines.splice(first, 0, own.line);
      lines.splice(second, 0, witness.line);
      const left = kept(lines);
      expect(openCheckpoint(Buffer.from(`${TEXT}\n${left.join("")}`), BOTH).signatures).toHaveLength(2);
      expect(lines.filter((line) => left.includes(line))).toEqual(expect.arrayContaining(left));
      expect(left.length).toBeLessThanOrEqual(18);
      expect(Buffer.byteLength(left.join(""))).toBeLessThan(17_000);
    }),
    { numRuns: 50 },
  );
});
