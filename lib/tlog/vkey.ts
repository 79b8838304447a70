/** Public keys of logs and witnesses: vkeys (https://c2sp.org/signed-note), and the bare keys that CT log lists hold. */

import { createPublicKey, hash, type KeyObject, verify } from "node:crypto";
import { parseCheckpointText, staticCtOrigin, treeHeadBytes } from "./checkpoint.ts";
import { FormatError } from "./errors.ts";
import { cosignedMessage, isMessageString, ML_DSA_44, mlDsa44Verifier } from "./ml-dsa.ts";
import {
  decodeBase64,
  excerpt,
  isKeyName,
  type KeyIdentity,
  keyLabel,
  type SignatureType,
  type Verdict,
  type Verifier,
} from "./note.ts";
import { requireNotPrivate } from "./private-key.ts";

/** The byte of a signature type in vkeys and in the input of key ids. */
export const TYPE_BYTE = {
  Ed25519: 0x01,
  ECDSA: 0x02,
  "cosignature/v1": 0x04,
  "RFC 6962 tree head": 0x05,
  "ML-DSA-44": 0x06,
} as const satisfies Record<SignatureType, number>;

/** Followed by a name of its own: types that no specification knows (c2sp.org/signed-note). */
const UNASSIGNED_TYPE = 0xff;

const ED25519_KEY_BYTES = 32;
const ED25519_SIGNATURE_BYTES = 64;
const TIMESTAMP_BYTES = 8;
const DIGITALLY_SIGNED_HEADER_BYTES = 4;

/** P-256, P-384 and P-521, by the names that Node gives them. */
const CURVES: ReadonlySet<string | undefined> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

/** RFC 6962 §2.1.4. */
const MIN_RSA_BITS = 2048;

/** SignatureAndHashAlgorithm of TLS 1.2 (RFC 5246 §7.4.1.4.1), by which a DigitallySigned names its algorithms. */
const TLS_SHA256 = 4;
const TLS_RSA = 1;
const TLS_ECDSA = 3;

/**
 * Reads `<name>+<8 hex digits of key id>+<base64(type byte ‖ key)>`. The key is DER SPKI for the types 0x02 and
 * 0x05, 32 bytes for 0x01 and 0x04, 1312 for 0x06.
 * @throws FormatError if it is malformed, of an unsupported type, or if the key id is not of name, type and key.
 */
export function parseVkey(vkey: string): Verifier {
  requireNotPrivate(vkey);
  const { name, keyId, typeByte, key } = splitVkey(vkey);
  const verifier = verifierOf(name, typeOf(typeByte), key);
  if (keyId === verifier.keyId) return verifier;
  const problem = "is a vkey whose key id does not belong to its name and key";
  throw new FormatError(problem, keyLabel(verifier), keyLabel({ name, keyId }));
}

/**
 * The verifier of a Static CT log, from its SubjectPublicKeyInfo in base64, and its origin or submission prefix.
 * @throws FormatError
 */
export function staticCtVerifier(publicKey: string, origin: string): Verifier {
  requireNotPrivate(publicKey);
  const name = staticCtOrigin(origin);
  const spki = decodeBase64(publicKey);
  // Not shown, here and below: it may be a secret.
  if (spki === undefined) throw new FormatError("is not a public key in base64");
  if (!isKeyName(name)) {
    throw new FormatError("is not an origin of a Static CT log: it is empty, or has a space or a plus");
  }
  return verifierOf(name, "RFC 6962 tree head", spki);
}

/** The key id as the specification recommends it: the first four bytes of SHA-256(name ‖ "\n" ‖ type ‖ key). */
export function keyIdOf(name: string, type: SignatureType, key: Uint8Array): number {
  return keyIdFrom(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(TYPE_BYTE[type]), key]));
}

function splitVkey(vkey: string): KeyIdentity & { readonly typeByte: number; readonly key: Uint8Array } {
  // Only the base64 may hold a plus of its own.
  const [, name, keyId, encoded] = /^([^+]+)\+([0-9a-fA-F]{8})\+(.+)$/.exec(vkey) ?? [];
  const body = encoded === undefined ? undefined : decodeBase64(encoded);
  const typeByte = body?.[0];
  const complete = name !== undefined && keyId !== undefined && body !== undefined && typeByte !== undefined;
  if (!complete || !isKeyName(name)) {
    throw new FormatError("is not a vkey", "<name>+<8 hex digits>+<base64>");
  }
  return { name, keyId: Number.parseInt(keyId, 16), typeByte, key: body.subarray(1) };
}

