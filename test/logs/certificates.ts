/**
 * Entries of a generated Static CT log: DER certificates and precertificates that parse, whose issuers hash to
 * their fingerprints and whose precertificates give the logged TBSCertificate once the poison is taken out.
 * Keys and signatures are random bytes: nothing in a log's format depends on them.
 */

import { hash } from "node:crypto";
import { type EntryWriter, randomPool } from "./entries.ts";
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
} from "./x509.ts";

/** The certificate entries of one log, and the issuers that their chains name. */
export interface CertificateEntries extends EntryWriter {
  readonly issuers: readonly Buffer[];
}

/** Gives the bytes of a field that differs from one certificate to the next: the next of an endless stream. */
type Fill = (length: number) => Buffer;

interface Issuer {
  readonly name: Buffer;
  readonly keyInfo: Buffer;
  readonly der: Buffer;
}

interface RandomStretch {
  readonly start: number;
  /** Where in the entry's random bytes it is cut. */
  readonly from: number;
  length: number;
}

/** An entry with holes: all that two entries of one kind do not share. */
interface EntryTemplate {
  readonly bytes: Buffer;
  readonly random: readonly Readonly<RandomStretch>[];
  readonly hostNumbers: readonly number[];
  readonly leafIndex: number;
}

/** One entry in this many is a precertificate, which gzip shrinks more: it holds most of its bytes twice. */
const PRECERTIFICATE_EVERY = 16;
const FIRST_TIMESTAMP = Date.UTC(2026, 0, 1);
const UINT32 = 2 ** 32;
const HOST_NUMBER = "############";
const LEAF_INDEX_MARK = Buffer.from("@@@@@");

/** The certificate entries that a seed always gives. */
export function certificateEntries(seed: string): CertificateEntries {
  const pool = randomPool(seed);
  const take = fillFrom((position) => pool.bytes[position] as number);
  const root = issuer("Bench Root", "Bench Root", take);
  const intermediate = issuer("Bench Intermediate", "Bench Root", take);
  const chain = Buffer.concat([intermediate, root].map(({ der }) => hash("sha256", der, "buffer")));
  const final = entryTemplate((newFill) => finalEntry(intermediate, chain, newFill()));
  const precertificate = entryTemplate((newFill) => precertificateEntry(intermediate, chain, newFill));
  const randomLength = Math.max(...[final, precertificate].map(randomBytesOf));
  return {
    issuers: [intermediate.der, root.der],
    maxEntrySize: Math.max(final.bytes.length, precertificate.bytes.length),
    writeEntry(index, target, offset) {
      const template = index % PRECERTIFICATE_EVERY === 0 ? precertificate : final;
      template.bytes.copy(target, offset);
      const base = pool.offsetOf(index, randomLength);
      for (const { start, from, length } of template.random) {
        pool.bytes.copy(target, offset + start, base + from, base + from + length);
      }
      const timestamp = FIRST_TIMESTAMP + index;
      target.writeUInt32BE(Math.floor(timestamp / UINT32), offset);
      target.writeUInt32BE(timestamp % UINT32, offset + 4);
      const hostNumber = String(index).padStart(HOST_NUMBER.length, "0");
      for (const at of template.hostNumbers) target.write(hostNumber, offset + at, "latin1");
      target.writeUIntBE(index, offset + template.leafIndex, LEAF_INDEX_MARK.length);
      return offset + template.bytes.length;
    },
  };
}

/**
 * Finds the holes of an entry by filling them in three ways. The certificates in it share one stream of random
 * bytes: each starts to take from its beginning, so a precertificate is filled like the certificate logged.
 */
function entryTemplate(build: (newFill: () => Fill) => Buffer): EntryTemplate {
  const low = build(() => fillFrom((position) => position & 0xff));
  const inverted = build(() => fillFrom((position) => ~position & 0xff));
  const high = build(() => fillFrom((position) => position >> 8));
  const random: RandomStretch[] = [];
  for (let start = 0; start < low.length; start++) {
    if (low[start] === inverted[start]) continue;
    const from = (low[start] as number) | ((high[start] as number) << 8);
    const last = random.at(-1);
    if (last !== undefined && last.start + last.length === start) last.length++;
    else random.push({ start, from, length: 1 });
  }
  const hostNumbers: number[] = [];
  for (let at = low.indexOf(HOST_NUMBER); at >= 0; at = low.indexOf(HOST_NUMBER, at + 1))
    hostNumbers.push(at);
  return { bytes: low, random, hostNumbers, leafIndex: low.indexOf(LEAF_INDEX_MARK) };
}

