/** Cosignatures by ML-DSA-44 (type 0x06): a log's own, or a witness's. */

import { generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { freezeLine, openCheckpoint } from "../../../lib/tlog/checkpoint.ts";
import { FormatError } from "../../../lib/tlog/errors.ts";
import { cosignedMessage, mlDsa44Verifier } from "../../../lib/tlog/ml-dsa.ts";
import { parseNote, SignatureError, verifyNote } from "../../../lib/tlog/note.ts";
import { keyIdOf, parseVkey } from "../../../lib/tlog/vkey.ts";
import { newEd25519Signer, signNote } from "../../logs/sign.ts";
import { newMlDsaSigner } from "../../support/logs/ml-dsa-signer.ts";

/*
 * Made with github.com/transparency-dev/formats@0b850f1 (note.NewMLDSASigner, over filippo.io/mldsa): the checkpoint of
 * a log of Merkle-tree certificates, and a signature of it without a time. The seed is 32 bytes of 0x06.
 */
const go: { vkey: string; note: string; lineOfTimeZero: string } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../fixtures/ml-dsa-44.json"), "utf8"),
);
const [text = "", line = ""] = go.note.split(/(?<=\n)\n/);
const ORIGIN = "oid/1.3.6.1.4.1.32473.2.0.42";
const CA = "oid/1.3.6.1.4.1.32473.2";
const key = parseVkey(go.vkey);

const verify = (note: string, by = key) => verifyNote(parseNote(Buffer.from(note)), [by]);

/** A signature line with other bytes. */
function changed(signatureLine: string, change: (body: Buffer) => Uint8Array): string {
  const [dash, name, encoded = ""] = signatureLine.trim().split(" ");
  const body = Buffer.from(encoded, "base64");
  return `${dash} ${name} ${Buffer.from(change(body)).toString("base64")}\n`;
}

describe("what Go's implementation has signed", () => {
  test("verifies, with its time, and without one where it says none", () => {
    expect(key).toMatchObject({ name: CA, type: "ML-DSA-44", keyId: 0x49bdb4bc });
    const timestampMs = Number(Buffer.from(line.split(" ")[2] ?? "", "base64").readBigUInt64BE(4)) * 1000;
    expect(new Date(timestampMs).getUTCFullYear()).toBe(2026);
    expect(verify(go.note)).toEqual([{ verifier: key, timestampMs }]);
    expect(verify(`${text}\n${go.lineOfTimeZero}`)).toEqual([{ verifier: key }]);
  });

  test("is what the signer of the tests makes of the same seed", () => {
    const signer = newMlDsaSigner(CA, Buffer.alloc(32, 6));
    expect(signer.vkey).toBe(go.vkey);
    expect(verify(Buffer.from(signer.sign(text)).toString())).toHaveLength(1);
  });

  test.each([
    ["origin", (note: string) => note.replace(ORIGIN, `${ORIGIN}1`)],
    ["size", (note: string) => note.replace("\n123\n", "\n124\n")],
    ["root", (note: string) => note.replace("SBNJ", "SBNK")],
    [
      "time",
      (note: string) =>
        note.replace(
          line,
          changed(line, (body) => body.fill(0, 4, 12)),
        ),
    ],
    [
      "bytes",
      (note: string) =>
        note.replace(
          line,
          changed(line, (body) => body.fill(0, 2000, 2001)),
        ),
    ],
  ])("does not verify with another %s", (_, change) => {
    expect(change(go.note)).not.toBe(go.note);
    expect(() => verify(change(go.note))).toThrow(/does not verify/);
  });

  test("does not verify under another name, though the key is the same", () => {
    const publicKey = Buffer.from(go.vkey.split("+").slice(2).join("+"), "base64").subarray(1);
    const keyId = keyIdOf("another", "ML-DSA-44", publicKey);
    const id = keyId.toString(16).padStart(8, "0");
    const other = parseVkey(`another+${id}+${go.vkey.split("+").slice(2).join("+")}`);
    const renamed = changed(line, (body) =>
      Buffer.concat([Buffer.from(id, "hex"), body.subarray(4)]),
    ).replace(CA, "another");
    expect(() => verify(`${text}\n${renamed}`, other)).toThrow(
      /does not verify: it was made with another key/,
    );
  });

  test.each([
    ["shorter", (body: Buffer) => body.subarray(0, -1)],
    ["longer", (body: Buffer) => Buffer.concat([body, Buffer.of(0)])],
    ["hardly there", (body: Buffer) => body.subarray(0, 7)],
  ])("does not verify where it is %s", (_, change) => {
    expect(() => verify(go.note.replace(line, changed(line, change)))).toThrow(/wrong length/);
  });
});