function typeOf(typeByte: number): SignatureType {
  for (const [type, byte] of Object.entries(TYPE_BYTE)) if (byte === typeByte) return type as SignatureType;
  if (typeByte === UNASSIGNED_TYPE) {
    throw new FormatError(
      "is a vkey of type 0xff, a signature type of somebody's own, which cannot be verified here",
      "type 0x01, 0x02, 0x04, 0x05 or 0x06",
      undefined,
      "Pass another key of the log",
    );
  }
  throw new FormatError(
    "is a vkey of a type that is not supported",
    "type 0x01, 0x02, 0x04, 0x05 or 0x06",
    `0x${typeByte.toString(16).padStart(2, "0")}`,
  );
}

function verifierOf(name: string, type: SignatureType, key: Uint8Array): Verifier {
  return { name, type, publicKey: key, ...VERIFIERS[type](name, key) };
}

const VERIFIERS: Record<
  SignatureType,
  (name: string, key: Uint8Array) => Pick<Verifier, "keyId" | "verify" | "logId">
> = {
  /** Over the text. */
  Ed25519(name, publicKey) {
    const key = ed25519Key(publicKey);
    return {
      keyId: keyIdOf(name, "Ed25519", publicKey),
      verify: (text, signature) => verdict(verify(null, Buffer.from(text), key, signature)),
    };
  },

  /** Over the SHA-256 of the text, on any curve. Its key id is a hash of the key alone, as Rekor's. */
  ECDSA(_, spki) {
    const key = readSpki(spki);
    if (key.asymmetricKeyType !== "ec") {
      const problem = "is a vkey of type 0x02 with a key of another kind";
      throw new FormatError(problem, "an ECDSA key", key.asymmetricKeyType);
    }
    return {
      keyId: keyIdFrom(spki),
      verify: (text, signature) => verdict(verify("sha256", Buffer.from(text), key, signature)),
    };
  },

  /** A witness's timestamped statement (https://c2sp.org/tlog-cosignature, Ed25519 signed message). */
  "cosignature/v1"(name, publicKey) {
    const key = ed25519Key(publicKey);
    return {
      keyId: keyIdOf(name, "cosignature/v1", publicKey),
      verify(text, signature) {
        if (signature.length !== TIMESTAMP_BYTES + ED25519_SIGNATURE_BYTES) {
          return invalid("it has the wrong length");
        }
        const seconds = Buffer.from(signature).readBigUInt64BE();
        const message = Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
        const valid = verify(null, message, key, signature.subarray(TIMESTAMP_BYTES));
        return verdict(valid, seconds * 1000n);
      },
    };
  },

  /** An RFC 6962 tree head, as https://c2sp.org/static-ct-api puts it into checkpoints. */
  "RFC 6962 tree head"(name, spki) {
    const key = readSpki(spki);
    const logId = hash("sha256", spki, "buffer");
    return {
      logId,
      keyId: keyIdOf(name, "RFC 6962 tree head", logId),
      verify: (text, signature) => verifyTreeHead(name, key, text, Buffer.from(signature)),
    };
  },

  /** A statement on origin, size and root, by the log or a witness: it does not cover extension lines. */
  "ML-DSA-44"(name, publicKey) {
    if (publicKey.length !== ML_DSA_44.publicKeyBytes) {
      const problem = "is a vkey with an ML-DSA-44 key of the wrong length";
      throw new FormatError(problem, `${ML_DSA_44.publicKeyBytes} bytes`, `${publicKey.length}`);
    }
    if (!isMessageString(name))
      throw new FormatError("is a vkey with a name too long for ML-DSA-44 cosignatures");
    const isSigned = mlDsa44Verifier(publicKey);
    return {
      keyId: keyIdOf(name, "ML-DSA-44", publicKey),
      verify(text, signature) {
        if (signature.length !== TIMESTAMP_BYTES + ML_DSA_44.signatureBytes) {
          return invalid("it has the wrong length");
        }
        const checkpoint = parseCheckpointText(text);
        if (!isMessageString(checkpoint.origin)) return invalid("the origin is too long for one");
        const seconds = Buffer.from(signature).readBigUInt64BE();
        const message = cosignedMessage(name, seconds, checkpoint);
        const valid = isSigned(message, signature.subarray(TIMESTAMP_BYTES));
        // Zero: the cosigner does not say when.
        return verdict(valid, seconds === 0n ? undefined : seconds * 1000n);
      },
    };
  },
};

