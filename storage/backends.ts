/** Where URLs and paths become sources and targets. A new backend is one new file and one line here. */

import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { UsageError } from "../lib/errors.ts";
import type { ObjectSource } from "../lib/migrate/ports/source.ts";
import type { MigrationTarget } from "../lib/migrate/ports/target.ts";
import { ArchiveSource } from "./archive/source.ts";
import { GcsTarget } from "./bucket/target.ts";
import { GcsAccess } from "./gcs/credentials.ts";
import type { GcsEffort } from "./gcs/objects.ts";
import { GcsSource } from "./gcs/source.ts";
import { parseGcsUrl } from "./gcs/url.ts";
import { HttpSource, type HttpSourceOptions } from "./http/source.ts";
import { PosixSource } from "./posix/source.ts";
import { GzipSource } from "./posix/sunlight-source.ts";
import { PosixTarget } from "./posix/target.ts";
import type { SpannerPlace } from "./spanner/log-state.ts";

/** How a source is reached; plain data, so that it can be sent to a worker thread. */
export type SourceAccess = Pick<HttpSourceOptions, "userAgentVersion" | "contact" | "timeouts" | "connect">;

/** What the thread that opens a source adds. */
export type SourceOptions = SourceAccess & Pick<HttpSourceOptions, "connections" | "observer" | "admit">;

/** How a target is reached; plain data, so that it can be sent to a worker thread. */
export interface TargetAccess extends GcsEffort {
  /** Where the private tree state of a log in Cloud Storage goes. */
  readonly spanner?: SpannerPlace | undefined;
  /** False: a mirror is wanted, which no log software will ever append to. */
  readonly treeState?: boolean | undefined;
}

/**
 * Opens a source: `https://…`, `http://…`, `gs://bucket/prefix`, `file:///…`, or a directory's path;
 * `gzip+file:///…` for a directory of Sunlight's, `archive+file:///…` for a directory of zips.
 * @throws UsageError if it is none of these.
 */
export function openSource(location: string, options: SourceOptions): ObjectSource {
  const place = parsePlace(location, "source");
  switch (place.scheme) {
    case "file":
      return new PosixSource(place.path);
    case "gzip+file":
      return new GzipSource(place.path);
    case "archive+file":
      return new ArchiveSource(place.path);
    case "http":
    case "https":
      return new HttpSource(place.url, options);
    case "gs":
      return new GcsSource(parseGcsUrl(place.url), new GcsAccess(), options);
    default:
      throw unsupported(location, "source", SOURCES);
  }
}

const SOURCES = "https://…, http://…, gs://…, file:///…, gzip+file:///…, archive+file:///… or a path";

/**
 * Opens a target: `file:///…`, a directory's path, `gs://bucket/prefix`, or a location of a registered kind.
 * @param signal ends the wait for an answer of a place that is far away.
 * @throws UsageError if it is none of these, or if no log software could take it over.
 */
export function openTarget(location: string, access: TargetAccess, signal?: AbortSignal): MigrationTarget {
  const place = parsePlace(location, "target");
  const registered = registeredTargets.get(place.scheme);
  if (registered !== undefined) return registered(place.url);
  switch (place.scheme) {
    case "file":
      requireNoSpanner(location, access);
      return new PosixTarget(place.path);
    case "gs":
      requireTreeState(location, access);
      return new GcsTarget(parseGcsUrl(place.url), access, access.spanner, signal);
    default:
      throw unsupported(location, "target", "gs://…, file:///… or a path");
  }
}

function requireTreeState(location: string, { spanner, treeState }: TargetAccess): void {
  if ((spanner === undefined) === (treeState === false)) return;
  throw new UsageError({
    object: location,
    problem:
      spanner === undefined
        ? "no log software could take this log over: Tessera keeps the tree state of a log in Cloud Storage in Spanner"
        : "either a tree state is wanted or none",
    advice:
      "Pass --spanner projects/…/instances/…/databases/…, or --no-tree-state for a mirror that nothing ever appends to",
  });
}

function requireNoSpanner(location: string, { spanner, treeState }: TargetAccess): void {
  if (spanner === undefined && treeState !== false) return;
  throw new UsageError({
    object: location,
    problem: "a directory has its tree state beside the log",
    advice: "Leave --spanner and --no-tree-state out",
  });
}

