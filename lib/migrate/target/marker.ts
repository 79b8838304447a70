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

/** What a run enforces below its seals. */
export interface SealGuarantees {
  readonly format: LogFormat;
  /** Static CT only: entries may name issuers that are missing, as the operator allowed. */
  readonly allowMissingIssuers: boolean;
  /** Static CT only: the extra data of every entry was checked. */
  readonly deep: boolean;
}

/** The state of an unfinished migration, stored where log software looks first. */
export interface Marker extends SealGuarantees {
  readonly origin: string;
  readonly source: string;
  /** The complete signed checkpoint aimed at: a resumed copy finishes this one. */
  readonly checkpoint: string;
  /** The smallest size that any round aimed at: right-edge tiles of that size may still exist. */
  readonly smallestSize: number;
  /** The seals are another tool's, or guarantee too little: until all are removed, none may be trusted. */
  readonly distrustSeals: boolean;
  /** The tool that wrote it. */
  readonly tool: string;
}

/** The record of a finished migration, stored next to the tree state. */
export interface MigrationRecord extends Pick<Marker, "origin" | "source" | "format" | "tool"> {
  readonly size: number;
  /** Base64, as in a checkpoint. */
  readonly rootHash: string;
  /** ISO 8601. */
  readonly finishedAt: string;
  /** Static CT only: issuers that entries name and that are missing, as the operator allowed. */
  readonly missingIssuers: number;
}

/** The marker as one line. */
export function formatMarker(marker: Marker): string {
  const note = "A migration into this target is unfinished. Do not delete this file: run tlog-migrate again.";
  return `${JSON.stringify({ "tlog-migrate-marker": MARKER_VERSION, note, ...marker })}\n`;
}

/** Reads the marker of a target. @throws TargetRefusedError if it is damaged or newer than this tool. */
export function parseMarker(text: string, location: string): Marker {
  const object = `${location}: the marker`;
  const [version, read] = parseVersioned(text, "tlog-migrate-marker", MARKER_VERSION, object);
  const format = read("format", FORMAT);
  const hasGuarantees = version > 1;
  return {
    origin: read("origin", STRING),
    source: read("source", STRING),
    format,
    checkpoint: read("checkpoint", STRING),
    smallestSize: read("smallestSize", COUNT),
    distrustSeals: read("distrustSeals", BOOLEAN) || (format === "static-ct" && !hasGuarantees),
    allowMissingIssuers: hasGuarantees && read("allowMissingIssuers", BOOLEAN),
    deep: hasGuarantees && read("deep", BOOLEAN),
    tool: read("tool", STRING),
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
  const [version, read] = parseVersioned(text, "tlog-migrate-record", RECORD_VERSION, object);
  return {
    origin: read("origin", STRING),
    source: read("source", STRING),
    format: read("format", FORMAT),
    size: read("size", COUNT),
    rootHash: read("rootHash", STRING),
    finishedAt: read("finishedAt", STRING),
    missingIssuers: version > 1 ? read("missingIssuers", COUNT) : 0,
    tool: read("tool", STRING),
  };
}

/** A type of fields: its name in messages, and whether a value is of it. */
type FieldType<T> = readonly [name: string, is: (value: unknown) => value is T];

const STRING: FieldType<string> = ["a string", (value) => typeof value === "string"];
const BOOLEAN: FieldType<boolean> = ["true or false", (value) => typeof value === "boolean"];
const COUNT: FieldType<number> = [
  "a count",
  (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
];
const FORMAT: FieldType<LogFormat> = [
  "tiles or static-ct",
  (value) => value === "tiles" || value === "static-ct",
];

/** The version of a document, and what reads each of its fields as the type that it must have. */
function parseVersioned(
  text: string,
  versionField: string,
  known: number,
  object: string,
): [version: number, read: <T>(name: string, type: FieldType<T>) => T] {
  const damaged = (problem: string): TargetRefusedError =>
    new TargetRefusedError({
      object,
      problem: `cannot be read: ${problem}`,
      advice:
        "Find out what changed it; if the target contains only an unfinished copy, empty it and start over",
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(`it is not JSON (${error instanceof Error ? error.message : error})`);
  }
  if (typeof value !== "object" || value === null) throw damaged("it is not a JSON object");
  const values = value as Record<string, unknown>;
  const version = values[versionField];
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1) {
    throw damaged(`it has no ${versionField}`);
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
  const read = <T>(name: string, [expected, is]: FieldType<T>): T => {
    const field = values[name];
    if (is(field)) return field;
    throw damaged(`its field ${name} is not ${expected}`);
  };
  return [version, read];
}
