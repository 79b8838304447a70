import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attempt, FormatError } from "../../../lib/tlog/errors.ts";
import { decodeBase64, isKeyName, parseNote, SignatureError, verifyNote } from "../../../lib/tlog/note.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import { newEd25519Signer, signNote } from "../../logs/sign.ts";

// golang.org/x/mod@v0.33.0/sumdb/note/note_test.go, TestOpen.
const TEXT = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.
`;
const PETER = parseVkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
const ENOCH = parseVkey("EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop");
const PETER_LINE =
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE =
  "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

function parse(note: string) {
  return parseNote(bytesOf(note));
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What a note is worth to a caller: its text, and who has signed it. */
function opened(bytes: Uint8Array, verifiers = [PETER]) {
  const note = parseNote(bytes);
  return { text: note.text, signers: verifyNote(note, verifiers).map(({ verifier }) => verifier.name) };
}

describe("notes of golang.org/x/mod/sumdb/note", () => {
  const both = bytesOf(`${TEXT}\n${PETER_LINE}${ENOCH_LINE}`);

  test("a signature by a known key verifies, one by an unknown key is ignored", () => {
    expect(opened(both, [PETER])).toEqual({ text: TEXT, signers: ["PeterNeumann"] });
    expect(opened(both, [ENOCH])).toEqual({ text: TEXT, signers: ["EnochRoot"] });
  });

  test("all known keys that signed are told, in the order of their signatures", () => {
    expect(opened(both, [ENOCH, PETER])).toEqual({ text: TEXT, signers: ["PeterNeumann", "EnochRoot"] });
  });

  test("a note without a signature by a known key is rejected, and both sides are named", () => {
    const open = () => verifyNote(parse(`${TEXT}\n${ENOCH_LINE}`), [PETER]);
    expect(open).toThrow(SignatureError);
    expect(open).toThrow(
      expect.objectContaining({ expected: "PeterNeumann+c74f20a3", found: "EnochRoot+af0cfe78" }),
    );
    expect(() => verifyNote(parseNote(both), [])).toThrow(SignatureError);
  });

  test("a known key's signature that does not verify rejects the note, whatever other signatures say", () => {
    const longer = `${PETER_LINE.slice(0, 60)}ABCD${PETER_LINE.slice(60)}`;
    const open = () => verifyNote(parse(`${TEXT}\n${ENOCH_LINE}${longer}`), [PETER, ENOCH]);
    expect(open).toThrow(SignatureError);
    expect(open).toThrow(/PeterNeumann\+c74f20a3/);
  });

  test("a signature is not taken for one of a key that shares its name alone, or its key id alone", () => {
    const renamed = parse(`${TEXT}\n${PETER_LINE.replace("PeterNeumann", "CarmenSandiego")}`);
    expect(() => verifyNote(renamed, [PETER])).toThrow(/not signed by any key/);
    const renumbered = parse(`${TEXT}\n${PETER_LINE.replace("x08g", "xxxx")}`);
    expect(() => verifyNote(renumbered, [PETER])).toThrow(/not signed by any key/);
  });

  test("a repeated signature counts once, and every repetition must verify", () => {
    expect(opened(bytesOf(`${TEXT}\n${PETER_LINE}${PETER_LINE}`)).signers).toEqual(["PeterNeumann"]);
    const forged = PETER_LINE.replace("ZJkuBS", "ZJkuBT");
    expect(() => opened(bytesOf(`${TEXT}\n${PETER_LINE}${forged}`))).toThrow(SignatureError);
  });

  test("a key given twice is one that has signed twice, not a reason to fail", () => {
    expect(opened(both, [PETER, PETER]).signers).toEqual(["PeterNeumann"]);
  });

  test("a second key made to collide in name and key id cannot replace the first", () => {
    const impostor = { ...ENOCH, name: PETER.name, keyId: PETER.keyId };
    expect(() => opened(both, [PETER, impostor])).toThrow(SignatureError);
    expect(() => opened(both, [impostor, PETER])).toThrow(SignatureError);
  });

  test.each([
    ["no signature block", TEXT],
    ["an empty signature block", `${TEXT}\n`],
    ["no newline at the end", `${TEXT}\n${PETER_LINE.slice(0, -1)}`],
    ["another character for its last newline", `${TEXT}\n${PETER_LINE.slice(0, -1)}!`],
    ["a control character", `\u0001${TEXT}\n${PETER_LINE}`],
    ["a carriage return", `${TEXT}\r\n\n${PETER_LINE}`],
    ["a space in a key name", `${TEXT}\n${PETER_LINE.replace("PeterNeumann", "Bad Name")}`],
    ["a line that is no signature", `${TEXT}\n${PETER_LINE}Unexpected line.\n`],
    ["a hyphen for the em dash", `${TEXT}\n${PETER_LINE.replace("—", "-")}`],
    ["a key name with a plus", `${TEXT}\n${PETER_LINE.replace("Peter", "Peter+")}`],
    ["a key name with a Unicode space", `${TEXT}\n${PETER_LINE.replace("Peter", "Peter\u2003")}`],
    ["no key name", `${TEXT}\n${PETER_LINE.replace("PeterNeumann", "")}`],
    ["no signature after the key name", `${TEXT}\n— PeterNeumann\n`],
    ["two spaces in a signature line", `${TEXT}\n${PETER_LINE.replace("n x", "n  x")}`],
    ["a space at a signature line's end", `${TEXT}\n${PETER_LINE.replace("=\n", "= \n")}`],
    ["a signature that is only a key id", `${TEXT}\n— PeterNeumann x08gow==\n`],
    ["base64 without padding", `${TEXT}\n${PETER_LINE.replace("=", "")}`],
    ["base64 that is not canonical", `${TEXT}\n${PETER_LINE.replace("nAM=", "nAN=")}`],
    ["base64url", `${TEXT}\n${PETER_LINE.replaceAll("/", "_")}`],
  ])("a note with %s is malformed", (_, note) => {
    expect(() => parse(note)).toThrow(FormatError);
  });

  test("bytes that are not UTF-8 are rejected, overlong forms and surrogates too", () => {
    for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x80]]) {
      const note = Buffer.concat([Buffer.from(bad), Buffer.from(`${TEXT}\n${PETER_LINE}`)]);
      expect(() => parseNote(note)).toThrow(/UTF-8/);
    }
  });
});

describe("the example notes of c2sp.org/signed-note", () => {
  test("the last blank line divides a text that has blank lines of its own", () => {
    const note = parse(`Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
