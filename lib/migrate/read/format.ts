/** Detects which of the two formats a log has by its entry bundles: nothing else differs between them. */

import { UsageError } from "../../errors.ts";
import { forEachEntry } from "../../tlog/bundle.ts";
import {
  bundlePath,
  type EntryBundleCoordinate,
  type LogFormat,
  tileCount,
  tileWidth,
} from "../../tlog/layout.ts";
import { firstKeptBundle } from "../../tlog/pruning.ts";
import { type LogSource, type ReadHints, SourceError } from "../ports/source.ts";
import { faultOf } from "../verify/findings.ts";
import { readAuthentic, requireThisLayout } from "./authentic.ts";
import type { ReadContext } from "./context.ts";

/** The name of a log of each format in messages. */
export const LOG_OF: Readonly<Record<LogFormat, string>> = {
  tiles: "a tlog-tiles log",
  "static-ct": "a Static CT log",
};

function otherFormat(format: LogFormat): LogFormat {
  return format === "tiles" ? "static-ct" : "tiles";
}

/** The error for a log of another format than was passed. @param location of the log. */
export function wrongFormat(location: string, format: LogFormat): UsageError {
  const problem = `is ${LOG_OF[format]}, not ${LOG_OF[otherFormat(format)]}`;
  return new UsageError({ object: location, problem, advice: `Pass --format ${format}` });
}

/** The same source, read as a log of a format; undefined if the source supports only one format. */
export function inFormat(source: LogSource, format: LogFormat): LogSource | undefined {
  return source.format === format ? source : source.inFormat?.(format);
}

/**
 * The source of a log of `size` entries, in the format that the log has.
 * @param wanted the format that was passed.
 * @throws UsageError if the log has another format than was passed, or if none was and it cannot be determined.
 */
export async function inFormatOfLog(
  context: ReadContext,
  size: number,
  wanted: LogFormat | undefined,
): Promise<LogSource> {
  const { source, minIndex = 0 } = context;
  const first = firstKeptBundle(size, minIndex)?.index ?? 0;
  const [tiles, staticCt] = [inFormat(source, "tiles"), inFormat(source, "static-ct")];
  if (size === 0 || tiles === undefined || staticCt === undefined) return source;
  if (wanted !== undefined) {
    const [asked, other] = wanted === "tiles" ? [tiles, staticCt] : [staticCt, tiles];
    const isOther = async () => (await lookAt({ ...context, source: other }, size, first)) === "well-formed";
    if ((await lookAt({ ...context, source: asked }, size, first)) === "well-formed" || !(await isOther()))
      return asked;
    throw wrongFormat(source.location, other.format);
  }
  const denials: unknown[] = [];
  for (const index of new Set([first, tileCount(size, 0) - 1])) {
    const both = [tiles, staticCt] as const;
    const looks = both.map((one) => lookAt({ ...context, source: one }, size, index, denials));
    const found = await Promise.all(looks);
    for (const isOne of [(state: Look) => state === "well-formed", (state: Look) => state !== "missing"]) {
      const ofOne = both.filter((_, at) => isOne(found[at] as Look));
      if (ofOne.length === 1) return ofOne[0] as LogSource;
    }
  }
  await requireThisLayout(source, size);
  if (denials.length > 0) throw denials[0];
  const paths = [tiles, staticCt].map(({ format }) => bundlePath(format, bundleAt(size, first)));
  throw new UsageError({
    object: source.location,
    problem: "its format cannot be determined from its entry bundles",
    expected: `one of ${paths.join(" and ")}`,
    advice: "Pass --format to list everything that is missing; or pass the location that has the entries too",
  });
}

type Look = "well-formed" | "malformed" | "missing";

/**
 * Whether a bundle exists in the source's format. Does not authenticate it; later reads do.
 * @param denials collects refusals: some servers refuse readers without rights an object that does not exist.
 */
async function lookAt(
  context: ReadContext,
  size: number,
  index: number,
  denials: unknown[] = [],
): Promise<Look> {
  const { source, retry } = context;
  const bundle = bundleAt(size, index);
  const none = new Uint8Array();
  const read = async (hints: ReadHints) =>
    (await source.entryBundle(bundle, { ...hints, fresh: true })) ?? none;
  const onlyOnce = { ...context, retry: { ...retry, contentAttempts: 0 } };
  try {
    return await readAuthentic(onlyOnce, bundlePath(source.format, bundle), read, (bytes): Look => {
      if (bytes === none) return "missing";
      forEachEntry(source.format, bytes, bundle.width, () => {});
      return "well-formed";
    });
  } catch (error) {
    if (error instanceof Error && error.cause instanceof SourceError && !error.cause.retryable) {
      denials.push(error);
      return "missing";
    }
    faultOf(error);
    return "malformed";
  }
}

function bundleAt(size: number, index: number): EntryBundleCoordinate {
  return { index, width: tileWidth(size, 0, index) };
}