// Node 22 has an OpenSSL without ML-DSA.
const hasMlDsa = attemptAny(() => generateKeyPairSync("ml-dsa-44")) !== undefined;

test.skipIf(!hasMlDsa)("what OpenSSL has signed verifies, and nothing else", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ml-dsa-44");
  const spki = publicKey.export({ format: "der", type: "spki" });
  const verifySignature = mlDsa44Verifier(spki.subarray(-1312));
  const message = cosignedMessage(CA, 5n, { origin: ORIGIN, size: 7, rootHash: Buffer.alloc(32, 1) });
  const signature = sign(null, message, privateKey);
  expect(verifySignature(message, signature)).toBe(true);
  expect(verifySignature(Buffer.concat([message, Buffer.of(0)]), signature)).toBe(false);
  expect(verifySignature(message, signature.fill(1, 100, 101).fill(2, 101, 102))).toBe(false);
});

function attemptAny<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

test("the message is the structure that the specification prints", () => {
  const message = cosignedMessage("w", 3n, { origin: "lo", size: 258, rootHash: Buffer.alloc(32, 0xee) });
  expect(message.toString("hex")).toBe(
    `${Buffer.from("subtree/v1\n\0").toString("hex")}0177${"3".padStart(16, "0")}026c6f${"0".repeat(16)}${"102".padStart(16, "0")}${"ee".repeat(32)}`,
  );
});

describe("vkeys", () => {
  test("of another length, or with the key id of another key, are refused", () => {
    const [name, id = "", ...encoded] = go.vkey.split("+");
    const body = Buffer.from(encoded.join("+"), "base64");
    for (const wrong of [body.subarray(0, -1), Buffer.concat([body, Buffer.of(0)])]) {
      expect(() => parseVkey(`${name}+${id}+${wrong.toString("base64")}`)).toThrow(
        /ML-DSA-44 key of the wrong length/,
      );
    }
    expect(() => parseVkey(`${name}+00000000+${encoded.join("+")}`)).toThrow(/key id/);
  });

  test("with a name of more bytes than the message can have are refused, and such an origin is", () => {
    const long = "é".repeat(128);
    const signer = newMlDsaSigner("w", Buffer.alloc(32, 1));
    const body = signer.vkey.split("+").slice(2).join("+");
    expect(() => parseVkey(`${long}+00000000+${body}`)).toThrow(/name too long/);
    const note = text.replace(ORIGIN, long);
    expect(() => verify(`${note}\n${changed(line, (bytes) => bytes)}`)).toThrow(/origin is too long/);
  });
});

test("whatever the signature and the text, verifying says yes to neither and throws nothing but FormatError", () => {
  const any = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ minLength: 2428, maxLength: 2428 }));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.constant(text)), any, (anyText, signature) => {
      try {
        expect(key.verify(anyText, signature).valid).toBe(false);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
    { numRuns: 100 },
  );
});

describe("extension lines, which no such signature covers", () => {
  const log = newMlDsaSigner("log.example", Buffer.alloc(32, 2));
  const plain = text.replace(ORIGIN, "log.example");
  const frozen = `${plain}Log frozen — 2026-01-01\n`;
  const policy = { verifiers: [parseVkey(log.vkey)] };

  test("can be added by anybody: they prove nothing", () => {
    const note = `${frozen}\n${log.signatureLine(plain)}`;
    const opened = openCheckpoint(Buffer.from(note), policy);
    expect(opened.extensions).toEqual(["Log frozen — 2026-01-01"]);
    expect(freezeLine(opened)).toBeUndefined();
  });

  test("count where a key of the log that covers them has signed too", () => {
    const classic = newEd25519Signer("log.example", Buffer.alloc(32, 3));
    const both = { verifiers: [parseVkey(log.vkey), parseVkey(classic.vkey)] };
    expect(freezeLine(openCheckpoint(signNote(frozen, [log, classic]), both))).toBe(
      "Log frozen — 2026-01-01",
    );
    const added = `${frozen}\n${log.signatureLine(plain)}${classic.signatureLine(plain)}`;
    expect(() => openCheckpoint(Buffer.from(added), both)).toThrow(SignatureError);
  });
});
