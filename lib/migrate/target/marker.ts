/**
 * The two documents that a migration leaves in its target: the marker while it is unfinished, and the record
 * once the log is handed over. Each is one line of JSON with a format version; a version that this tool does
 * not know is refused, an older one is read for ever.
 */

import { TargetRefusedError } from "../../errors.ts";
import type { LogFormat } from "../../tlog/layout.ts";

/** Version 2 says what its seals tell of issuers; those of a Static CT log of version 1 tell nothing of them. */
const MARKER_VERSION = 2;
/** Version 2 says how many issuers are missing. */
const RECORD_VERSION = 2;

/** What an unfinished migration says of itself, where log software looks first. */
export interface Marker {
  readonly origin: string;
  readonly source: string;
  readonly format: LogFormat;
  /** The signed checkpoint aimed at, whole: a resume finishes this one. */
  readonly checkpoint: string;
  /** The smallest size that any round aimed at: right-edge tiles of that size may still be there. */
  readonly smallestSize: number;
  /**
   * The seals are another tool's, or do not tell what they must, and are still to be removed: none may be trusted.
   * The next marker says false.
   */
  readonly distrustSeals: boolean;
  /** Of Static CT: below the seals there may be entries whose issuers are missing, as the operator allowed. */
  readonly allowMissingIssuers: boolean;
  /** Of Static CT: what is below the seals was held against the rules for what no leaf hash covers. */
  readonly deep: boolean;
  /** The tool that wrote it. */
  readonly tool: string;
}

/** What a finished migration leaves beside the tree state. */
export interface MigrationRecord {
  readonly origin: string;
  readonly source: string;
  readonly format: LogFormat;
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
  /** ISO 8601. */
  readonly finishedAt: string;
  /** Of Static CT: issuers that entries name and that could not be had, as the operator allowed. */
  readonly missingIssuers: number;
  readonly tool: string;
}

/** The marker as one line. */
export function formatMarker(marker: Marker): string {
  const note = "A migration into this place is unfinished. Do not delete this file: run tlog-migrate again.";
  return `${JSON.stringify({ "tlog-migrate-marker": MARKER_VERSION, note, ...marker })}\n`;
}

/**
 * Reads a marker.
 * @param place where it was found, for messages.
 * @throws TargetRefusedError if it is damaged or newer than this tool.
 */
export function parseMarker(text: string, place: string): Marker {
  const fields = parseVersioned(text, "tlog-migrate-marker", MARKER_VERSION, `${place}: the marker`);
  const format = fields.format("format");
  const tellsOfIssuers = fields.version > 1;
  return {
    origin: fields.string("origin"),
    source: fields.string("source"),
    format,
    checkpoint: fields.string("checkpoint"),
    smallestSize: fields.count("smallestSize"),
    distrustSeals: fields.boolean("distrustSeals") || (format === "static-ct" && !tellsOfIssuers),
    allowMissingIssuers: tellsOfIssuers && fields.boolean("allowMissingIssuers"),
    deep: tellsOfIssuers && fields.boolean("deep"),
    tool: fields.string("tool"),
  };
}

/** The record as one line. */
export function formatRecord(record: MigrationRecord): string {
  return `${JSON.stringify({ "tlog-migrate-record": RECORD_VERSION, ...record })}\n`;
}

/** Reads a record. @throws TargetRefusedError if it is damaged or newer than this tool. */
export function parseRecord(text: string, place: string): MigrationRecord {
  const fields = parseVersioned(
    text,
    "tlog-migrate-record",
    RECORD_VERSION,
    `${place}: the migration record`,
  );
  return {
    origin: fields.string("origin"),
    source: fields.string("source"),
    format: fields.format("format"),
    size: fields.count("size"),
    rootHash: fields.string("rootHash"),
    finishedAt: fields.string("finishedAt"),
    missingIssuers: fields.version > 1 ? fields.count("missingIssuers") : 0,
    tool: fields.string("tool"),
  };
}

/** The fields of a document, each read as the type that it must have. */
class Fields {
  /** Of the document's format. */
  readonly version: number;
  readonly #values: Record<string, unknown>;
  readonly #object: string;

  constructor(version: number, values: Record<string, unknown>, object: string) {
    this.version = version;
    this.#values = values;
    this.#object = object;
  }

  string(name: string): string {
    const value = this.#values[name];
    return typeof value === "string" ? value : this.#refuse(name, "a string");
  }

  boolean(name: string): boolean {
    const value = this.#values[name];
    return typeof value === "boolean" ? value : this.#refuse(name, "true or false");
  }

  count(name: string): number {
    const value = this.#values[name];
    const isCount = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
    return isCount ? value : this.#refuse(name, "a count");
  }

  format(name: string): LogFormat {
    const value = this.#values[name];
    return value === "tiles" || value === "static-ct" ? value : this.#refuse(name, "tiles or static-ct");
  }

  #refuse(name: string, expected: string): never {
    throw damaged(this.#object, `its field ${name} is not ${expected}`);
  }
}

function parseVersioned(text: string, versionField: string, known: number, object: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(object, `it is not JSON (${error instanceof Error ? error.message : error})`);
  }
  if (typeof value !== "object" || value === null) throw damaged(object, "it is not a JSON object");
  const values = value as Record<string, unknown>;
  const version = values[versionField];
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1) {
    throw damaged(object, `it has no ${versionField}`);
  }
  if (version > known) {
    throw new TargetRefusedError({
      object,
      problem: "was written by a newer tlog-migrate",
      expected: `version ${known} or older`,
      found: `version ${version}`,
      advice: "Use that version, or a newer one",
    });
  }
  return new Fields(version, values, object);
}

function damaged(object: string, problem: string): TargetRefusedError {
  return new TargetRefusedError({
    object,
    problem: `cannot be read: ${problem}`,
    advice:
      "Find out what changed it; if this place holds nothing but an unfinished copy, empty it and start over",
  });
}
