import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attempt, FormatError } from "../../../lib/tlog/errors.ts";
import { parseNote, SignatureError, type Verifier, verifyNote } from "../../../lib/tlog/note.ts";
import { keyIdOf, parseVkey, staticCtVerifier, TYPE_BYTE } from "../../../lib/tlog/vkey.ts";
import { newEd25519Signer, newRfc6962Signer } from "../../logs/sign.ts";

/*
 * "Go" vectors: made once with a small program on Go 1.26 from golang.org/x/mod/sumdb/note,
 * github.com/transparency-dev/formats@404c0d5b696c/note (cosignatures, key ids, vkeys) and
 * github.com/google/certificate-transparency-go@v1.3.2 (tree head serialisation, DigitallySigned), over TEXT.
 * Ed25519 seeds: 32 bytes of 0x01 (log) and of 0x02 (witness). ECDSA scalars: SHA-256 of the curve's name, zeros
 * before it; signatures by RFC 6979. The RSA key was random. All but RSA were opened again by formats, whose RSA
 * branch (`rsa.VerifyPKCS1v15(…) != nil`) has the sense of its answer reversed.
 */
const ROOT = "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I="; // SHA-256("root")
const TEXT = `example.com/log\n123\n${ROOT}\n`;
const LOG = "example.com/log+9be5d3c6+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
const WITNESS = "witness.example.com/w1+745fb5e8+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
const TREE_HEAD_EC =
  "example.com/log+078eb049+BTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMGf4uVAI9jReI19TpWM5dFybQQd1/zdakBunqRDMgZBmNnDXX7X+xM5E5GFtGQMFhJcygTWevZL3InNwFYSonQ=";
const TREE_HEAD_EC_LINE =
  "— example.com/log B46wSQAAAY6F14OqBAMARzBFAiEA6XoeQOfSt1wocyIsUqpE4mHBeBgrTC1T2wjciPqjnWwCIFaP+KgQUcHJuLB5cJ6J1bIGP8HNSV1FGITBQBUXK8Zo";
const TREE_HEAD_RSA =
  "example.com/log+354b9bdb+BTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAK0hsLeL85LNI5N6+oHAXo79IILOEXyJu4frJh3kEtyoZXn3Px9BIY35a5a23GMzWg3Jv9NQibZD2UImdKdDRCxqbnBWTAYpCpK4nW39zrAdt4nLBsWJFV6OCnkqGumaa4+k0apvBZdvGrAJxMMOGlioXSzlWFk5Dpk0tbCifOht70hh2gj5S1Zt3PhK4YNiQ/a9Uoq3wYoUy3QSU/XTjfO4RiGlpZUNo2dALEVWHs7o7Jyr9onKr7p/9imiKWe/w+HAlkBMYm/RPabWrhzmoMxyXvWTUgNVfzOOhDgGwmjnuGt5L5rRtJ515d9TB6pV4Ki5J2ZE/DQp3prS7HwjaXECAwEAAQ==";
const TREE_HEAD_RSA_LINE =
  "— example.com/log NUub2wAAAY6F14OqBAEBAKOSA9Dz5A/O/PHjxV3oO35PUeW1y3ryTSM5n2sRHF+dqSJboCTU2XN03wvVsEkHTgGidzY30epZDo9EEeWk5LBIE77ngHk0e8i2NzCrrL9u7JK1O4aEtfa0OvOEo0eqA0HnuPnW3Sfp2x09BOdBWDjdBUttwwnHdqel5CBy2qE2UUNHltUF9rbxtAwS6mjdmHCBfblUcEm9ERnCQ8r+8xIk5y4zew99bj9UNGbjSIBaN7t2HF8oadwpllWNu0qv2bspmoRzcqwN8+p6VB7MBir65Qw/Bqaloc8LpiRrA8d9UIEnrwFHMRhUBa1ga+sitng2wvEjJ5SNNk75WGuiP44=";
const ECDSA_P256 =
  "example.com/log+3e9dc7d0+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMGf4uVAI9jReI19TpWM5dFybQQd1/zdakBunqRDMgZBmNnDXX7X+xM5E5GFtGQMFhJcygTWevZL3InNwFYSonQ=";
