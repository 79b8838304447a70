/**
 * The two documents that a migration stores in its target: the marker while it is unfinished, and the record after the
 * handover. Each is one line of JSON with a format version; newer versions than this tool's are refused, older ones are
 * always read.
 */

import { TargetRefusedError } from "../../errors.ts";
import { parseCheckpointText } from "../../tlog/checkpoint.ts";
import { FormatError } from "../../tlog/errors.ts";
import { FULL_WIDTH, type LogFormat } from "../../tlog/layout.ts";
import { EMPTY_ROOT, formatHash, HASH_SIZE } from "../../tlog/merkle.ts";
import { decodeBase64, excerpt, parseNote } from "../../tlog/note.ts";
import type { TreeHead } from "../ports/source.ts";
import type { MigrationTarget, TreeState } from "../ports/target.ts";

/**
 * Version 2 adds what its seals guarantee about issuers; the seals of a Static CT log of version 1 guarantee nothing.
 * Version 3 adds the minimum index, below which there are no seals. Version 4 is a mirror's: a version of this tool that
 * knows no mirrors must not go on with one.
 */
const MARKER_VERSION = 4;
const MARKER_VERSION_OF_COPIES = 3;
/** Version 2 adds the number of missing issuers, version 3 the missing entries of a pruned log. */
const RECORD_VERSION = 3;

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
  /** The signed checkpoint to copy up to, see `keptNote`: a resumed copy finishes this one. */
  readonly checkpoint: string;
  /** The smallest size that any round copied up to: right-edge tiles of that size may still exist. */
  readonly smallestSize: number;
  /** Another tool wrote the seals, or they guarantee too little: until all are removed, none is trusted. */
  readonly distrustSeals: boolean;
  /** The highest minimum index of all runs whose missing entries no later run is known to have copied. */
  readonly minIndex: number;
  /** The tool that wrote it. */
  readonly tool: string;
  /** Whether checkpoints are published while it grows: it is never handed over. */
  readonly isMirror?: boolean | undefined;
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
  /** Full tiles and bundles wholly below it may be missing: the source was pruned. */
  readonly minIndex: number;
  /** Entries without a bundle. */
  readonly absentEntries: number;
  /** Whether it is a copy that is only read, and not to be appended to; undefined in those of early versions. */
  readonly isMirror?: boolean | undefined;
  /** The marker that the record replaced, to take the handover back; undefined in records of early versions. */
  readonly marker?: string | undefined;
}

const COPY_NOTE =
  "A migration into this target is unfinished. Do not delete this file: run tlog-migrate again.";
const MIRROR_NOTE =
  "This is a mirror, which tlog-migrate follow --mirror keeps up to date: no log software may write here. Do not delete this file.";

/** The marker as one line. */
export function formatMarker(marker: Marker): string {
  const { isMirror = false, ...others } = marker;
  const [version, note, kind] = isMirror
    ? [MARKER_VERSION, MIRROR_NOTE, { isMirror }]
    : [MARKER_VERSION_OF_COPIES, COPY_NOTE, {}];
  return `${JSON.stringify({ "tlog-migrate-marker": version, note, ...others, ...kind })}\n`;
}

/** Advice for a damaged claim. @param names the objects that make up the claim. */
export function claimAdvice(names: string): string {
  return (
    `Remove ${names} while no log software is started there, then run the same copy with --adopt: what is in ` +
    "place is read and checked, and missing or wrong objects are copied again"
  );
}

/** Advice for a damaged record. */
export const RECORD_ADVICE =
  "The log is not damaged by this, and may be live: change nothing else there. Only `copy` and `abandon` read the record; " +
  "log software and `tlog-migrate verify` do not need it. Restore it from a backup, or leave it as it is";

/**
 * Reads a marker, whose parts must agree with each other.
 * @param place what has the marker, for messages.
 * @param advice what to do if it is damaged.
 * @throws TargetRefusedError if it is damaged or newer than this tool.
 */
export function parseMarker(text: string, place: string, advice: string): Marker {
  const object = `${place}: the marker`;
  const document = parseVersioned(text, "tlog-migrate-marker", MARKER_VERSION, object, advice);
  const { version, read, damaged } = document;
  const format = read("format", FORMAT);
  const hasGuarantees = version > 1;
  const [origin, checkpoint] = [read("origin", STRING), read("checkpoint", STRING)];
  const aim = document.parse("checkpoint", () =>
    parseCheckpointText(parseNote(Buffer.from(checkpoint)).text),
  );
  if (aim.origin !== origin) throw damaged("its checkpoint is of another origin");
  const smallestSize = read("smallestSize", COUNT);
  return {
    origin,
    source: read("source", STRING),
    format,
    checkpoint,
    // An impossible size becomes 0, which is safe: log software then looks for obsolete partials in the whole log.
    smallestSize: smallestSize <= aim.size ? smallestSize : 0,
    distrustSeals: read("distrustSeals", BOOLEAN) || (format === "static-ct" && !hasGuarantees),
    allowMissingIssuers: hasGuarantees && read("allowMissingIssuers", BOOLEAN),
    deep: hasGuarantees && read("deep", BOOLEAN),
    minIndex: version > 2 ? read("minIndex", COUNT) : 0,
    tool: read("tool", STRING),
    ...(version > 3 && read("isMirror", BOOLEAN) && { isMirror: true }),
  };
}