`);
    expect(note.text.endsWith("sole:\n\ned è subito sera.\n")).toBe(true);
    expect(note.signatures).toMatchObject([{ name: "quasimodo.example/salvatore", keyId: 0x367ba04b }]);
  });

  test("the example vkey verifies the example note", () => {
    const key = parseVkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    const note = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;
    expect(opened(bytesOf(note), [key]).signers).toEqual(["example.com/foo"]);
  });
});

describe("bounds", () => {
  const signers = Array.from({ length: 101 }, (_, i) =>
    newEd25519Signer(`example.com/${i}`, new Uint8Array(32).fill(i)),
  );
  const verifiers = signers.map(({ vkey }) => parseVkey(vkey));

  test("sixteen and up to a hundred signatures are accepted, more are not", () => {
    for (const count of [16, 100]) {
      const note = parseNote(signNote(TEXT, signers.slice(0, count)));
      expect(verifyNote(note, verifiers)).toHaveLength(count);
    }
    expect(() => parseNote(signNote(TEXT, signers))).toThrow(/too many signatures/);
  });

  test("a note of more than a megabyte is refused before it is read", () => {
    expect(() => parseNote(new Uint8Array(1_000_001).fill(0xff))).toThrow(/too large/);
  });

  test("a message about hostile bytes stays one short line without control characters", () => {
    const line = `— ${"\u009b31m".repeat(50_000)} ?`;
    const found: unknown = expect.stringMatching(/^[ -~—…]{10,130}$/);
    expect(() => parse(`${TEXT}\n${line}\n`)).toThrow(
      expect.objectContaining({ name: "FormatError", found }),
    );
  });
});

test("a byte order mark is part of the signed text, not decoration", () => {
  const signer = newEd25519Signer("example.com/log", new Uint8Array(32));
  const verifiers = [parseVkey(signer.vkey)];
  expect(opened(signer.sign("\ufefftext\n"), verifiers).text).toBe("\ufefftext\n");
  const marked = Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), signer.sign("text\n")]);
  expect(() => opened(marked, verifiers)).toThrow(SignatureError);
});

test("base64 is accepted in its one canonical form only", () => {
  expect(decodeBase64("AQI=")).toEqual(new Uint8Array([1, 2]));
  expect(decodeBase64("")).toEqual(new Uint8Array(0));
  for (const encoded of ["AQI", "AQJ=", "AQ-_", "AQI=\n", " AQI=", "AQI==", "=", "AQ=I"]) {
    expect(decodeBase64(encoded)).toBeUndefined();
  }
});

test("key names have neither Unicode spaces nor plus signs", () => {
  expect(["sum.golang.org", "a", "é", "\u200b", "\ufeff"].every(isKeyName)).toBe(true);
  expect(["", "a b", "a+b", "a\u00a0b", "a\u0085", "\u2028", "\ud800"].some(isKeyName)).toBe(false);
});

describe("properties", () => {
  const signed = bytesOf(`${TEXT}\n${PETER_LINE}${ENOCH_LINE}`);

  test("changing any one byte of a signed note makes it fail, or leaves text and signers as they were", () => {
    const before = opened(signed);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: signed.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (i, flip) => {
          const changed = Uint8Array.from(signed, (byte, at) => (at === i ? byte ^ flip : byte));
          expect(attempt(() => opened(changed)) ?? before).toEqual(before);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("removing or inserting bytes anywhere does the same", () => {
    const before = opened(signed);
    const position = fc.integer({ min: 0, max: signed.length });
    fc.assert(
      fc.property(position, position, fc.uint8Array({ maxLength: 4 }), (from, to, inserted) => {
        const changed = Buffer.concat([signed.subarray(0, from), inserted, signed.subarray(to)]);
        expect(attempt(() => opened(changed)) ?? before).toEqual(before);
      }),
      { numRuns: 3000 },
    );
  });

  test("whatever the bytes, parsing and verifying throws nothing but FormatError", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom("\n", "\n\n", "— ", "PeterNeumann ", "x08goAAA\n", PETER_LINE, TEXT).map(bytesOf),
      fc.string().map(bytesOf),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        attempt(() => opened(Buffer.concat(pieces)));
      }),
      { numRuns: 5000 },
    );
  });

  test("the text of a parsed note encodes back to the bytes before the blank line", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (noise) => {
        const text = `${noise.replace(/\p{Cc}/gu, "\n")}\n`;
        const bytes = bytesOf(`${text}\n${PETER_LINE}`);
        expect(bytesOf(parseNote(bytes).text)).toEqual(bytesOf(text));
      }),
    );
  });
});
