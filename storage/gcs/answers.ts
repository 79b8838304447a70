/** Answers of the JSON API of Cloud Storage. A proxy in between may answer in its place, so every field is checked. */

import type { SourceError } from "../../lib/migrate/ports/source.ts";
import type { StoredObject } from "../../lib/migrate/ports/target.ts";
import type { ObjectVersion } from "../bucket/bucket.ts";
import { foreignAnswer } from "../bucket/foreign-answer.ts";
import type { ListPage } from "../bucket/listing.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The value of an answer's body. @throws SourceError if it is not JSON. */
export function parseAnswer(body: Buffer, host: string): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw notOfTheApi(host, "it is not JSON");
  }
}

/** The version in an object's metadata. @throws SourceError */
export function versionIn(answer: unknown, host: string): ObjectVersion {
  const { updated } = fieldsOf(answer, host);
  const storedAt = typeof updated === "string" ? Date.parse(updated) : Number.NaN;
  if (Number.isNaN(storedAt)) throw notOfTheApi(host, "it does not say when the object was stored");
  return { version: generationIn(answer, host), storedAt };
}

/** The version that an upload was given: only then is it known to be stored. @throws SourceError */
export function generationIn(answer: unknown, host: string): string {
  const { generation } = fieldsOf(answer, host);
  if (isCount(generation)) return String(generation);
  throw notOfTheApi(host, "it does not say which version the object has");
}

/** A page of a listing below a prefix, which the paths then lack. @throws SourceError */
export function pageIn(answer: unknown, host: string, prefix: string): ListPage {
  const { items = [], nextPageToken } = fieldsOf(answer, host);
  if (!Array.isArray(items)) throw notOfTheApi(host, "it has no list of objects");
  if (nextPageToken !== undefined && (typeof nextPageToken !== "string" || nextPageToken === "")) {
    throw notOfTheApi(host, "it does not say where the listing continues");
  }
  const objects = items.map((item: unknown): StoredObject => {
    const { name, size } = fieldsOf(item, host);
    if (typeof name !== "string" || !name.startsWith(prefix) || !isCount(size)) {
      throw notOfTheApi(host, "it lists something that is not an object below the prefix");
    }
    return { path: name.slice(prefix.length), bytes: Number(size) };
  });
  return { objects, nextToken: nextPageToken };
}

/** An answer that somebody else may have given. */
export function notOfTheApi(host: string, why: string): SourceError {
  return foreignAnswer(host, "the Cloud Storage API", why);
}

function fieldsOf(value: unknown, host: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw notOfTheApi(host, "it is not a JSON object");
}

/** Numbers of 64 bits are strings in JSON. */
function isCount(value: unknown): value is string | number {
  return typeof value === "number" ? Number.isSafeInteger(value) : /^[0-9]+$/.test(String(value));
}