/**
 * The signature covers timestamp, size and root, and nothing else: the rest could have been written by anybody, so
 * the origin must be the key's name, and extension lines are refused.
 */
function verifyTreeHead(name: string, key: KeyObject, text: string, signature: Buffer): Verdict {
  const checkpoint = parseCheckpointText(text);
  const { origin, extensions } = checkpoint;
  if (origin !== name) {
    return invalid(`its key is not the key of ${excerpt(origin)}, which the signature does not cover`);
  }
  if (extensions.length > 0) return invalid("the checkpoint has extension lines, which it does not cover");
  const body = signature.subarray(TIMESTAMP_BYTES + DIGITALLY_SIGNED_HEADER_BYTES);
  if (!isHeaderOf(signature.subarray(TIMESTAMP_BYTES), key, body)) {
    return invalid("it is not a tree head signature with SHA-256 by a key of this kind");
  }
  const timestamp = signature.readBigUInt64BE();
  // ECDSA with a DER signature, or RSA PKCS#1 v1.5, as the key is.
  return verdict(verify("sha256", treeHeadBytes(checkpoint, timestamp), key, body), timestamp);
}

/**
 * Whether a DigitallySigned (RFC 5246 §4.7) claims to be made with SHA-256 and a key of this kind, and is `body` and
 * nothing more. The key determines the algorithm, never the signature.
 */
function isHeaderOf(signed: Buffer, key: KeyObject, body: Uint8Array): boolean {
  return (
    signed.length >= DIGITALLY_SIGNED_HEADER_BYTES &&
    signed[0] === TLS_SHA256 &&
    signed[1] === (key.asymmetricKeyType === "rsa" ? TLS_RSA : TLS_ECDSA) &&
    signed.readUInt16BE(2) === body.length
  );
}

function ed25519Key(publicKey: Uint8Array): KeyObject {
  if (publicKey.length !== ED25519_KEY_BYTES) {
    const problem = "is a vkey with an Ed25519 key of the wrong length";
    throw new FormatError(problem, "32 bytes", `${publicKey.length}`);
  }
  const x = Buffer.from(publicKey).toString("base64url");
  return createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
}

/** An ECDSA or RSA key. */
function readSpki(der: Uint8Array): KeyObject {
  const key = importSpki(Buffer.from(der));
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ec" && CURVES.has(details?.namedCurve)) return key;
  // To Node an RSA-PSS key is another type: it is never used for PKCS#1 v1.5 by mistake.
  if (type === "rsa" && (details?.modulusLength ?? 0) >= MIN_RSA_BITS) return key;
  throw new FormatError(
    "is a public key of an unsupported kind",
    `ECDSA on P-256, P-384 or P-521, or RSA of at least ${MIN_RSA_BITS} bits`,
    [type, details?.namedCurve ?? details?.modulusLength].filter((part) => part !== undefined).join(" "),
  );
}

function importSpki(der: Buffer): KeyObject {
  try {
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    // Node ignores what follows the key, while ids are hashes of all the bytes: one key could have many ids.
    if (key.export({ format: "der", type: "spki" }).equals(der)) return key;
  } catch {
    // Reported like a key that is not in its one encoding.
  }
  throw new FormatError("is not a public key: not the DER of a SubjectPublicKeyInfo and nothing else");
}

function verdict(valid: boolean, timestampMs?: bigint): Verdict {
  if (!valid) return invalid("it was made with another key or for another text");
  if (timestampMs === undefined) return { valid };
  if (timestampMs > BigInt(Number.MAX_SAFE_INTEGER)) return invalid("its timestamp is out of range");
  return { valid, timestampMs: Number(timestampMs) };
}

function invalid(problem: string): Verdict {
  return { valid: false, problem };
}

function keyIdFrom(input: Uint8Array): number {
  return hash("sha256", input, "buffer").readUInt32BE();
}
