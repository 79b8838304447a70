/** Writes zips as Go's archive/zip does, and zips that lie. */

import fs from "node:fs";
import { crc32, deflateRawSync } from "node:zlib";

/** A member; what stands after `deflated` is a lie of the zip's directory unless it is said to be elsewhere. */
export interface ZipMemberSpec {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly deflated?: boolean;
  /** What stands in the file instead of the bytes, compressed or not. */
  readonly stored?: Buffer;
  readonly crc32?: number;
  readonly size?: number;
  readonly compressedSize?: number;
  readonly offset?: number;
  readonly method?: number;
  readonly flags?: number;
  /** Sizes and offset go into a Zip64 field. Go does so, to its sizes too, for a member beyond 4 GiB. */
  readonly zip64?: boolean;
  readonly extra?: Buffer;
  readonly ownName?: string;
  readonly ownExtra?: Buffer;
  /** Where the member's own header goes, beyond what is there already: the file has a hole before it. */
  readonly at?: number;
}

/** What the end of a zip may say instead of the truth. */
export interface ZipEnd {
  readonly count?: number;
  readonly comment?: string;
}

const HAS_DESCRIPTOR = 8;
const MAX_32 = 0xffff_ffff;
const MAX_16 = 0xffff;

export function writeZip(path: string, members: Iterable<ZipMemberSpec>, end: ZipEnd = {}): void {
  const file = fs.openSync(path, "wx");
  try {
    const directory: Buffer[] = [];
    let position = 0;
    for (const member of members) {
      const offset = member.at ?? position;
      const { own, entry } = memberParts(member, offset);
      fs.writeSync(file, own, 0, own.length, offset);
      position = offset + own.length;
      directory.push(entry);
    }
    const tail = Buffer.concat([...directory, endOf(directory, position, end)]);
    fs.writeSync(file, tail, 0, tail.length, position);
  } finally {
    fs.closeSync(file);
  }
}

/** The member's own header, bytes and data descriptor; and its entry in the directory. */
function memberParts(member: ZipMemberSpec, at: number): { own: Buffer; entry: Buffer } {
  const { name, bytes, deflated = false, flags = 0, ownExtra = Buffer.of(), extra = Buffer.of() } = member;
  const stored = member.stored ?? (deflated ? deflateRawSync(bytes) : Buffer.from(bytes));
  const method = member.method ?? (deflated ? 8 : 0);
  const sum = member.crc32 ?? crc32(bytes);
  const { size = bytes.length, compressedSize = stored.length, offset = at } = member;
  const ownName = Buffer.from(member.ownName ?? name);
  const head = fields([20, 2], [flags | HAS_DESCRIPTOR, 2], [method, 2], [0, 4]);
  const own = Buffer.concat([
    fields([0x04034b50, 4]),
    head,
    fields([0, 4], [0, 4], [0, 4], [ownName.length, 2], [ownExtra.length, 2]),
    ownName,
    ownExtra,
    stored,
    fields([0x08074b50, 4], [sum, 4], [stored.length % 2 ** 32, 4], [bytes.length % 2 ** 32, 4]),
  ]);
  const zip64 = member.zip64 ?? offset >= MAX_32;
  const extras = zip64
    ? Buffer.concat([fields([1, 2], [24, 2], [size, 8], [compressedSize, 8], [offset, 8]), extra])
    : extra;
  const sizes = zip64 ? [MAX_32, MAX_32, MAX_32] : [compressedSize, size, offset];
  const entry = Buffer.concat([
    fields([0x02014b50, 4], [20, 2]),
    head,
    fields([sum, 4], [sizes[0] as number, 4], [sizes[1] as number, 4]),
    fields([Buffer.byteLength(name), 2], [extras.length, 2], [0, 2], [0, 2], [0, 2], [0, 4]),
    fields([sizes[2] as number, 4]),
    Buffer.from(name),
    extras,
  ]);
  return { own, entry };
}

function endOf(directory: readonly Buffer[], start: number, { count, comment = "" }: ZipEnd): Buffer {
  const length = directory.reduce((sum, entry) => sum + entry.length, 0);
  const members = count ?? directory.length;
  const zip64 = members >= MAX_16 || start + length >= MAX_32;
  const long = [
    fields([0x06064b50, 4], [44, 8], [45, 2], [45, 2], [0, 4], [0, 4]),
    fields([members, 8], [members, 8], [length, 8], [start, 8]),
    fields([0x07064b50, 4], [0, 4], [start + length, 8], [1, 4]),
  ];
  const shown = zip64 ? [MAX_16, MAX_32, MAX_32] : [members, length, start];
  return Buffer.concat([
    ...(zip64 ? long : []),
    fields([0x06054b50, 4], [0, 2], [0, 2], [shown[0] as number, 2], [shown[0] as number, 2]),
    fields([shown[1] as number, 4], [shown[2] as number, 4], [Buffer.byteLength(comment), 2]),
    Buffer.from(comment),
  ]);
}

function fields(...values: (readonly [value: number, bytes: number])[]): Buffer {
  const all = Buffer.alloc(values.reduce((sum, [, bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [value, bytes] of values) {
    if (bytes === 8) all.writeBigUInt64LE(BigInt(value), at);
    else all.writeUIntLE(value, at, bytes);
    at += bytes;
  }
  return all;
}