/** A marker, with its exact text in the target. */
export interface StoredMarker extends Marker {
  readonly text: string;
}

/** A marker with the text to store. */
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

/**
 * Reads a record, whose parts must agree with each other.
 * @param name of the record in messages.
 * @throws TargetRefusedError if it is damaged or newer than this tool.
 */
export function parseRecord(text: string, name: string): MigrationRecord {
  const document = parseVersioned(text, "tlog-migrate-record", RECORD_VERSION, name, RECORD_ADVICE);
  const { version, read, damaged } = document;
  const [format, size, rootHash] = [read("format", FORMAT), read("size", COUNT), read("rootHash", HASH)];
  if (size === 0 && rootHash !== formatHash(EMPTY_ROOT)) {
    throw damaged("its field rootHash is not an empty tree's");
  }
  const missingIssuers = version > 1 ? read("missingIssuers", COUNT) : 0;
  if (missingIssuers > 0 && format === "tiles") throw damaged("only a Static CT log can lack issuers");
  const [minIndex, absentEntries] =
    version > 2 ? [read("minIndex", COUNT), read("absentEntries", COUNT)] : [0, 0];
  if (minIndex > size || absentEntries > minIndex) throw damaged("it lacks more entries than it has");
  return {
    origin: read("origin", STRING),
    source: read("source", STRING),
    format,
    size,
    rootHash,
    finishedAt: read("finishedAt", TIME),
    missingIssuers,
    minIndex,
    absentEntries,
    tool: read("tool", STRING),
    isMirror: read("isMirror", OPTIONAL_BOOLEAN),
    marker: read("marker", OPTIONAL_STRING),
  };
}

/** The tree from which log software is to continue. */
export function treeStateFor(
  { size, rootHash }: TreeHead,
  { smallestSize }: Pick<Marker, "smallestSize">,
): TreeState {
  return { size, rootHash, collectFrom: Math.floor(smallestSize / FULL_WIDTH) * FULL_WIDTH };
}

/** A type of fields: its name in messages, and a test for values. */
type FieldType<T> = readonly [name: string, is: (value: unknown) => value is T];

const STRING: FieldType<string> = ["a string", (value) => typeof value === "string"];
const OPTIONAL_STRING: FieldType<string | undefined> = [
  "a string",
  (value) => value === undefined || typeof value === "string",
];
const BOOLEAN: FieldType<boolean> = ["true or false", (value) => typeof value === "boolean"];
const OPTIONAL_BOOLEAN: FieldType<boolean | undefined> = [
  "true or false",
  (value) => value === undefined || typeof value === "boolean",
];
const COUNT: FieldType<number> = [
  "a count",
  (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
];
const FORMAT: FieldType<LogFormat> = [
  "tiles or static-ct",
  (value) => value === "tiles" || value === "static-ct",
];
const HASH: FieldType<string> = [
  "the base64 of a hash",
  (value): value is string => typeof value === "string" && decodeBase64(value)?.length === HASH_SIZE,
];
const TIME: FieldType<string> = [
  "a time in ISO 8601",
  (value): value is string => typeof value === "string" && value === isoTime(value),
];

function isoTime(text: string): string | undefined {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

/** A JSON document that is read field by field. */
interface VersionedDocument {
  readonly version: number;
  readonly damaged: (problem: string) => TargetRefusedError;
  /** A field that must be of a type. */
  readonly read: <T>(name: string, type: FieldType<T>) => T;
  /** The result of `work` for a field. */
  readonly parse: <T>(name: string, work: () => T) => T;
}

/** @param advice what to do if the document is damaged. */
function parseVersioned(
  text: string,
  versionField: string,
  known: number,
  object: string,
  advice: string,
): VersionedDocument {
  const damaged = (problem: string): TargetRefusedError =>
    new TargetRefusedError({ object, problem: `is damaged: ${problem}`, advice });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(`it is not JSON (${excerpt(error instanceof Error ? error.message : `${error}`)})`);
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
  return {
    version,
    damaged,
    read<T>(name: string, [expected, is]: FieldType<T>): T {
      const field = values[name];
      if (is(field)) return field;
      throw damaged(`its field ${name} is not ${expected}`);
    },
    parse(name, work) {
      try {
        return work();
      } catch (error) {
        throw error instanceof FormatError ? damaged(`its field ${name} ${error.message}`) : error;
      }
    },
  };
}
