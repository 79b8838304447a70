/** Which signatures make a checkpoint one of the log that is meant: its own, not just any that verify. */

import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type CheckpointPolicy, freezeLine, openCheckpoint } from "../../../lib/tlog/checkpoint.ts";
import { SignatureError } from "../../../lib/tlog/note.ts";
import { parseVkey } from "../../../lib/tlog/vkey.ts";
import {
  type NoteSigner,
  newCosigner,
  newEd25519Signer,
  newRfc6962Signer,
  signNote,
} from "../../logs/sign.ts";

const ORIGIN = "A log of 2026";
const ROOT = Buffer.alloc(32, 7).toString("base64");
const TEXT = `${ORIGIN}\n5\n${ROOT}\n`;
const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

const log = newEd25519Signer("log-key", seed(1));
const other = newEd25519Signer("other-key", seed(2));
const witness = newCosigner("witness.example/w", seed(3));
const key = ({ vkey }: NoteSigner) => parseVkey(vkey);

const open = (signers: readonly NoteSigner[], policy: CheckpointPolicy, text = TEXT) =>
  openCheckpoint(signNote(text, signers), policy);

describe("a key of another name than the origin", () => {
  test("is the log's own where the origin is given", () => {
    const { own } = open([log], { verifiers: [key(log)], origin: ORIGIN });
    expect(own).toMatchObject([{ verifier: { name: "log-key" } }]);
  });

  test("is not without, and the message says which origin to pass, quoted for a shell", () => {
    const refused = () => open([log], { verifiers: [key(log)] });
    expect(refused).toThrow(SignatureError);
    const advice = "If that is the log that you mean, pass --origin 'A log of 2026' with the key";
    expect(refused).toThrow(expect.objectContaining({ advice }));
  });

  test("does not make a checkpoint one of the origin that was given: that must be in it", () => {
    const refused = () => open([log], { verifiers: [key(log)], origin: "log-key" });
    expect(refused).toThrow(/is the checkpoint of another log/);
  });

  test("must have signed, however many have", () => {
    const policy = { verifiers: [key(log), key(other)], origin: ORIGIN };
    expect(open([other, log], policy).own).toHaveLength(2);
    expect(() => open([log], policy)).toThrow(/not signed by every key/);
    expect(() => open([other], { verifiers: [key(log)], origin: ORIGIN })).toThrow(/not signed by any key/);
  });

  test("may have another key's name: its key id decides, and then its signature", () => {
    const namesake = newEd25519Signer("log-key", seed(4));
    const policy = { verifiers: [key(log)], origin: ORIGIN };
    expect(() => open([namesake], policy)).toThrow(/not signed by any key/);
    const forged = Buffer.from(signNote(TEXT, [namesake])).toString();
    const label = signatureOf(log.signatureLine(TEXT));
    const line = `— log-key ${Buffer.concat([label.subarray(0, 4), label.subarray(4).reverse()]).toString("base64")}\n`;
    expect(() => openCheckpoint(Buffer.from(forged + line), policy)).toThrow(/does not verify/);
    const good = Buffer.from(signNote(TEXT, [log])).toString();
    expect(() => openCheckpoint(Buffer.from(good + line), policy)).toThrow(/does not verify/);
    expect(openCheckpoint(Buffer.from(good + log.signatureLine(TEXT)), policy).own).toHaveLength(1);
  });

  test("is not an own one next to a key that has the origin's name", () => {
    const named = newEd25519Signer("log.example", seed(5));
    const text = TEXT.replace(ORIGIN, "log.example");
    const { own } = open([log, named], { verifiers: [key(log), key(named)], origin: "log.example" }, text);
    expect(own).toMatchObject([{ verifier: { name: "log.example" } }]);
  });
});

describe("a witness's key", () => {
  test("is never the log's own, with the origin given or with its name", () => {
    const refused = () => open([witness], { verifiers: [key(witness)], origin: ORIGIN });
    expect(refused).toThrow(/none of them is its log's own/);
    expect(refused).toThrow(expect.objectContaining({ advice: "Pass the log's own key too" }));
    const namesake = newCosigner("log.example", seed(6));
    const text = TEXT.replace(ORIGIN, "log.example");
    expect(() => open([namesake], { verifiers: [key(namesake)] }, text)).toThrow(/none of them/);
    const both = open([witness, log], { verifiers: [key(witness), key(log)], origin: ORIGIN });
    expect(both.own).toMatchObject([{ verifier: { name: "log-key" } }]);
  });
});

describe("a Static CT log's key", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

  test("must have the origin's name, also where the origin is given: the signature does not cover it", () => {
    const ct = newRfc6962Signer("ct.example", privateKey);
    const refused = () => open([ct], { verifiers: [key(ct)], origin: ORIGIN });
    expect(refused).toThrow(/its key is not the key of A log of 2026/);
    expect(open([ct], { verifiers: [key(ct)] }, TEXT.replace(ORIGIN, "ct.example")).own).toHaveLength(1);
  });
});

describe("the line of a frozen log", () => {
  const frozen = `${TEXT}Log frozen — 2026-01-01\n`;

  test("counts where the log has signed it, under whatever name", () => {
    const line = "Log frozen — 2026-01-01";
    expect(freezeLine(open([log], { verifiers: [key(log)], origin: ORIGIN }, frozen))).toBe(line);
  });

  test("does not count without a signature, nor by a witness's or that of a key which is not the log's", () => {
    expect(freezeLine(open([log], { insecureNoSignature: true }, frozen))).toBeUndefined();
    expect(freezeLine(open([log], { verifiers: [key(log)], origin: ORIGIN }))).toBeUndefined();
  });
});

function signatureOf(line: string): Buffer {
  return Buffer.from(line.trim().split(" ").at(-1) ?? "", "base64");
}
