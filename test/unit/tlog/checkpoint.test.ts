import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  openCheckpoint,
  parseCheckpointText,
  staticCtOrigin,
  treeHeadBytes,
} from "../../../lib/tlog/checkpoint.ts";
import { attempt, FormatError } from "../../../lib/tlog/errors.ts";
import { SignatureError } from "../../../lib/tlog/note.ts";
import { parseVkey, staticCtVerifier } from "../../../lib/tlog/vkey.ts";
import { newEd25519Signer, newRfc6962Signer, signNote } from "../../logs/sign.ts";

// golang.org/x/mod@v0.33.0/sumdb/tlog/note_test.go: the root is the leaf hash of "hello world".
const SUMDB_TEXT = "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n";
const ROOT = "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=";
const EMPTY_ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

describe("checkpoint texts", () => {
  test("origin, size and root are read", () => {
    const checkpoint = parseCheckpointText(SUMDB_TEXT);
    expect(checkpoint).toEqual({
      origin: "go.sum database tree",
      size: 123456789012,
      rootHash: new Uint8Array(Buffer.from(ROOT, "base64")),
      extensions: [],
    });
  });

  test("extension lines are kept", () => {
    const text = `Log\n9944\n${ROOT}\nlots\nof\nlines\n`;
    expect(parseCheckpointText(text).extensions).toEqual(["lots", "of", "lines"]);
  });

  // The sumdb's and formats' own bad texts first, then what c2sp.org/tlog-checkpoint rules out beyond them.
  test.each([
    ["a hexadecimal size", `go.sum database tree\n0xabcdef\n${ROOT}\n`],
    [
      "a root that is too long",
      "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBTOOBIG=\n",
    ],
    ["two lines", "Head\n9944\n"],
    ["no origin", `\n9944\n${ROOT}\n`],
    ["no newline after the root", `Log\n123\n${ROOT}`],
    ["words for a size", `Log\nbananas\n${ROOT}\n`],
    ["a negative size", `Log\n-34\n${ROOT}\n`],
    ["a root that is not base64", "Log\n123\nThisIsn'tBase64\n"],
    ["a root that is too short", "Log\n123\nYmFuYW5hcw==\n"],
    ["an empty extension line", `Log\n123\n${ROOT}\n\n`],
    ["an extension line without newline", `Log\n123\n${ROOT}\nextension`],
    ["a leading zero", `Log\n0123\n${ROOT}\n`],
    ["a plus sign", `Log\n+123\n${ROOT}\n`],
    ["an exponent", `Log\n1e3\n${ROOT}\n`],
    ["a space after the size", `Log\n123 \n${ROOT}\n`],
    ["an empty size", `Log\n\n${ROOT}\n`],
    ["digits of another script", `Log\n١٢٣\n${ROOT}\n`],
    ["a root with other trailing bits", `Log\n123\n${ROOT.replace("b0=", "b1=")}\n`],
    ["a root without padding", `Log\n123\n${ROOT.replace("=", "")}\n`],
    ["nothing", ""],
    ["a newline", "\n"],
  ])("a text with %s is refused", (_, text) => {
    expect(() => parseCheckpointText(text)).toThrow(FormatError);
  });

  test("sizes up to 2^53-1 are exact, and larger ones are refused for what they are", () => {
    const sized = (size: string) => parseCheckpointText(`Log\n${size}\n${ROOT}\n`);
    expect(sized("9007199254740991").size).toBe(Number.MAX_SAFE_INTEGER);
    for (const size of ["9007199254740992", "9007199254740993", "3438945738945739845734895735"]) {
      expect(() => sized(size)).toThrow(/beyond what this tool can count/);
    }
  });

  test("an empty tree has the empty root and no other", () => {
    expect(parseCheckpointText(`Log\n0\n${EMPTY_ROOT}\n`).size).toBe(0);
    expect(() => parseCheckpointText(`Log\n0\n${ROOT}\n`)).toThrow(/empty tree/);
  });

  test("what was written is read", () => {
    const root = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const origin = fc.string({ minLength: 1 }).filter((line) => !line.includes("\n"));
    fc.assert(
      fc.property(origin, fc.maxSafeNat(), root, (name, size, rootHash) => {
        fc.pre(size > 0);
        const parsed = parseCheckpointText(`${name}\n${size}\n${Buffer.from(rootHash).toString("base64")}\n`);
        expect(parsed).toEqual({ origin: name, size, rootHash: new Uint8Array(rootHash), extensions: [] });
      }),
    );
  });

  test("whatever the text, parsing it throws nothing but FormatError", () => {
    const line = fc.oneof(
      fc.string(),
      fc.nat().map(String),
      fc.constantFrom("", "Log", ROOT, EMPTY_ROOT, "0"),
    );
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom("", "\n"), (lines, end) => {
        attempt(() => parseCheckpointText(lines.join("\n") + end));
      }),
      { numRuns: 2000 },
    );
  });

  test("a tree head is serialised as RFC 6962 section 3.5 lays it out", () => {
    const head = treeHeadBytes(parseCheckpointText(SUMDB_TEXT), 1711642477482n);
    const root = Buffer.from(ROOT, "base64").toString("hex");
    expect(Buffer.from(head).toString("hex")).toBe(
      `0001${hexOf(1711642477482n)}${hexOf(123456789012n)}${root}`,
    );
  });
});

