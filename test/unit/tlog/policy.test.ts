/** Policy files: lenient to what is in use, and strict in what is trusted. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../../lib/tlog/errors.ts";
import { parsePolicy } from "../../../lib/tlog/policy.ts";
import { isWitnessed, type Quorum, quorumWords } from "../../../lib/tlog/quorum.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import { newCosigner, newEd25519Signer } from "../../logs/sign.ts";
import { newMlDsaSigner } from "../../support/logs/ml-dsa-signer.ts";

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const log = newEd25519Signer("log.example", seed(100)).vkey;
const otherLog = newEd25519Signer("other.example", seed(101)).vkey;
const witnesses = Array.from({ length: 12 }, (_, i) => newCosigner(`w${i}.example/key`, seed(i)).vkey);
const [w1 = "", w2 = "", w3 = "", w4 = "", w5 = "", w6 = ""] = witnesses;
// The witness of https://remora.n621.de, as github.com/transparency-dev/formats has it in its tests.
const REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";

const parse = (text: string) => parsePolicy(Buffer.from(text));
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

describe("a policy file", () => {
  test("has logs, witnesses, groups and a quorum: the example of c2sp.org/tlog-policy", () => {
    const { logs, witnesses, quorum } = parse(`log ${log}

witness X1 ${w1}
witness X2 ${w2}
witness X3 ${w3}
group X-witnesses 2 X1 X2 X3

witness Y1 ${w4}
witness Y2 ${w5}
witness Y3 ${w6}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`);
    expect(names(logs)).toEqual(["log.example"]);
    expect(names(witnesses)).toEqual(["X1", "X2", "X3", "Y1", "Y2", "Y3"]);
    expect(witnesses.map(({ verifier }) => verifier.name)).toContain("w5.example/key");
    expect(quorum).toMatchObject({
      name: "X-and-Y",
      threshold: 2,
      members: [
        { name: "X-witnesses", threshold: 2, members: [{ name: "X1" }, { name: "X2" }, { name: "X3" }] },
        { name: "Y-witnesses", threshold: 1 },
      ],
    });
    expect(quorum && quorumWords(quorum)).toBe("2 of X-witnesses, Y-witnesses");
  });

  test("needs neither logs nor witnesses, and may ask for none", () => {
    expect(parse("quorum none")).toEqual({ logs: [], witnesses: [], quorum: undefined });
    expect(parse(`log ${log}\nlog ${otherLog} https://other.example/\nquorum none\n`).logs).toHaveLength(2);
  });

  test("may name one witness as the quorum, by a key of either type", () => {
    const mlDsa = newMlDsaSigner("pq.example", seed(7)).vkey;
    for (const vkey of [REMORA, mlDsa]) {
      const { quorum } = parse(`witness w ${vkey}\nquorum w\n`);
      expect(quorum).toMatchObject({ kind: "witness", name: "w", verifier: { name: vkey.split("+")[0] } });
    }
  });

  // Of these, the specification allows the first three.
  test.each([
    ["spaces and tabs", `\t witness \t w \t${w1}  https://w.example/ \t\n  quorum\tw`],
    ["comments on lines of their own", `# one\n\t # another\nwitness w ${w1}\nquorum w\n`],
    ["words of the policy as names", `witness all ${w2}\nwitness w ${w1}\ngroup any 1 all\nquorum w\n`],
    ["ends of lines as on Windows", `witness w ${w1}\r\n\r\nquorum w\r\n`],
    ["a byte order mark", `\ufeffwitness w ${w1}\nquorum w\n`],
    ["comments after the words", `witness w ${w1} https://w.example/ #comment\nquorum w # this one\n`],
  ])("may have %s", (_, text) => {
    expect(parse(text).quorum).toMatchObject({ name: "w", verifier: { name: "w0.example/key" } });
  });

  test("may have witnesses without a name, which then have that of their key", () => {
    const { quorum } = parse(
      `witness ${w1}\nwitness ${REMORA} https://remora.n621.de\nquorum remora.n621.de\n`,
    );
    expect(quorum).toMatchObject({ name: "remora.n621.de" });
  });

  test("may give a number for the quorum, of all witnesses above it", () => {
    const two = parse(`witness a ${w1}\nwitness b ${w2}\nwitness c ${w3}\nquorum 2\n`).quorum;
    expect(two).toMatchObject({ threshold: 2, members: [{ name: "a" }, { name: "b" }, { name: "c" }] });
  });

  test("has names that are bytes, in whatever encoding", () => {
    const bytes = Buffer.concat([
      Buffer.from(`witness K\x80 ${w1}\nwitness K\x81 ${w2}\nquorum K\x81\n# \xff`, "latin1"),
    ]);
    expect(parsePolicy(bytes).quorum).toMatchObject({ verifier: { name: "w1.example/key" } });
    expect(parse(`witness café ${w1}\nquorum café\n`).quorum).toMatchObject({ name: "café" });
  });
});

describe("is refused, with its line", () => {
  const hex = "1c25f8a44c635457e2e391d1efbca7d4c2951a0aef06225a881e46b98962ac6c";
  const impostor = newCosigner("impostor.example", seed(0)).vkey;
  const W = `witness w1 ${w1}\n`;
  test.each<[what: string, text: string, message: RegExp]>([
    ["an unknown keyword", `${W}quibble w1\nquorum w1\n`, /^line 2 has an unknown keyword/],
    ["a keyword in capitals", `${W}Quorum w1\n`, /^line 2 has an unknown keyword/],
    ["a control character", "quorum none\n\x01", /^line 2 has a control character/],
    [
      "a carriage return within a line",
      `witness\rw1 ${w1}\nquorum none\n`,
      /^line 1 has a control character/,
    ],
    ["a log without a key", "log\nquorum none\n", /^line 1 has more words .* or fewer/],
    ["a log with more words", `log ${log} https://a https://b\nquorum none`, /^line 1 has more words/],
    ["a malformed key", "log garbage\nquorum none\n", /^line 1 has a key that is not a vkey/],
    [
      "a key id of another key",
      `log ${log.replace(/\+\w{8}\+/, "+00000000+")}\nquorum none`,
      /^line 1 .* key id/,
    ],
    ["a witness's key for a log", `log ${w1}\nquorum none\n`, /^line 1 has a witness's key for a log/],
    ["a log's key for a witness", `witness w ${log}\nquorum w\n`, /^line 1 has a log's key for a witness/],
    ["a bare key, as Sigsum has it", `witness w ${hex}\nquorum w\n`, /^line 1 has a bare key, as Sigsum/],
    ["a bare key of a log", `log ${hex}\nquorum none\n`, /^line 1 has a bare key/],
    ["a witness without a key", `witness w1\nquorum none\n`, /^line 1 has more words .* or fewer/],
    [
      "a log twice",
      `log ${log}\nlog ${log} https://x/\nquorum none`,
      /^line 2 has a key that another line has/,
    ],
    [
      "a witness's key under two names",
      `${W}witness w2 ${impostor}\nquorum w1\n`,
      /^line 2 has a key that another/,
    ],
    ["a name twice", `${W}witness w1 ${w2}\nquorum w1\n`, /^line 2 has a name that is taken: w1/],
    ["a group with a witness's name", `${W}group w1 any w1\nquorum w1\n`, /^line 2 has a name that is taken/],
    ["a witness named none", `witness none ${w1}\nquorum none\n`, /^line 1 has a name that is taken: none/],
    ["a group named none", `${W}group none any w1\nquorum none\n`, /^line 2 has a name that is taken/],
    ["none as a member", `${W}group g any none w1\nquorum g\n`, /^line 2 has a name that no line above/],
    ["a group without members", `${W}group g 1\nquorum w1\n`, /^line 2 is not a group/],
    [
      "a group of none",
      `${W}group g 0 w1\nquorum g\n`,
      /^line 2 asks for another number than there are members/,
    ],
    ["a group of fewer than none", `${W}group g -1 w1\nquorum g\n`, /^line 2 asks for another number/],
    ["a group larger than its members", `${W}group g 2 w1\nquorum g\n`, /^line 2 asks for another number/],
    ["a number in another form", `${W}group g 01 w1\nquorum g\n`, /^line 2 asks for another number/],
    [
      "a property of objects for a number",
      `${W}group g constructor w1\nquorum g\n`,
      /^line 2 asks for another/,
    ],
    [
      "an unknown member",
      `${W}group g any w2\nquorum g\n`,
      /^line 2 has a name that no line above defines: w2/,
    ],
    ["a member below", `group g any w1\n${W}quorum g\n`, /^line 1 has a name that no line above defines/],
    [
      "a group in itself",
      `${W}group g any w1 g\nquorum g\n`,
      /^line 2 has a name that no line above defines: g/,
    ],
    [
      "a circle",
      `group a any b\ngroup b any a\nquorum a\n`,
      /^line 1 has a name that no line above defines: b/,
    ],
    [
      "a member twice in a group",
      `${W}group g all w1 w1\nquorum g\n`,
      /^line 2 has a member that is in a group/,
    ],
    [
      "a member in two groups",
      `${W}group g any w1\ngroup h any w1\nquorum g\n`,
      /^line 3 has a member that is in a group already: w1/,
    ],
    ["no quorum", W, /^has no line quorum/],
    ["nothing", "", /^has no line quorum/],
    ["two quorums", `${W}quorum w1\nquorum none\n`, /^line 3 is a second line quorum/],
    ["a quorum of an unknown name", "quorum unknown\n", /^line 1 has a name that no line above defines/],
    ["a quorum above its witness", `quorum w1\n${W}`, /^line 1 has a name that no line above defines/],
    ["a quorum without a name", "quorum\n", /^line 1 has more words/],
    ["a quorum of two names", `${W}quorum w1 w1\n`, /^line 2 has more words/],
    [
      "a quorum that is the name of a group, and a number of witnesses",
      `${W}witness b ${w2}\ngroup 2 any w1 b\nquorum 2\n`,
      /^line 4 asks for 2, which is a name, and may be a number of witnesses$/,
    ],
    ["a quorum of no witness by number", `${W}quorum 0\n`, /^line 2 asks for another number/],
    [
      "a quorum of more than there are",
      `${W}quorum 2\n`,
      /^line 2 asks for another number than there are witnesses/,
    ],
    ["a quorum of some where there is none", `log ${log}\nquorum 1\n`, /^line 2 asks for another number/],
  ])("where it has %s", (_, text, message) => {
    expect(() => parse(text)).toThrow(FormatError);
    expect(() => parse(text)).toThrow(message);
  });

  test("a private key, which is not shown", () => {
    const secret = "PRIVATE+KEY+w+55ee4561+AeadRiG7XM4XiieCHzD8lxysXMwcViy5nYsoXURWGrlE";
    for (const line of [secret, `log ${secret}`, `witness w ${secret}`]) {
      expect(() => parse(`${line}\nquorum none\n`)).toThrow(/^line 1 has a key that is a private key/);
      expect(() => parse(`${line}\nquorum none\n`)).not.toThrow(/AeadRiG7/);
    }
  });

  test("what is too large, and what has too many lines", () => {
    expect(() => parsePolicy(Buffer.alloc(1_000_001))).toThrow(/is too large for a policy/);
    const groups = Array.from(
      { length: 1_001 },
      (_, i) => `group g${i} any ${i === 0 ? "w1" : `g${i - 1}`}\n`,
    );
    expect(() => parse(`${W}${groups.join("")}quorum w1\n`)).toThrow(/^line 1001 is one too many/);
    const most = parse(`${W}${groups.slice(0, 999).join("")}quorum g998\n`).quorum as Quorum;
    expect(isWitnessed(most, new Set())).toBe(false);
  });
});

/** A quorum, as a list of names is one: what the file says, worked out in another way. */
type Rule = { readonly text: string; readonly holds: (present: ReadonlySet<string>) => boolean };

