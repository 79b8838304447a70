/**
 * The two documents that a migration stores in its target: the marker while it is unfinished, and the record once the
 * log is handed over. Each is one line of JSON with a format version; a version that this tool does not know is
 * refused, older ones are always read.
 */

import { TargetRefusedError } from "../../errors.ts";
import type { LogFormat } from "../../tlog/layout.ts";
import type { MigrationTarget } from "../ports/target.ts";

/** Version 2 adds what its seals guarantee about issuers; the seals of a Static CT log of version 1 guarantee nothing. */
const MARKER_VERSION = 2;
/** Version 2 adds the number of missing issuers. */
const RECORD_VERSION = 2;

/** The state of an unfinished migration, stored where log software looks first. */
export interface Marker {
  readonly origin: string;
  readonly source: string;
  readonly format: LogFormat;
  /** The complete signed checkpoint aimed at: a resumed copy finishes this one. */
  readonly checkpoint: string;
  /** The smallest size that any round aimed at: right-edge tiles of that size may still exist. */
  readonly smallestSize: number;
  /**
   * The seals are another tool's, or guarantee too little, and are still to be removed: none may be trusted. False in
   * the next marker.
   */
  readonly distrustSeals: boolean;
  /** Static CT only: below the seals there may be entries whose issuers are missing, as the operator allowed. */
  readonly allowMissingIssuers: boolean;
  /** Static CT only: the extra data of the entries below the seals was checked. */
  readonly deep: boolean;
  /** The tool that wrote it. */
  readonly tool: string;
}

/** The record of a finished migration, stored next to the tree state. */
export interface MigrationRecord {
  readonly origin: string;
  readonly source: string;
  readonly format: LogFormat;
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
  /** ISO 8601. */
  readonly finishedAt: string;
  /** Static CT only: issuers that entries name and that are missing, as the operator allowed. */
  readonly missingIssuers: number;
  readonly tool: string;
}

/** The marker as one line. */
export function formatMarker(marker: Marker): string {
  const note = "A migration into this target is unfinished. Do not delete this file: run tlog-migrate again.";
  return `${JSON.stringify({ "tlog-migrate-marker": MARKER_VERSION, note, ...marker })}\n`;
}

/**
 * Reads a marker.
 * @param location of its target, for messages.
 * @throws TargetRefusedError if it is damaged or newer than this tool.
 */
export function parseMarker(text: string, location: string): Marker {
  const fields = parseVersioned(text, "tlog-migrate-marker", MARKER_VERSION, `${location}: the marker`);
  const format = fields.format("format");
  const hasGuarantees = fields.version > 1;
  return {
    origin: fields.string("origin"),
    source: fields.string("source"),
    format,
    checkpoint: fields.string("checkpoint"),
    smallestSize: fields.count("smallestSize"),
    distrustSeals: fields.boolean("distrustSeals") || (format === "static-ct" && !hasGuarantees),
    allowMissingIssuers: hasGuarantees && fields.boolean("allowMissingIssuers"),
    deep: hasGuarantees && fields.boolean("deep"),
    tool: fields.string("tool"),
  };
}

/** A marker, with its text byte for byte as it is in the target. */
export interface StoredMarker extends Marker {
  readonly text: string;
}

/** A marker with the text that is to be stored. */
export function withText(marker: Marker): StoredMarker {
  return { ...marker, text: formatMarker(marker) };
}

/** Changes the marker in the target. @throws TargetRefusedError if another copy has changed it meanwhile. */
export async function replaceMarker(
  target: MigrationTarget,
  { text, ...marker }: StoredMarker,
  changes: Partial<Marker>,
): Promise<StoredMarker> {
  const changed = withText({ ...marker, ...changes });
  await target.replaceMarker(text, changed.text);
  return changed;
}

/** The record as one line. */
export function formatRecord(record: MigrationRecord): string {
  return `${JSON.stringify({ "tlog-migrate-record": RECORD_VERSION, ...record })}\n`;
}

/** Reads a record. @throws TargetRefusedError if it is damaged or newer than this tool. */
export function parseRecord(text: string, location: string): MigrationRecord {
  const object = `${location}: the migration record`;
  const fields = parseVersioned(text, "tlog-migrate-record", RECORD_VERSION, object);
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
      "Find out what changed it; if the target contains only an unfinished copy, empty it and start over",
  });
}
