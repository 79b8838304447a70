/** A checkpoint under a trust policy: signed by the log that is meant, and cosigned by a quorum. */

import { describe, expect, test } from "vitest";
import {
  type CheckpointPolicy,
  type KeyPolicy,
  openCheckpoint,
  policyOfSigners,
} from "../../../lib/tlog/checkpoint.ts";
import { keptNote } from "../../../lib/tlog/kept-note.ts";
import { parseNote, SignatureError } from "../../../lib/tlog/note.ts";
import { parsePolicy } from "../../../lib/tlog/policy.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import { type NoteSigner, newCosigner, newEd25519Signer, signNote } from "../../logs/sign.ts";
import { newMlDsaSigner } from "../../support/logs/ml-dsa-signer.ts";

const ROOT = Buffer.alloc(32, 7).toString("base64");
const textOf = (origin: string): string => `${origin}\n5\n${ROOT}\n`;
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

const log = newEd25519Signer("log.example", seed(1));
const nextKey = newEd25519Signer("log.example", seed(2));
const otherLog = newEd25519Signer("other.example", seed(3));
const [w1, w2, w3] = [11, 12, 13].map((byte) => newCosigner(`w${byte - 10}.example`, seed(byte), () => byte));
if (w1 === undefined || w2 === undefined || w3 === undefined) throw new Error("three witnesses");

/** A policy of two of three witnesses. */
function twoOfThree(logs: readonly NoteSigner[], more: Partial<CheckpointPolicy> = {}): CheckpointPolicy {
  const lines = [
    ...logs.map(({ vkey }) => `log ${vkey}`),
    ...[w1, w2, w3].map((witness, i) => `witness W${i + 1} ${witness?.vkey}`),
    "group both 2 W1 W2 W3",
    "quorum both",
  ];
  return {
    verifiers: [],
    ...more,
    trustPolicy: parsePolicy(Buffer.from(lines.join("\n"))),
  } as CheckpointPolicy;
}

const open = (signers: readonly NoteSigner[], policy: CheckpointPolicy, text = textOf("log.example")) =>
  openCheckpoint(signNote(text, signers), policy);

describe("witnesses", () => {
  test("that are a quorum are enough, and their times are reported", () => {
    for (const cosigners of [
      [w1, w3],
      [w3, w2, w1],
    ]) {
      const { signatures, own } = open([...cosigners, log], twoOfThree([log]));
      expect(own).toMatchObject([{ verifier: { name: "log.example" } }]);
      expect(signatures).toHaveLength(cosigners.length + 1);
      expect(signatures.find(({ verifier }) => verifier.name === "w3.example")?.timestampMs).toBe(13_000);
    }
  });

  test("that are too few are not, and the missing ones are named", () => {
    const refused = () => open([log, w2], twoOfThree([log]));
    expect(refused).toThrow(SignatureError);
    expect(refused).toThrow(
      /lacks the quorum of witnesses that the policy asks for: W1, W3 have not cosigned it/,
    );
    expect(refused).toThrow(expect.objectContaining({ expected: "2 of W1, W2, W3", found: "W2" }));
    expect(() => open([log], twoOfThree([log]))).toThrow(expect.objectContaining({ found: "no witness" }));
  });

  test("count once, however often they have cosigned", () => {
    expect(() => open([log, w2, w2, w2], twoOfThree([log]))).toThrow(/W1, W3 have not cosigned/);
  });

  test("count by their key, not by their name", () => {
    const namesake = newCosigner("w1.example", seed(99));
    expect(() => open([log, namesake, w2], twoOfThree([log]))).toThrow(/W1, W3 have not cosigned/);
    // A plain signature of the same key and name is not a cosignature.
    const plain = newEd25519Signer("w1.example", seed(11));
    expect(() => open([log, plain, w2], twoOfThree([log]))).toThrow(/W1, W3 have not cosigned/);
  });

  test("must not have a cosignature that does not verify, even where the others are a quorum", () => {
    const text = textOf("log.example");
    const moved = w1.signatureLine(text.replace("5", "6"));
    const note = `${Buffer.from(signNote(text, [log, w2, w3]))}${moved}`;
    expect(() => openCheckpoint(Buffer.from(note), twoOfThree([log]))).toThrow(/does not verify/);
  });

  test("that sign with ML-DSA count as the others do", () => {
    const pq = newMlDsaSigner("pq.example", seed(5));
    const policy = `log ${log.vkey}\nwitness pq ${pq.vkey}\nquorum pq\n`;
    const trustPolicy = parsePolicy(Buffer.from(policy));
    expect(open([log, pq], { verifiers: [], trustPolicy }).own).toHaveLength(1);
    expect(() => open([log], { verifiers: [], trustPolicy })).toThrow(/pq has not cosigned/);
  });
});