const ECDSA_P256_LINE =
  "— example.com/log Pp3H0DBFAiEA6JOg84HrGWIfEvGkcN8yQMRxzfgRFg6Q4Kn9N7r5+D8CIDP3FTeYqQWVZZx/IG7jcaHqRzcCtcx5GZmepwPgBwkM";

// golang.org/x/mod/sumdb/note/note_test.go, and the key that the go command carries (cmd/go/internal/modfetch).
const PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

// github.com/transparency-dev/formats/note/note_cosigv1_test.go, "works: native".
const REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";

// github.com/transparency-dev/formats/note/note_verifier_test.go: the keys of Rekor and of the Pixel 6 log.
const REKOR_BODY =
  "AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5AW5i0hrZLOC96l+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc=";
const REKOR = `rekor.sigstore.dev+c0d23d6a+${REKOR_BODY}`;
const PIXEL =
  "pixel6_transparency_log+91c16e30+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABN+4x0Jk1yTwvLFI9A4NDdGZcX0aiWVdWM5XJVy0M4VWD3AvyW5Q6Hs9A0mcDkpUoYgn+KKPNzFC0H3nN3q6JQ8=";

// github.com/transparency-dev/formats/note/note_rfc6962_test.go: two CT logs, and a checkpoint of the second.
const ARGON =
  "ct.googleapis.com/logs/us1/argon2024+7deb49d0+BTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABB25bKnLaZTFXOa2pgO70rjcVEMXKJkMBgFQHZ1kwFlGK9zIAx0FtC2oCfeZQe0E++VXuiYE9hFSzhRlOy92K8A=";
const ROME =
  "rome.ct.filippo.io/2024h1+78f4abae+BTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAFzPC3fap+uINc1RQ4eRbYMUt84+bKkA8GDLN8KwVdzAgYhYSv4kS8XSheGLAHCWhIJTJbuC3sL88bNMTtrsBM=";
const ROME_SPKI =
  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAXM8Ld9qn64g1zVFDh5FtgxS3zj5sqQDwYMs3wrBV3MCBiFhK/iRLxdKF4YsAcJaEglMlu4Lewvzxs0xO2uwEw==";
const ROME_NOTE =
  "rome.ct.filippo.io/2024h1\n115474666\n2q1K6aiIJR+F7TyhiWOghoWOjY0/3dVBLsBbAvB4xCw=\n\n— rome.ct.filippo.io/2024h1 ePSrrgAAAY5+gVlSBAMARzBFAiEAv8bOMzo3Ed/GbU9fzzJvaStX6i8xTsmEF+NqvpGhIO0CIEn1X+zzVEerdix64GEn97XCXObA2G5JQ8UDDqCKdG5m\n";
const ROME_TIME = 1711519390034;

function verify(note: string, ...verifiers: Verifier[]) {
  return verifyNote(parseNote(new TextEncoder().encode(note)), verifiers);
}

/** A checkpoint with one signature line. */
function verifyLine(line: string, key: Verifier, text = TEXT) {
  return verify(`${text}\n${line}\n`, key);
}

/** Re-signs nothing: packs the bytes of one signature line anew, after a change. */
function withSignature(line: string, change: (signature: Buffer) => Uint8Array): string {
  const [dash, name, encoded = ""] = line.split(" ");
  const body = Buffer.from(encoded, "base64");
  const changed = Buffer.concat([body.subarray(0, 4), change(Buffer.from(body.subarray(4)))]);
  return `${dash} ${name} ${changed.toString("base64")}`;
}

function longer(signature: Buffer): Buffer {
  signature.writeUInt16BE(signature.readUInt16BE(10) + 1, 10);
  return signature;
}

function vkeyOf(name: string, keyId: number, typeByte: number, key: Uint8Array): string {
  const body = Buffer.concat([Buffer.of(typeByte), key]).toString("base64");
  return `${name}+${keyId.toString(16).padStart(8, "0")}+${body}`;
}