/** Files with groups of whatever is left of witnesses and groups, and what they mean. */
const anyPolicy = fc
  .tuple(
    fc.integer({ min: 1, max: 8 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { maxLength: 6 }),
    fc.constantFrom("\n", "\r\n", "\n\n", " # x\n", "\t\n"),
  )
  .map(([count, groups, end]): Rule => {
    const lines = Array.from({ length: count }, (_, i) => `witness w${i} ${witnesses[i]}`);
    const free = Array.from({ length: count }, (_, i) => ({
      name: `w${i}`,
      holds: (present: ReadonlySet<string>) => present.has(`w${i}`),
    }));
    for (const [index, [from, many, k]] of groups.entries()) {
      const members = free.splice(from % free.length, 1 + (many % free.length));
      const least = 1 + (k % members.length);
      const word = least === members.length ? "all" : least === 1 ? "any" : `${least}`;
      lines.push(`group g${index} ${word} ${members.map(({ name }) => name).join(" ")}`);
      free.push({
        name: `g${index}`,
        holds: (present) => members.filter(({ holds }) => holds(present)).length >= least,
      });
    }
    const last = free.at(-1) ?? expect.unreachable();
    return { text: [...lines, `quorum ${last.name}`, ""].join(end), holds: last.holds };
  });

test("whatever its groups are, a policy is satisfied by exactly what it says", () => {
  fc.assert(
    fc.property(anyPolicy, fc.nat(255), ({ text, holds }, bits) => {
      const policy = parse(text);
      const present = policy.witnesses.filter((_, i) => (bits >> i) & 1);
      const cosigners = new Set(present.map(({ verifier }) => verifier));
      const expected = holds(new Set(names(present)));
      expect(isWitnessed(policy.quorum as Quorum, cosigners)).toBe(expected);
    }),
    { numRuns: 400 },
  );
});

test("whatever the bytes, reading them as a policy throws nothing but FormatError", () => {
  const word = fc.constantFrom(
    "log",
    "witness",
    "group",
    "quorum",
    "none",
    "any",
    "all",
    "1",
    "w",
    "g",
    w1,
    w2,
    log,
    "#",
  );
  const line = fc.array(fc.oneof(word, fc.string({ maxLength: 5 })), { maxLength: 5 });
  const text = fc
    .array(line, { maxLength: 8 })
    .map((lines) => lines.map((words) => words.join(" ")).join("\n"));
  const bytes = fc.oneof(
    text.map((policy) => Buffer.from(policy)),
    fc.uint8Array({ maxLength: 200 }),
  );
  fc.assert(
    fc.property(bytes, (file) => {
      try {
        const { witnesses, quorum, logs } = parsePolicy(file);
        // What is accepted has an end: exactly one quorum, of witnesses that it names.
        if (quorum !== undefined) {
          expect(isWitnessed(quorum, new Set())).toBe(false);
          expect(isWitnessed(quorum, new Set(witnesses.map(({ verifier }) => verifier)))).toBe(true);
        }
        for (const verifier of logs) expect(parseVkey(log).type).toBe(verifier.type);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
    { numRuns: 3000 },
  );
});