describe("the log", () => {
  test("must be one that the policy lists, and have signed itself", () => {
    expect(() => open([w1, w2], twoOfThree([log]))).toThrow(/none of them is its log's own/);
    expect(() => open([otherLog, w1, w2], twoOfThree([log]))).toThrow(/none of them is its log's own/);
    expect(open([nextKey, w1, w2], twoOfThree([log, nextKey])).own).toHaveLength(1);
  });

  test("is never another one of the list, whose key has another name", () => {
    const both = twoOfThree([log, otherLog]);
    expect(() => open([otherLog, w1, w2], both)).toThrow(/none of them is its log's own/);
    expect(open([otherLog, w1, w2], both, textOf("other.example")).own).toHaveLength(1);
    for (const origin of ["log.example", "third.example"]) {
      const named = { ...both, origin };
      expect(() => open([otherLog, w1, w2], named, textOf(origin))).toThrow(/none of them is its log's own/);
    }
  });

  test("may have a key of another name where it is the only one, and its origin is given", () => {
    const text = textOf("A log of 2026");
    const one = twoOfThree([log]);
    expect(() => open([log, w1, w2], one, text)).toThrow(
      expect.objectContaining({ advice: expect.stringContaining("--origin 'A log of 2026'") }),
    );
    expect(open([log, w1, w2], { ...one, origin: "A log of 2026" }, text).own).toHaveLength(1);
    expect(() => open([log, w1, w2], { ...one, origin: "Another" }, text)).toThrow(/of another log/);
  });

  test("is known by a key that was given where the policy lists none: never by a witness's", () => {
    const given = { verifiers: [parseVkey(log.vkey)] };
    expect(open([log, w1, w2], twoOfThree([], given)).own).toHaveLength(1);
    expect(() => open([log, w1], twoOfThree([], given))).toThrow(/have not cosigned/);
    expect(() => open([w1, w2], twoOfThree([]))).toThrow(/none of them is its log's own/);
    const pq = newMlDsaSigner("log.example", seed(6));
    const trustPolicy = parsePolicy(Buffer.from(`witness pq ${pq.vkey}\nquorum pq\n`));
    expect(() => open([pq], { verifiers: [], trustPolicy, origin: "log.example" })).toThrow(/none of them/);
  });

  test("must be signed by every key that was given, next to what the policy asks for", () => {
    const policy = twoOfThree([log], { verifiers: [parseVkey(nextKey.vkey)] });
    expect(open([log, nextKey, w1, w2], policy).own).toHaveLength(1);
    expect(() => open([log, w1, w2], policy)).toThrow(/not signed by every key/);
    // A key that was given does not take the place of the policy's log.
    expect(() => open([nextKey, w1, w2], policy)).toThrow(/none of them is its log's own/);
  });
});

test("a policy of a program that leaves parts out, or contradicts itself, is not a waiver", () => {
  const { trustPolicy } = twoOfThree([log]) as KeyPolicy;
  const partial: readonly object[] = [{ trustPolicy }, { trustPolicy, insecureNoSignature: true }, {}];
  for (const policy of partial) expect(() => open([otherLog], policy as KeyPolicy)).toThrow(SignatureError);
  expect(open([log, w1, w2], { trustPolicy } as KeyPolicy).own).toHaveLength(1);
});

test("what a marker keeps of a checkpoint satisfies the policy, among any number of other signatures", () => {
  const text = textOf("log.example");
  const noise = Array.from({ length: 40 }, (_, i) => newCosigner(`noise${i}.example`, seed(50)));
  const note = signNote(text, [...noise, log, w1, w3]);
  const policy = twoOfThree([log]);
  const kept = Buffer.from(keptNote(note, policy));
  expect(openCheckpoint(kept, policy).signatures).toHaveLength(3);
  expect(parseNote(kept).signatures.length).toBeLessThan(40);
});

test("a checkpoint of an earlier run needs a log's key of this one, and no quorum", () => {
  const policy = twoOfThree([log, nextKey], { verifiers: [parseVkey(otherLog.vkey)] });
  const text = textOf("log.example");
  const openEarlier = (signers: readonly NoteSigner[]) => {
    const note = signNote(text, signers);
    return openCheckpoint(note, policyOfSigners(policy, parseNote(note).signatures));
  };
  expect(openEarlier([log]).own).toHaveLength(1);
  expect(openEarlier([nextKey, otherLog]).own).toHaveLength(1);
  expect(() => openEarlier([w1, w2])).toThrow(SignatureError);
  expect(() => openEarlier([otherLog])).toThrow(/none of them is its log's own/);
  // Of a run that was given this key alone, by one that is given a policy too.
  const more = twoOfThree([log], { verifiers: [parseVkey(nextKey.vkey)] });
  const { signatures } = parseNote(signNote(text, [nextKey]));
  expect(openCheckpoint(signNote(text, [nextKey]), policyOfSigners(more, signatures)).own).toHaveLength(1);
  const forged = `${Buffer.from(signNote(text, [w1]))}${log.signatureLine(text.replace("5", "6"))}`;
  const signers = parseNote(Buffer.from(forged)).signatures;
  expect(() => openCheckpoint(Buffer.from(forged), policyOfSigners(policy, signers))).toThrow(/not verify/);
});
