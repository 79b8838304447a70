/** The pieces of X.509 certificates in DER (RFC 5280), as far as those have them that are made here. */

export interface TbsCertificate {
  /** Big-endian, its first bit not set. */
  readonly serial: Buffer;
  /** AlgorithmIdentifier of the signature. */
  readonly algorithm: Buffer;
  readonly issuerName: Buffer;
  readonly validity: Buffer;
  readonly subject: Buffer;
  readonly keyInfo: Buffer;
  readonly extensions: Buffer;
}

export const SEQUENCE = 0x30;

/** One DER element of at most 65,535 bytes. */
export function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length;
  const long = length < 0x80 ? [] : length < 0x100 ? [0x81] : [0x82, length >> 8];
  return Buffer.concat([Buffer.from([tag, ...long, length & 0xff]), content]);
}

export function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

/** @param time YYMMDDHHMMSSZ. */
export function utcTime(time: string): Buffer {
  return der(0x17, Buffer.from(time));
}

export function commonName(name: string): Buffer {
  return der(SEQUENCE, der(0x31, der(SEQUENCE, oid("550403"), der(0x0c, Buffer.from(name)))));
}

export function extension(identifier: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? der(0x01, Buffer.from([0xff])) : Buffer.alloc(0);
  return der(SEQUENCE, oid(identifier), flag, der(0x04, value));
}

export const AUTHORITY = extension("551d13", der(SEQUENCE, der(0x01, Buffer.from([0xff]))), true);

export const SERVER_AUTH = extension("551d25", der(SEQUENCE, oid("2b06010505070301")));

export function tbsCertificate(tbs: TbsCertificate): Buffer {
  const version3 = der(0xa0, der(0x02, Buffer.from([2])));
  const serial = der(0x02, tbs.serial);
  const extensions = der(0xa3, der(SEQUENCE, tbs.extensions));
  const { algorithm, issuerName, validity, subject, keyInfo } = tbs;
  return der(SEQUENCE, version3, serial, algorithm, issuerName, validity, subject, keyInfo, extensions);
}

export function certificate(tbs: Buffer, algorithm: Buffer, signature: Buffer): Buffer {
  return der(SEQUENCE, tbs, algorithm, der(0x03, Buffer.from([0]), signature));
}