describe("vkeys", () => {
  test.each([
    { vkey: PETER, name: "PeterNeumann", keyId: 0xc74f20a3, type: "Ed25519" },
    { vkey: SUMDB, name: "sum.golang.org", keyId: 0x033de0ae, type: "Ed25519" },
    { vkey: REKOR, name: "rekor.sigstore.dev", keyId: 0xc0d23d6a, type: "ECDSA" },
    { vkey: PIXEL, name: "pixel6_transparency_log", keyId: 0x91c16e30, type: "ECDSA" },
    { vkey: REMORA, name: "remora.n621.de", keyId: 0xda77ade7, type: "cosignature/v1" },
    { vkey: ROME, name: "rome.ct.filippo.io/2024h1", keyId: 0x78f4abae, type: "RFC 6962 tree head" },
    {
      vkey: ARGON,
      name: "ct.googleapis.com/logs/us1/argon2024",
      keyId: 0x7deb49d0,
      type: "RFC 6962 tree head",
    },
  ])("the vkey of $name is read, and its key id checked", ({ vkey, ...expected }) => {
    expect(parseVkey(vkey)).toMatchObject(expected);
    const [name, keyId = "", ...body] = vkey.split("+");
    const wrong = (Number.parseInt(keyId, 16) ^ 1) >>> 0;
    expect(() => parseVkey([name, wrong.toString(16).padStart(8, "0"), ...body].join("+"))).toThrow(/key id/);
  });

  test("no part of a vkey is a vkey, and neither is one with a changed character (sumdb/note TestNewVerifier)", () => {
    for (let from = 0; from < PETER.length; from++) {
      for (let to = from; to <= PETER.length; to++) {
        const part = PETER.slice(from, to);
        if (part !== PETER) expect(() => parseVkey(part)).toThrow(FormatError);
      }
      const next = String.fromCharCode(PETER.charCodeAt(from) + 1);
      const changed = PETER.slice(0, from) + next + PETER.slice(from + 1);
      expect(() => parseVkey(changed)).toThrow(FormatError);
    }
  });

  test.each([
    [
      "a key of the wrong length",
      "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
    ],
    ["an unknown type", "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"],
    ["two parts", "bananas.sigstore.dev+12344556"],
    ["no base64", "rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!"],
    ["a reserved type", "rekor.sigstore.dev+12345678+AwEB"],
    ["a key id that is not hexadecimal", `rekor.sigstore.dev+NOT_A_NUMBER+${REKOR_BODY}`],
    ["a key id of another key", `rekor.sigstore.dev+00000000+${REKOR_BODY}`],
    ["a space in the name", PETER.replace("Neumann", " Neumann")],
    ["a newline at the end", `${PETER}\n`],
    ["a plus in the name", PETER.replace("Neumann", "+Neumann")],
    ["nothing after the type", "PeterNeumann+c74f20a3+AQ=="],
    ["an empty body", "PeterNeumann+c74f20a3+"],
  ])("a vkey with %s is refused", (_, vkey) => {
    expect(() => parseVkey(vkey)).toThrow(FormatError);
  });

  test("a wrong key id is told together with the right one", () => {
    const wrong = PETER.replace("c74f20a3", "c74f20a4");
    expect(() => parseVkey(wrong)).toThrow(
      expect.objectContaining({ expected: "PeterNeumann+c74f20a3", found: "PeterNeumann+c74f20a4" }),
    );
  });

  test("a name that no signature line can carry is refused, though its key id is right", () => {
    const key = new Uint8Array(32).fill(7);
    for (const name of ["a log", "a\u2003log", "\ud800"]) {
      const vkey = vkeyOf(name, keyIdOf(name, "Ed25519", key), TYPE_BYTE.Ed25519, key);
      expect(() => parseVkey(vkey)).toThrow(/not a vkey/);
    }
  });

  test("a type of somebody's own (0xff) is refused by a word, whatever follows it", () => {
    for (const key of [new Uint8Array(), Buffer.from("example.com/my-type")]) {
      const refused = () => parseVkey(vkeyOf("example.com/log", 0, 0xff, key));
      expect(refused).toThrow(/type 0xff, a signature type of somebody's own, which cannot be verified/);
      expect(refused).toThrow(expect.objectContaining({ advice: "Pass another key of the log" }));
    }
  });

  test("whatever the text, reading it as a vkey throws nothing but FormatError", () => {
    const types = fc.constantFrom(...Object.values(TYPE_BYTE), 0x00, 0x03, 0x06, 0xff);
    const shaped = fc
      .tuple(fc.string(), fc.nat(0xffffffff), types, fc.uint8Array({ maxLength: 120 }))
      .map((parts) => vkeyOf(...parts));
    const ed25519 = fc
      .tuple(fc.constantFrom("a", "b"), fc.uint8Array({ minLength: 32, maxLength: 32 }))
      .map(([name, key]) => vkeyOf(name, keyIdOf(name, "Ed25519", key), TYPE_BYTE.Ed25519, key));
    fc.assert(
      fc.property(fc.oneof(fc.string(), shaped, ed25519), fc.uint8Array(), (vkey, signature) => {
        attempt(() => parseVkey(vkey).verify(TEXT, signature));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("keys in SubjectPublicKeyInfo", () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
  const ecDer = ec.export({ format: "der", type: "spki" });
  const staticCt = (spki: Uint8Array) =>
    staticCtVerifier(Buffer.from(spki).toString("base64"), "example.com/log");

  test("bytes after the key are refused, though OpenSSL ignores them", () => {
    expect(() => staticCt(Buffer.concat([ecDer, Buffer.of(0)]))).toThrow(FormatError);
    expect(staticCt(ecDer).type).toBe("RFC 6962 tree head");
  });

  test.each([
    ["secp256k1", generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey],
    ["Ed25519", generateKeyPairSync("ed25519").publicKey],
    ["RSA-PSS", generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey],
    ["RSA of 1024 bits", generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey],
  ])("a key of the kind %s is refused", (_, key) => {
    const spki = key.export({ format: "der", type: "spki" });
    expect(() => staticCt(spki)).toThrow(/unsupported kind/);
  });

  test("Go's P-224 and RSA-1024 keys are refused", () => {
    expect(() =>
      parseVkey(
        "example.com/log+c835888e+AjBOMBAGByqGSM49AgEGBSuBBAAhAzoABI+u310ZRRmyVlNVbE9ctzrdKTe3+0A/bekfKQY/JTRYzwXHiRonKNu1fgX1xDqMzw/9tBB23+xR",
      ),
    ).toThrow(/unsupported kind/);
    expect(() =>
      parseVkey(
        "example.com/log+8769a790+BTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAvNtxvFbffKDAcnOzBidkEitOkDptpPzyGx0R2q7LXekOJiIyl+78iW1xF0iJF5D3bcNg76pJ0wVVVjFHgFhxK5Cy0QPVBpeME3/u/U+yMYHiQZQAe6fwmARoMw1sbrJmuUUSHYiYEK5al48/whORoXD4mPBTiwuKsD83MccymVcCAwEAAQ==",
      ),
    ).toThrow(/unsupported kind/);
  });

  test("an RSA key cannot stand in a vkey for ECDSA, nor a raw Ed25519 key for an SPKI", () => {
    const rsa = Buffer.from(TREE_HEAD_RSA.slice(TREE_HEAD_RSA.lastIndexOf("+BT") + 1), "base64").subarray(1);
    expect(() => parseVkey(vkeyOf("example.com/log", 0, TYPE_BYTE.ECDSA, rsa))).toThrow(
      /key of another kind/,
    );
    const raw = new Uint8Array(32).fill(7);
    expect(() => parseVkey(vkeyOf("example.com/log", 0, TYPE_BYTE.ECDSA, raw))).toThrow(FormatError);
    expect(() => parseVkey(vkeyOf("example.com/log", 0, TYPE_BYTE["RFC 6962 tree head"], raw))).toThrow(
      FormatError,
    );
  });
});

describe("type 0x01, Ed25519", () => {
  test("the checksum database's own signature verifies (sum.golang.org/latest, as the go command kept it)", () => {
    const key = parseVkey(SUMDB);
    const note = `go.sum database tree
70720073
XgvMsA5d1x+SCWlh4+v6M7wrVH3O0fq8lKSIOYc3r4c=

— sum.golang.org Az3grm5pews8rQqmUTxHDs0bPPi3lozHWBnzZZXhAR3XF+7ogIZ4av0Nh+8GW6EIHB/L8idJziAZHHs5mMYUOz0zvQw=
`;
    expect(verify(note, key)).toEqual([{ verifier: key }]);
    expect(() => verify(note.replace("70720073", "70720074"), key)).toThrow(SignatureError);
  });

  test("a signer from a seed signs as Go does", () => {
    const signer = newEd25519Signer("example.com/log", new Uint8Array(32).fill(1));
    expect(signer.vkey).toBe(LOG);
    expect(signer.signatureLine(TEXT)).toBe(
      "— example.com/log m+XTxjLXJ25Q9UiogwwV2MgPU1b2DIRBi03tc7QvMDvu7RMIOgb3EbbsVf0cZvdZa4BSWLp/rxtrXWNfdDhbLa3JMwM=\n",
    );
  });
});

describe("type 0x02, ECDSA", () => {
  test.each([
    [
      "Rekor",
      REKOR,
      "Rekor\n798034\nf+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0=\n\n— rekor.sigstore.dev wNI9ajBEAiARInWIWyCdyG27CO6LPnPekyw20qO0YJfoaPaowGp/XgIgc+qEHS3+GKVClgqq20uDLet7MCoTURUCRdxwWBHHufk=\n",
    ],
    [
      "the Pixel 6 log",
      PIXEL,
      "DEFAULT\n10\nbsWRucJU5xJPHb5eBdOm6+DM+VelCZBuvtI3sHERJ9Y=\n\n— pixel6_transparency_log kcFuMDBFAiEAhqMAP8P6qf6QxtUJhzMhbN+MbZ9dwfUHzGQJmffJHtoCIGD0cNe47dHWBoPwYdgBCepB06/+g5O1FmYjXl06owL4\n",
    ],
    ["Go with P-256", ECDSA_P256, `${TEXT}\n${ECDSA_P256_LINE}\n`],
    [
      "Go with P-384",
      "example.com/log+529bb497+AjB2MBAGByqGSM49AgEGBSuBBAAiA2IABGx42FipHBQfyxL5+/Q+ycRp/hFS4HyD8LAfapqm6LyotY51GUeXR4ktRVrLaZZj3a5+i4Fwr/FAxQDkJZX/5sIai+NOouxaCxLFQejExvWLIe48K7jCPaP8GSAHThBtig==",
      `${TEXT}\n— example.com/log Upu0lzBkAjBBMrwKcq9+aW4968jreQfGbLbgCdhvz/ydRX4pNkeN2wYSUe2uTAnlXlunb3kZtbICMGsoEAzpQqZbkLbhuREXpFAZxqwDNKp3qLVcznsrpdHi3LVdzmyibAe1Ssj4LmCUcA==\n`,
    ],
    [
      "Go with P-521",
      "example.com/log+49bdf2f5+AjCBmzAQBgcqhkjOPQIBBgUrgQQAIwOBhgAEAFbAucwtSpA/3cO56xRLbPrL4TZ5MXmT+z6rCTNGy5t40oKQOAqFUbdEKWYK3KCoHJ4hDpkimEXhFLdzZivxKHVaATVVKaxNplekEv+t3i5fkEudOFYuXzt0ItonQedzi8JoPVadmKOOK9ll/Ij5GGSlIU07lPj8u4zylqipqfdZF0PT",
      `${TEXT}\n— example.com/log Sb3y9TCBiAJCAOueNqnTe6da/h7A9GNvjVBV/8pj32l3RTSMed6l6UodrlZIzmyr+CZxwTrJiGgOLkLKrqNlrbxWE0ekbbF+DmYOAkIBxC7X/m88lgXUl++nS98RZJ/zFowG3Jqyrrl4AC1q44Z7KcbKYzb7XMiqK/7MdrcGx5uleWfM2fdmNzWp5pNyA2E=\n`,
    ],
  ])("a signature by %s verifies, over SHA-256 and over this text alone", (_, vkey, note) => {
    const key = parseVkey(vkey);
    expect(verify(note, key)).toEqual([{ verifier: key }]);
    expect(() => verify(note.replace("\n", "!\n"), key)).toThrow(SignatureError);
  });

  test("a signature in anything but strict DER is rejected", () => {
    const key = parseVkey(ECDSA_P256);
    const trailing = withSignature(ECDSA_P256_LINE, (signature) => Buffer.concat([signature, Buffer.of(0)]));
    expect(() => verifyLine(trailing, key)).toThrow(SignatureError);
    const longLength = withSignature(ECDSA_P256_LINE, (signature) =>
      Buffer.concat([Buffer.of(0x30, 0x81), signature.subarray(1)]),
    );
    expect(() => verifyLine(longLength, key)).toThrow(SignatureError);
  });
});

describe("type 0x04, cosignature/v1", () => {
  const line =
    "— witness.example.com/w1 dF+16AAAAABrAW4wfsHodwaNUpbZI/gtFZ9iLzDTOXyA52mIj/NRxCSoA/AHY+ECJgVJAm1Mjh45enClM6zX7x8HlwXxJYpBRqbCDg==";
  const timestampMs = Number(Buffer.from(line.split(" ")[2] ?? "", "base64").readBigUInt64BE(4)) * 1000;

  test("Go's cosignature verifies, and its time is told", () => {
    const key = parseVkey(WITNESS);
    expect(new Date(timestampMs).getUTCFullYear()).toBe(2026);
    expect(verifyLine(line, key)).toEqual([{ verifier: key, timestampMs }]);
  });

  test("extension lines are covered", () => {
    const key = parseVkey(WITNESS);
    const extended = `${TEXT}extension one\nextension two\n`;
    const extendedLine =
      "— witness.example.com/w1 dF+16AAAAABrAW4wIEFs4yg44J/H6a/KOufbgGGn+5bPjDu5O5q64AMG82EWnb0OTmNyQPfvAFUKdFS0LyxHDhibN0/mDyNVTikNCQ==";
    expect(verifyLine(extendedLine, key, extended)).toHaveLength(1);
    expect(() => verify(`${extended.replace("two", "three")}\n${extendedLine}\n`, key)).toThrow(
      SignatureError,
    );
  });

  test("a changed timestamp and a wrong length are rejected", () => {
    const key = parseVkey(WITNESS);
    const later = withSignature(line, (signature) => {
      signature.writeBigUInt64BE(signature.readBigUInt64BE() + 1n);
      return signature;
    });
    expect(() => verifyLine(later, key)).toThrow(SignatureError);
    for (const change of [
      (signature: Buffer) => signature.subarray(0, -1),
      (signature: Buffer) => Buffer.concat([signature, Buffer.of(0)]),
      (signature: Buffer) => signature.subarray(0, 7),
    ]) {
      expect(() => verifyLine(withSignature(line, change), key)).toThrow(/wrong length/);
    }
  });

  test("a plain signature by the same key is none (formats TestVKeyToCosignatureV1)", () => {
    const signer = newEd25519Signer("witness.example.com/w1", new Uint8Array(32).fill(2));
    expect(() => verify(Buffer.from(signer.sign(TEXT)).toString(), parseVkey(WITNESS))).toThrow(
      /not signed by any key/,
    );
  });
});

describe("type 0x05, RFC 6962 tree heads", () => {
  test("Rome's checkpoint verifies by its vkey and by its log list key, and its time is told", () => {
    for (const key of [parseVkey(ROME), staticCtVerifier(ROME_SPKI, "https://rome.ct.filippo.io/2024h1/")]) {
      expect(key).toMatchObject({ name: "rome.ct.filippo.io/2024h1", keyId: 0x78f4abae });
      expect(verify(ROME_NOTE, key)).toEqual([{ verifier: key, timestampMs: ROME_TIME }]);
    }
  });

  test("a get-sth answer of a Google log verifies as a note (sunlight TestRFC6962InjectedSigner)", () => {
    const key = staticCtVerifier(
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESYlKFDLLFmA9JScaiaNnqlU8oWDytxIYMfswHy9Esg0aiX+WnP/yj4O0ViEHtLwbmOQeSWBGkIu9YK9CLeer+g==",
      "example.com",
    );
    const digitallySigned = Buffer.from(
      "BAMASDBGAiEAnaHGuwnyyHWvrfgEn3qtl1j2heMzocku6ZAItYD75m8CIQCpotlpH5GEPEfMMzky72BCuIl14FB65t5SWZ91vgTQOg==",
      "base64",
    );
    const timestamp = Buffer.alloc(8);
    timestamp.writeBigUInt64BE(1588741228371n);
    const text = "example.com\n90785920\nl+XrWXWRyp4SmATORgTfz4CcYS/VlE7CeTuWI0FAk3o=\n";
    expect(key.verify(text, Buffer.concat([timestamp, digitallySigned]))).toEqual({
      valid: true,
      timestampMs: 1588741228371,
    });
  });

  test.each([
    ["ECDSA", TREE_HEAD_EC, TREE_HEAD_EC_LINE],
    ["RSA", TREE_HEAD_RSA, TREE_HEAD_RSA_LINE],
  ])("Go's %s signature verifies; with any other timestamp, size or root it does not", (_, vkey, line) => {
    const key = parseVkey(vkey);
    expect(verifyLine(line, key)).toEqual([{ verifier: key, timestampMs: 1711642477482 }]);
    const later = withSignature(line, (signature) => {
      signature.writeBigUInt64BE(1711642477483n);
      return signature;
    });
    expect(() => verifyLine(later, key)).toThrow(SignatureError);
    expect(() => verifyLine(line, key, TEXT.replace("123", "124"))).toThrow(SignatureError);
    expect(() => verifyLine(line, key, TEXT.replace("SBNJ", "SBNK"))).toThrow(SignatureError);
  });

  test("what the signature does not cover is refused: another origin, extension lines", () => {
    const key = parseVkey(TREE_HEAD_EC);
    const elsewhere = TEXT.replace("example.com/log", "example.com/other");
    expect(() => verifyLine(TREE_HEAD_EC_LINE, key, elsewhere)).toThrow(/not the key of example.com\/other/);
    expect(() => verify(`${TEXT}extension\n\n${TREE_HEAD_EC_LINE}\n`, key)).toThrow(/extension lines/);
  });

  test.each([
    ["of another hash", TREE_HEAD_EC, TREE_HEAD_EC_LINE, (signature: Buffer) => signature.fill(5, 8, 9)],
    [
      "of RSA by an ECDSA key",
      TREE_HEAD_EC,
      TREE_HEAD_EC_LINE,
      (signature: Buffer) => signature.fill(1, 9, 10),
    ],
    [
      "of ECDSA by an RSA key",
      TREE_HEAD_RSA,
      TREE_HEAD_RSA_LINE,
      (signature: Buffer) => signature.fill(3, 9, 10),
    ],
    ["of another length", TREE_HEAD_EC, TREE_HEAD_EC_LINE, longer],
  ])("a signature that says it is %s is rejected", (_, vkey, line, change) => {
    const changed = withSignature(line, change);
    expect(() => verifyLine(changed, parseVkey(vkey))).toThrow(/not a tree head signature/);
  });

  test("a time that cannot be counted in milliseconds is rejected, though it was signed", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const signer = newRfc6962Signer("example.com/log", privateKey, () => 2 ** 53);
    const note = Buffer.from(signer.sign(TEXT)).toString();
    expect(() => verify(note, parseVkey(signer.vkey))).toThrow(/timestamp is out of range/);
  });

  test("a signature cut anywhere, or followed by anything, is rejected", () => {
    const key = parseVkey(TREE_HEAD_EC);
    const whole = parseNote(new TextEncoder().encode(`${TEXT}\n${TREE_HEAD_EC_LINE}\n`)).signatures[0]
      ?.signature;
    if (whole === undefined) throw new Error("the vector has no signature");
    expect(key.verify(TEXT, whole).valid).toBe(true);
    for (let length = 0; length < whole.length; length++) {
      expect(key.verify(TEXT, whole.subarray(0, length)).valid).toBe(false);
    }
    expect(key.verify(TEXT, Buffer.concat([whole, Buffer.of(0)])).valid).toBe(false);
  });

  test("a text that is no checkpoint is a FormatError, not a verdict", () => {
    expect(() => parseVkey(TREE_HEAD_EC).verify("no checkpoint\n", new Uint8Array(80))).toThrow(FormatError);
  });

  test.each([
    ["P-256", generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey],
    ["RSA", generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey],
  ])("the log generator's %s signer makes what both kinds of verifier accept", (_, privateKey) => {
    const signer = newRfc6962Signer("example.com/log", privateKey, () => 1_700_000_000_000);
    const note = Buffer.from(signer.sign(TEXT)).toString();
    for (const key of [parseVkey(signer.vkey), staticCtVerifier(signer.publicKey, "example.com/log")]) {
      expect(verify(note, key)).toEqual([{ verifier: key, timestampMs: 1_700_000_000_000 }]);
    }
  });
});

test("a Static CT key needs base64 and an origin that can be a key's name", () => {
  expect(() => staticCtVerifier("not base64!", "example.com/log")).toThrow(FormatError);
  expect(() => staticCtVerifier(ROME_SPKI, "https://")).toThrow(FormatError);
  expect(() => staticCtVerifier(ROME_SPKI, "example.com/a log")).toThrow(FormatError);
});