function hexOf(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}

test("the origin of a Static CT log is its submission prefix without scheme and trailing slashes", () => {
  const origin = "rome.ct.filippo.io/2024h1";
  for (const prefix of [
    `https://${origin}/`,
    `http://${origin}`,
    `HTTPS://${origin}///`,
    `${origin}/`,
    origin,
  ]) {
    expect(staticCtOrigin(prefix)).toBe(origin);
  }
});

describe("opening a checkpoint", () => {
  const LOG = "example.com/log";
  const text = `${LOG}\n123\n${ROOT}\n`;
  const log = newEd25519Signer(LOG, new Uint8Array(32).fill(1));
  const next = newEd25519Signer(LOG, new Uint8Array(32).fill(3));
  const other = newEd25519Signer("example.com/other", new Uint8Array(32).fill(4));
  const [logKey, nextKey, otherKey] = [log, next, other].map(({ vkey }) => parseVkey(vkey));
  if (logKey === undefined || nextKey === undefined || otherKey === undefined) throw new Error("unreachable");

  // Made with Go, as test/unit/tlog/vkey.test.ts says: a checkpoint that its log signed and a witness cosigned.
  const cosigned = new TextEncoder().encode(`example.com/log
123
SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=

— example.com/log m+XTxjLXJ25Q9UiogwwV2MgPU1b2DIRBi03tc7QvMDvu7RMIOgb3EbbsVf0cZvdZa4BSWLp/rxtrXWNfdDhbLa3JMwM=
— witness.example.com/w1 dF+16AAAAABrAW4wfsHodwaNUpbZI/gtFZ9iLzDTOXyA52mIj/NRxCSoA/AHY+ECJgVJAm1Mjh45enClM6zX7x8HlwXxJYpBRqbCDg==
`);
  const witnessKey = parseVkey(
    "witness.example.com/w1+745fb5e8+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU",
  );

  test("the log's own signature suffices, and is told", () => {
    const opened = openCheckpoint(log.sign(text), { verifiers: [logKey], origin: LOG });
    expect(opened).toMatchObject({ origin: LOG, size: 123, signatures: [{ verifier: logKey }] });
  });

  test("every key that was given must have signed: a missing witness is named", () => {
    expect(openCheckpoint(cosigned, { verifiers: [witnessKey, logKey] }).signatures).toHaveLength(2);
    const open = () => openCheckpoint(log.sign(text), { verifiers: [logKey, witnessKey] });
    expect(open).toThrow(SignatureError);
    expect(open).toThrow(expect.objectContaining({ expected: "witness.example.com/w1+745fb5e8" }));
  });

  test("another key of the same name is told from the log's by its key id", () => {
    const open = () => openCheckpoint(log.sign(text), { verifiers: [nextKey] });
    expect(open).toThrow(SignatureError);
    expect(open).toThrow(expect.objectContaining({ found: "example.com/log+9be5d3c6" }));
  });

  test("while a key is rotated, old and new may both be demanded", () => {
    const both = signNote(text, [log, next]);
    expect(openCheckpoint(both, { verifiers: [logKey, nextKey] }).signatures).toHaveLength(2);
    expect(openCheckpoint(both, { verifiers: [nextKey] }).signatures).toHaveLength(1);
  });

  test("the same key given twice is one key", () => {
    expect(openCheckpoint(log.sign(text), { verifiers: [logKey, parseVkey(log.vkey)] }).size).toBe(123);
  });

  test("signatures by keys that are not the origin's own do not make a checkpoint of that log", () => {
    const open = () => openCheckpoint(other.sign(text), { verifiers: [otherKey] });
    expect(open).toThrow(SignatureError);
    expect(open).toThrow(/none of them is its log's own/);
  });

  test("a cosignature is never the log's own signature, even under the origin's name", () => {
    const namesake = { ...witnessKey, name: LOG };
    const renamed = Buffer.from(cosigned).toString().replace("— witness.example.com/w1", `— ${LOG}`);
    const open = () => openCheckpoint(Buffer.from(renamed), { verifiers: [namesake] });
    expect(open).toThrow(/none of them is its log's own/);
  });

  test("no keys is not the same as no signature wanted", () => {
    expect(() => openCheckpoint(log.sign(text), { verifiers: [] })).toThrow(SignatureError);
    const contradictory = { verifiers: [otherKey], insecureNoSignature: true as const };
    expect(() => openCheckpoint(log.sign(text), contradictory)).toThrow(SignatureError);
  });

  test("a tampered text is rejected", () => {
    const tampered = Buffer.from(log.sign(text)).toString().replace("123", "124");
    expect(() => openCheckpoint(Buffer.from(tampered), { verifiers: [logKey] })).toThrow(SignatureError);
  });

  test("a signed text that is no checkpoint is malformed", () => {
    expect(() => openCheckpoint(log.sign("hello\n"), { verifiers: [logKey] })).toThrow(FormatError);
    expect(() => openCheckpoint(log.sign(`${LOG}\n1\n${ROOT}\n\n`), { verifiers: [logKey] })).toThrow(
      FormatError,
    );
  });

  test("another log's checkpoint is refused where an origin is expected, signed or not", () => {
    for (const policy of [{ verifiers: [logKey] }, { insecureNoSignature: true as const }]) {
      const open = () => openCheckpoint(log.sign(text), { ...policy, origin: "example.com/lo" });
      expect(open).toThrow(expect.objectContaining({ expected: "origin example.com/lo", found: LOG }));
    }
  });

  test("without signatures, on demand, a checkpoint is only parsed and tells no signer", () => {
    const opened = openCheckpoint(other.sign(text), { insecureNoSignature: true });
    expect(opened).toMatchObject({ origin: LOG, size: 123, signatures: [] });
    expect(() => openCheckpoint(Buffer.from(text), { insecureNoSignature: true })).toThrow(FormatError);
  });

  test("a Static CT checkpoint opens with its public key, beside signatures of other types", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const ct = newRfc6962Signer(LOG, privateKey, () => 1_700_000_000_000);
    const verifiers = [staticCtVerifier(ct.publicKey, `https://${LOG}/`)];
    const opened = openCheckpoint(signNote(text, [log, ct]), {
      verifiers,
      origin: staticCtOrigin(`https://${LOG}/`),
    });
    expect(opened.signatures).toMatchObject([{ timestampMs: 1_700_000_000_000 }]);
    expect(() => openCheckpoint(ct.sign(`${text}extension\n`), { verifiers })).toThrow(SignatureError);
  });

  test("a Static CT size that cannot be counted is told as such, not as a bad signature", () => {
    const key = staticCtVerifier(
      newRfc6962Signer(LOG, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey).publicKey,
      LOG,
    );
    const label = Buffer.alloc(16);
    label.writeUInt32BE(key.keyId);
    const note = `${LOG}\n9007199254740992\n${ROOT}\n\n— ${LOG} ${label.toString("base64")}\n`;
    expect(() => openCheckpoint(Buffer.from(note), { verifiers: [key] })).toThrow(
      /beyond what this tool can count/,
    );
  });

  test("changing any one byte of a cosigned checkpoint makes it fail, or changes nothing that is told", () => {
    const policy = { verifiers: [logKey, witnessKey] };
    const before = openCheckpoint(cosigned, policy);
    const position = fc.integer({ min: 0, max: cosigned.length - 1 });
    fc.assert(
      fc.property(position, fc.integer({ min: 1, max: 255 }), (i, flip) => {
        const changed = Uint8Array.from(cosigned, (byte, at) => (at === i ? byte ^ flip : byte));
        attempt(() => expect(openCheckpoint(changed, policy)).toEqual(before));
      }),
      { numRuns: 2000 },
    );
  });
});
