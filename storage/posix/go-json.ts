/**
 * JSON as log software reads it: Go's encoding/json, into a struct. It differs from JSON.parse in what it takes for a
 * number or for bytes, and in the names of fields, whose case it ignores.
 */

import { FormatError } from "../../lib/tlog/errors.ts";
import { excerpt } from "../../lib/tlog/note.ts";

/** A field's value as it is written; undefined without the field, or where it is null, which Go leaves at zero. */
export type GoFields<Name extends string> = Readonly<Partial<Record<Name, string>>>;

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

/**
 * The fields of an object that are wanted, whatever else it has.
 * @throws FormatError if it is not JSON, not an object, or has a field twice: Go would take the last, others the first.
 */
export function goFields<Name extends string>(text: string, wanted: readonly Name[]): GoFields<Name> {
  if (!isJsonObject(text)) throw new FormatError("is not a JSON object", undefined, excerpt(text));
  const fields: Partial<Record<Name, string>> = {};
  const tokens = text.match(TOKENS) ?? [];
  let depth = 0;
  for (const [at, token] of tokens.entries()) {
    if (token === "{" || token === "[") depth++;
    if (token === "}" || token === "]") depth--;
    if (depth !== 1 || tokens[at + 1] !== ":") continue;
    const key: string = JSON.parse(token).toUpperCase();
    const name = wanted.find((other) => other.toUpperCase() === key);
    if (name === undefined) continue;
    if (name in fields) throw new FormatError(`has the field ${name} twice`, undefined, excerpt(text));
    fields[name] = tokens[at + 2];
  }
  const isThere = ([, value]: readonly [string, unknown]) => value !== "null";
  return Object.fromEntries(Object.entries(fields).filter(isThere)) as GoFields<Name>;
}

/**
 * A field that Go reads as uint64, which takes no exponent, fraction or sign; 0 if it is missing.
 * @throws FormatError, also where it is beyond what this tool can count.
 */
export function goCount<Name extends string>(fields: GoFields<Name>, name: Name): number {
  const literal = fields[name] ?? "0";
  const count = /^(?:0|[1-9][0-9]*)$/.test(literal) ? Number(literal) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw new FormatError(`has a ${name} that is not a count`, "a decimal number ≤ 2^53−1", excerpt(literal));
}

/**
 * A field that Go reads as bytes, in padded standard base64, within which it skips line breaks.
 * @throws FormatError unless it has `length` bytes, at least 1.
 */
export function goBytes<Name extends string>(fields: GoFields<Name>, name: Name, length: number): Uint8Array {
  const literal = fields[name];
  const base64 = literal?.startsWith('"') ? String(JSON.parse(literal)).replace(/[\r\n]/g, "") : "";
  const bytes = Buffer.from(base64, "base64");
  // Node's decoder also takes another alphabet, and what lacks its padding.
  const isStandard = base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  if (isStandard && bytes.length === length) return bytes;
  const expected = `padded standard base64 of ${length} bytes`;
  throw new FormatError(`has a ${name} that Go does not read`, expected, excerpt(literal ?? "nothing"));
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
