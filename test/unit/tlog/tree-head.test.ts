/** RFC 6962's signed tree heads, as the checkpoints that the same signatures make. */

import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../../lib/tlog/checkpoint.ts";
import { FormatError } from "../../../lib/tlog/errors.ts";
import { SignatureError } from "../../../lib/tlog/note.ts";
import { noteOfTreeHead } from "../../../lib/tlog/tree-head.ts";
import { staticCtVerifier } from "../../../lib/tlog/vkey.ts";

// A get-sth answer of a Google log, from sunlight's TestRFC6962InjectedSigner.
const key = staticCtVerifier(
  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESYlKFDLLFmA9JScaiaNnqlU8oWDytxIYMfswHy9Esg0aiX+WnP/yj4O0ViEHtLwbmOQeSWBGkIu9YK9CLeer+g==",
  "example.com",
);
const sth = {
  tree_size: 90785920,
  timestamp: 1588741228371,
  sha256_root_hash: "l+XrWXWRyp4SmATORgTfz4CcYS/VlE7CeTuWI0FAk3o=",
  tree_head_signature:
    "BAMASDBGAiEAnaHGuwnyyHWvrfgEn3qtl1j2heMzocku6ZAItYD75m8CIQCpotlpH5GEPEfMMzky72BCuIl14FB65t5SWZ91vgTQOg==",
};
const other = staticCtVerifier(
  generateKeyPairSync("ec", { namedCurve: "P-256" })
    .publicKey.export({ format: "der", type: "spki" })
    .toString("base64"),
  "other.example",
);

const noteOf = (answer: unknown, keys = [key]) =>
  noteOfTreeHead(Buffer.from(typeof answer === "string" ? answer : JSON.stringify(answer)), keys);

test("a tree head is the checkpoint of the key that has signed it, wherever that is among others", () => {
  for (const keys of [[key], [other, key], [key, other]]) {
    const note = noteOf({ ...sth, unknown: 1 }, keys) as Uint8Array;
    expect(openCheckpoint(note, { verifiers: [key], origin: "example.com" })).toMatchObject({
      origin: "example.com",
      size: 90785920,
      signatures: [{ timestampMs: 1588741228371 }],
    });
  }
});

describe("is not trusted", () => {
  test.each([
    ["another size", { tree_size: 90785921 }],
    ["another time", { timestamp: 1588741228372 }],
    ["another root", { sha256_root_hash: `m${sth.sha256_root_hash.slice(1)}` }],
    [
      "another signature",
      { tree_head_signature: sth.tree_head_signature.replace("nhH", "nhI").replace("SDBG", "SDBF") },
    ],
    ["no signature", { tree_head_signature: "" }],
  ])("with %s", (_, change) => {
    const open = () => openCheckpoint(noteOf({ ...sth, ...change }) as Uint8Array, { verifiers: [key] });
    expect(open).toThrow(SignatureError);
  });

  test("by another key, whatever its name", () => {
    const note = noteOf(sth, [other]) as Uint8Array;
    expect(() => openCheckpoint(note, { verifiers: [other] })).toThrow(/does not verify/);
    expect(() => openCheckpoint(note, { verifiers: [key] })).toThrow(/not signed by any key/);
  });
});

test.each([
  ["a size that was rounded", { tree_size: 2 ** 53 }],
  ["a size in a string", { tree_size: "90785920" }],
  ["a size below zero", { tree_size: -1 }],
  ["half an entry", { tree_size: 1.5 }],
  ["no time", { timestamp: undefined }],
  ["a root that is short", { sha256_root_hash: "AAAA" }],
  ["a root with a line end", { sha256_root_hash: `${sth.sha256_root_hash}\nLog frozen — 2026` }],
  ["a root that is no text", { sha256_root_hash: 1 }],
  ["a signature that is not base64", { tree_head_signature: "?" }],
])("is malformed with %s", (_, change) => {
  const refused = () => noteOf({ ...sth, ...change });
  expect(refused).toThrow(FormatError);
  expect(refused).toThrow(/^is missing, and ct\/v1\/get-sth in its place/);
});

test.each(["", "<html>", "[]", "null", "1", "{}", '{"error_message":"no such method"}'])(
  "%j is not a tree head, and says nothing",
  (answer) => {
    expect(noteOf(answer)).toBeUndefined();
  },
);
