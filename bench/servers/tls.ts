/**
 * A certificate for servers on this machine, and the authority that it comes from: made anew each time, so that
 * no private key is kept anywhere, and without any other program.
 */

import { generateKeyPairSync, hash, type KeyObject, randomBytes, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  AUTHORITY,
  certificate,
  commonName,
  der,
  extension,
  oid,
  SEQUENCE,
  SERVER_AUTH,
  tbsCertificate,
  utcTime,
} from "../../test/logs/x509.ts";

/** Absolute names of files in PEM. */
export interface TlsFiles {
  /** For localhost, 127.0.0.1 and ::1. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The authority that clients are to trust, for instance by NODE_EXTRA_CA_CERTS or SSL_CERT_FILE. */
  readonly caFile: string;
}

interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const ECDSA_SHA256 = der(SEQUENCE, oid("2a8648ce3d040302"));
const CA_NAME = commonName("tlog-migrate benchmark authority");
const DAY_MS = 86_400_000;
const VALID_DAYS = 30;
/** Bits of the key usage extension, as a BIT STRING. */
const KEY_CERT_SIGN = Buffer.from([0x03, 0x02, 0x02, 0x04]);
const DIGITAL_SIGNATURE = Buffer.from([0x03, 0x02, 0x07, 0x80]);

/** Makes them in a directory that is there, valid from yesterday on for a month. */
export function makeTlsFiles(directory: string): TlsFiles {
  const authority = newKeys();
  const server = newKeys();
  const names = [
    der(0x82, Buffer.from("localhost")),
    der(0x87, Buffer.from([127, 0, 0, 1])),
    der(0x87, Buffer.concat([Buffer.alloc(15), Buffer.of(1)])),
  ];
  const ca = issue(CA_NAME, authority, authority, [AUTHORITY, keyUsage(KEY_CERT_SIGN)]);
  const leaf = issue(commonName("localhost"), server, authority, [
    keyUsage(DIGITAL_SIGNATURE),
    SERVER_AUTH,
    extension("551d11", der(SEQUENCE, ...names)),
  ]);
  const files = {
    certFile: resolve(directory, "cert.pem"),
    keyFile: resolve(directory, "key.pem"),
    caFile: resolve(directory, "ca.pem"),
  };
  writeFileSync(files.certFile, leaf);
  writeFileSync(files.keyFile, server.privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  writeFileSync(files.caFile, ca);
  return files;
}

function newKeys(): KeyPair {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** A certificate in PEM, signed by the authority's key. */
function issue(subject: Buffer, keys: KeyPair, authority: KeyPair, extensions: readonly Buffer[]): string {
  const identifiers = [
    extension("551d0e", der(0x04, keyIdentifier(keys))),
    extension("551d23", der(SEQUENCE, der(0x80, keyIdentifier(authority)))),
  ];
  const tbs = tbsCertificate({
    serial: Buffer.concat([Buffer.of(1), randomBytes(15)]),
    algorithm: ECDSA_SHA256,
    issuerName: CA_NAME,
    validity: der(SEQUENCE, timeIn(-1), timeIn(VALID_DAYS)),
    subject,
    keyInfo: keyInfo(keys),
    extensions: Buffer.concat([...extensions, ...identifiers]),
  });
  const signature = sign("sha256", tbs, authority.privateKey);
  const lines =
    certificate(tbs, ECDSA_SHA256, signature)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function keyInfo({ publicKey }: KeyPair): Buffer {
  return publicKey.export({ format: "der", type: "spki" });
}

function keyIdentifier(keys: KeyPair): Buffer {
  return hash("sha256", keyInfo(keys), "buffer").subarray(0, 20);
}

function keyUsage(bits: Buffer): Buffer {
  return extension("551d0f", bits, true);
}

/** The time in so many days: "2026-08-15T12:34:56" becomes "260815123456Z". */
function timeIn(days: number): Buffer {
  const time = new Date(Date.now() + days * DAY_MS).toISOString();
  return utcTime(`${time.slice(2, 19).replaceAll(/\D/g, "")}Z`);
}
