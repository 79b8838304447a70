/**
 * The signed tree head that an RFC 6962 log serves (§4.3, get-sth), as the checkpoint that a Static CT log would sign: the
 * signature is the same (https://c2sp.org/static-ct-api, type 0x05).
 */

import { FormatError } from "./errors.ts";
import { HASH_SIZE } from "./merkle.ts";
import { decodeBase64, signatureLine, type Verifier } from "./note.ts";

/** Where an RFC 6962 log serves it, below its submission prefix. */
export const TREE_HEAD_PATH = "ct/v1/get-sth";

/**
 * The note for a tree head, in the name of the key (of RFC 6962 logs) that has signed it, or of the first key if none has.
 * Undefined for bytes that are not a tree head at all.
 * @throws FormatError for a tree head that is malformed.
 */
export function noteOfTreeHead(answer: Uint8Array, keys: readonly Verifier[]): Uint8Array | undefined {
  const head = parseTreeHead(answer);
  if (head === undefined) return undefined;
  const { size, root, signature } = head;
  const textOf = ({ name }: Verifier): string => `${name}\n${size}\n${root}\n`;
  const key = keys.find((each) => each.verify(textOf(each), signature).valid) ?? keys[0];
  return key && Buffer.from(`${textOf(key)}\n${signatureLine({ ...key, signature })}`);
}

interface TreeHeadFields {
  readonly size: number;
  /** Base64, as in the answer. */
  readonly root: string;
  /** The timestamp and the DigitallySigned, as in a checkpoint's signature. */
  readonly signature: Uint8Array;
}

function parseTreeHead(answer: Uint8Array): TreeHeadFields | undefined {
  const fields = parseFields(answer);
  if (fields === undefined || !("tree_size" in fields)) return undefined;
  const { tree_size: size, timestamp, sha256_root_hash: root, tree_head_signature: signed } = fields;
  const signature = typeof signed === "string" ? decodeBase64(signed) : undefined;
  if (!isCount(size) || !isCount(timestamp) || typeof root !== "string" || signature === undefined) {
    throw new FormatError(`is missing, and ${TREE_HEAD_PATH} in its place is malformed`);
  }
  if (decodeBase64(root)?.length !== HASH_SIZE) {
    throw new FormatError(`is missing, and ${TREE_HEAD_PATH} in its place has no root hash of 32 bytes`);
  }
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(timestamp));
  return { size, root, signature: Buffer.concat([time, signature]) };
}

/** Undefined for what is not a JSON object, such as a web page. */
function parseFields(answer: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(answer).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A number beyond 2^53−1 was rounded by the parser, and would be another than was signed. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