/** A stream of the bytes that `byteAt` gives for each position. */
function fillFrom(byteAt: (position: number) => number): Fill {
  let position = 0;
  return (length) => Buffer.from(Array.from({ length }, () => byteAt(position++)));
}

function randomBytesOf(template: EntryTemplate): number {
  return Math.max(...template.random.map(({ from, length }) => from + length));
}

function finalEntry(signer: Issuer, chain: Buffer, fill: Fill): Buffer {
  const logged = signed(hostTbs(signer, [], fill), fill);
  return Buffer.concat([uint(0, 8), uint(0, 2), vector(3, logged), ctExtensions(), vector(2, chain)]);
}

function precertificateEntry(signer: Issuer, chain: Buffer, newFill: () => Fill): Buffer {
  const logged = hostTbs(signer, [], newFill());
  const fill = newFill();
  const submitted = signed(hostTbs(signer, [POISON], fill), fill);
  const issuerKeyHash = hash("sha256", signer.keyInfo, "buffer");
  return Buffer.concat([
    uint(0, 8),
    uint(1, 2),
    issuerKeyHash,
    vector(3, logged),
    ctExtensions(),
    vector(3, submitted),
    vector(2, chain),
  ]);
}

/** CtExtensions with the leaf_index extension alone (https://c2sp.org/static-ct-api#sct-extension). */
function ctExtensions(): Buffer {
  return vector(2, Buffer.concat([uint(0, 1), vector(2, LEAF_INDEX_MARK)]));
}

function vector(lengthSize: number, content: Buffer): Buffer {
  return Buffer.concat([uint(content.length, lengthSize), content]);
}

function uint(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, Math.max(0, size - 6), Math.min(size, 6));
  return bytes;
}

const RSA_SHA256 = der(SEQUENCE, oid("2a864886f70d01010b"), der(0x05));
/** RFC 6962 section 3.1. */
const POISON = extension("2b06010401d679020403", der(0x05), true);
const VALIDITY = der(SEQUENCE, utcTime("260101000000Z"), utcTime("260401000000Z"));
/** Bytes of a signature by a 4096-bit RSA key. */
const SIGNATURE_SIZE = 512;

function issuer(subject: string, parent: string, fill: Fill): Issuer {
  const name = commonName(subject);
  const keyInfo = rsaKeyInfo(fill);
  const tbs = toBeSigned(commonName(parent), name, keyInfo, AUTHORITY, fill);
  return { name, keyInfo, der: signed(tbs, fill) };
}

/** The TBSCertificate of a host, with further extensions at its end. */
function hostTbs(signer: Issuer, further: readonly Buffer[], fill: Fill): Buffer {
  const host = `host-${HOST_NUMBER}.example.com`;
  const names = der(SEQUENCE, der(0x82, Buffer.from(host)));
  const keyUsage = extension("551d0f", Buffer.from([0x03, 0x02, 0x05, 0xa0]), true);
  const keyInfo = rsaKeyInfo(fill);
  const keyIdentifier = extension("551d0e", der(0x04, fill(20)));
  const extensions = [keyUsage, SERVER_AUTH, keyIdentifier, extension("551d11", names), ...further];
  return toBeSigned(signer.name, commonName(host), keyInfo, Buffer.concat(extensions), fill);
}

function toBeSigned(
  issuerName: Buffer,
  subject: Buffer,
  keyInfo: Buffer,
  extensions: Buffer,
  fill: Fill,
): Buffer {
  const serial = Buffer.concat([Buffer.from([0x04]), fill(17)]);
  const algorithm = RSA_SHA256;
  return tbsCertificate({ serial, algorithm, issuerName, validity: VALIDITY, subject, keyInfo, extensions });
}

function signed(tbs: Buffer, fill: Fill): Buffer {
  return certificate(tbs, RSA_SHA256, fill(SIGNATURE_SIZE));
}

function rsaKeyInfo(fill: Fill): Buffer {
  const modulus = der(0x02, Buffer.from([0x00, 0xc1]), fill(254), Buffer.from([0x01]));
  const exponent = der(0x02, Buffer.from([0x01, 0x00, 0x01]));
  const algorithm = der(SEQUENCE, oid("2a864886f70d010101"), der(0x05));
  return der(SEQUENCE, algorithm, der(0x03, Buffer.from([0]), der(SEQUENCE, modulus, exponent)));
}
