/** Places in which sources find what a test puts there, and what comes of reading from them. */

import { expect, onTestFinished } from "vitest";
import type { LogSource, ObjectSource, ReadOptions } from "../../../lib/migrate/ports/source.ts";
import { FormatError } from "../../../lib/tlog/errors.ts";
import { bundlePath, FULL_WIDTH, type LogFormat } from "../../../lib/tlog/layout.ts";
import { Lender } from "../http/lender.ts";

/** A place of its own for each test: everything is put there before it is opened. */
export interface SourceKind {
  /** Of the log that lies there: only objects that it could have are put there or asked for. */
  readonly format: LogFormat;
  /** Stores an object at a path below the log's root. */
  put(path: string, bytes: Uint8Array): void | Promise<void>;
  /** Opens the place, with fewer connections than `MANY` if it has any. */
  open(): Promise<ObjectSource>;
  /** Where the log is not stored as objects of the formats' paths: opens it, in place of `open`. */
  openLog?(): Promise<LogSource>;
}

/** A place whose objects may be stored with a mark that says that they are gzip. */
export interface GzipSourceKind extends SourceKind {
  /** Stores these bytes under the mark, gzip or not. */
  putGzipped(path: string, encoded: Uint8Array): void | Promise<void>;
}

/** Makes an empty place that is called `name`, or lies in something that is called so. */
export type NewPlace<Kind extends SourceKind = SourceKind> = (name: string) => Promise<Kind>;

export const NAME = "log";

export const ANY: ReadOptions = { maxBytes: 1 << 26 };

/** A bundle as large as the formats of entries make them now and then. */
export const LARGE_BYTES = 6_000_000;

/** More than a source has connections. */
export const MANY = 40;

/** What a source may ask for beside the bytes of an object that it refuses. */
export const SLACK_BYTES = 1 << 20;

export const REASON = new Error("enough");

/** A source, and the path of the first bundle of its log. */
export interface OpenPlace {
  readonly source: ObjectSource;
  readonly bundle: string;
}

/** A source over a new place with some objects, whose paths may depend on that of the first bundle. */
export async function opened(
  newPlace: NewPlace,
  objects: (bundle: string) => Readonly<Record<string, Uint8Array>>,
  name = NAME,
): Promise<OpenPlace> {
  const place = await newPlace(name);
  const bundle = firstBundle(place);
  for (const [path, bytes] of Object.entries(objects(bundle))) await place.put(path, bytes);
  return { source: await openUntilTheEnd(place), bundle };
}

/** A source over a new place whose first bundle is said to be gzip. */
export async function openedGzip(
  newPlace: NewPlace<GzipSourceKind>,
  encoded: Uint8Array,
): Promise<OpenPlace> {
  const place = await newPlace(NAME);
  const bundle = firstBundle(place);
  await place.putGzipped(bundle, encoded);
  return { source: await openUntilTheEnd(place), bundle };
}

function firstBundle({ format }: SourceKind): string {
  return bundlePath(format, { index: 0, width: FULL_WIDTH });
}

async function openUntilTheEnd(place: SourceKind): Promise<ObjectSource> {
  const source = await place.open();
  onTestFinished(() => source.close());
  return source;
}

const BYTES = Buffer.from(
  Uint32Array.from({ length: LARGE_BYTES / 4 }, (_, i) => Math.imul(i + 1, 0x9e3779b1)).buffer,
);

/** Bytes of which none is like its neighbours, the same each time. */
export function anyBytes(size: number): Buffer {
  return Buffer.from(BYTES.subarray(0, size));
}

/** That it is these bytes: a matcher would look at millions of them one by one. */
export function expectBytes(found: unknown, expected: Buffer): void {
  expect(found).toBeInstanceOf(Uint8Array);
  expect(Buffer.compare(found as Uint8Array, expected)).toBe(0);
}

/** That a read fails for what the bytes are. */
export async function expectRefused(read: Promise<Uint8Array | undefined>): Promise<void> {
  expect(await failureOf(read)).toBeInstanceOf(FormatError);
}

/** What a read fails with; how many bytes it gave where it does not. */
export async function failureOf(read: Promise<Uint8Array | undefined>): Promise<unknown> {
  return await read.then(
    (bytes) => bytes?.length,
    (error: unknown) => error,
  );
}

/** A promise, and whether it is settled. */
export function watched<T>(promise: Promise<T>): [Promise<T>, () => boolean] {
  let settled = false;
  const done = () => {
    settled = true;
  };
  promise.then(done, done);
  return [promise, () => settled];
}

/** That a read takes no memory by leave that comes after it was ended, and that the next one is as it should be. */
export async function expectNoLateMemory(
  { source, bundle }: OpenPlace,
  expected: Buffer,
  atOnce = -1,
): Promise<void> {
  const controller = new AbortController();
  const lender = new Lender({ held: true, atOnce });
  const read = source.read(bundle, { ...ANY, reservation: lender, signal: controller.signal });
  await lender.asked;
  controller.abort(REASON);
  expect(await failureOf(read)).toBe(REASON);
  lender.release();
  lender.grant();
  expectBytes(await source.read(bundle, ANY), expected);
  expect(lender.misuse).toBeUndefined();
}
