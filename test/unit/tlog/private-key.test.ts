/** A private key in place of a public one is refused as what it is, and not shown. */

import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../lib/tlog/errors.ts";
import { parseLogList } from "../../../lib/tlog/log-list.ts";
import { requireNotPrivate } from "../../../lib/tlog/private-key.ts";
import { parseVkey, staticCtVerifier } from "../../../lib/tlog/vkey.ts";
import { PRIVATE_KEYS, SECRET } from "../../support/secrets.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed25519 = generateKeyPairSync("ed25519");

const DER: [string, string][] = [
  ["PKCS #8", ec.privateKey.export({ format: "der", type: "pkcs8" }).toString("base64")],
  ["SEC 1", ec.privateKey.export({ format: "der", type: "sec1" }).toString("base64")],
  ["PKCS #8 of Ed25519", ed25519.privateKey.export({ format: "der", type: "pkcs8" }).toString("base64")],
];

const READERS: [string, (text: string) => unknown][] = [
  ["a vkey", parseVkey],
  ["a public key", (text) => staticCtVerifier(text, "log.example/2026h1")],
  ["a log list", parseLogList],
];

const isPrivate = "is a private key, which must stay with the log: pass the public key instead";

describe.each(READERS)("in place of %s", (_what, read) => {
  it.each(PRIVATE_KEYS)("refuses %j without showing it", (key) => {
    expect(() => read(key)).toThrow(new FormatError(isPrivate));
  });

  it.each(DER)("refuses the base64 of a %s private key", (_kind, key) => {
    expect(() => read(key)).toThrow(new FormatError(isPrivate));
  });

  it("shows nothing of what it does not recognize", () => {
    const cut = PRIVATE_KEYS[0]?.slice(1) ?? "";
    expect(() => read(cut)).toThrow(FormatError);
    expect(() => read(cut)).not.toThrow(SECRET);
  });
});

it("refuses the private key that a log list names", () => {
  const [, key = ""] = DER[0] ?? [];
  expect(() => staticCtVerifier(key, "log.example")).toThrow(isPrivate);
});

it("lets a public key pass", () => {
  requireNotPrivate(ec.publicKey.export({ format: "der", type: "spki" }).toString("base64"));
});