/** @throws UsageError if a tree state is named of a log that can only be read: none is looked at there. */
export function requireNoTreeState(location: string, { spanner }: Pick<TargetAccess, "spanner">): void {
  if (spanner === undefined || isListable(location)) return;
  throw new UsageError({
    object: location,
    problem: "is only read, and has no tree state that could be looked at",
    advice: "Leave --spanner out, or name the log as gs://bucket/prefix",
  });
}

/** Opens a target of a backend that a program brings; given the location as it was named. */
export type TargetOpener = (location: URL) => MigrationTarget;

/** Schemes whose URLs name a directory on this machine. */
const FILE_SCHEMES: readonly string[] = ["file", "gzip+file", "archive+file"];

const BUILT_IN_SCHEMES: readonly string[] = [...FILE_SCHEMES, "gs", "http", "https"];
const registeredTargets = new Map<string, TargetOpener>();

/**
 * Adds a backend of the program's own: `openTarget` uses it for `scheme://…`. Each worker thread opens the
 * target for itself, so every thread must register it: let a module do it that Node loads first in all of them,
 * as in `node --import ./my-backend.js node_modules/.bin/tlog-migrate copy SOURCE my-backend://…`.
 *
 * @param scheme in lower case, without a colon.
 * @throws Error if it cannot be a scheme, or if there is a backend for it already.
 */
export function registerTarget(scheme: string, open: TargetOpener): void {
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) throw new Error(`${scheme} is not a URL scheme in lower case`);
  if (BUILT_IN_SCHEMES.includes(scheme) || registeredTargets.has(scheme)) {
    throw new Error(`there is a backend for ${scheme}:// already`);
  }
  registeredTargets.set(scheme, open);
}

/** Whether a location names a place whose objects can be listed, as a target's can. */
export function isListable(location: string): boolean {
  return ["file", "gs"].includes(parsePlace(location, "log").scheme);
}

/** The directory that a location names, undefined if it is not one on this machine. */
export function directoryOf(location: string): string | undefined {
  const place = parsePlace(location, "log");
  return place.scheme === "file" ? place.path : undefined;
}

/** Whether what a location names is read from this machine's own files, which do not change by being read again. */
export function isLocal(location: string): boolean {
  return FILE_SCHEMES.includes(parsePlace(location, "log").scheme);
}

/** `path` for the schemes of files, `url` for every other. */
interface Place {
  readonly scheme: string;
  readonly path: string;
  readonly url: URL;
}

function parsePlace(location: string, role: string): Place {
  if (location === "")
    throw new UsageError({ object: role, problem: "is empty", advice: "Name a URL or a path" });
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(location)) return filePlace("file", pathToFileURL(resolve(location)));
  if (!URL.canParse(location)) {
    throw new UsageError({ object: location, problem: `is not a URL that a ${role} could have` });
  }
  const url = new URL(location);
  const scheme = url.protocol.slice(0, -1);
  return FILE_SCHEMES.includes(scheme) ? filePlace(scheme, url) : { scheme, path: "", url };
}

function filePlace(scheme: string, url: URL): Place {
  // A file URL names a path alone: what follows these would be dropped, and another place opened.
  if (/[?#]/.test(url.href)) {
    throw noFileUrl(url, "has ? or #, which end the path of a URL", "Write %3F for ? and %23 for #");
  }
  const path = localPath(scheme, url);
  if (path.includes("\0")) throw noFileUrl(url, "has %00, which no path can hold");
  return { scheme, path, url };
}

function localPath(scheme: string, url: URL): string {
  try {
    return resolve(fileURLToPath(`file${url.href.slice(scheme.length)}`));
  } catch (error) {
    throw noFileUrl(
      url,
      `is not a file URL of this machine (${error instanceof Error ? error.message : error})`,
    );
  }
}

function noFileUrl(url: URL, problem: string, advice = `Write it as ${url.protocol}///path`): UsageError {
  return new UsageError({ object: url.href, problem, advice });
}

function unsupported(location: string, role: string, supported: string): UsageError {
  const scheme = location.slice(0, location.indexOf(":"));
  return new UsageError({
    object: location,
    problem: `a ${role} cannot be of the kind ${scheme}`,
    expected: supported,
  });
}
