/** Which log of a CT log list is meant. */

import { excerpt, type ListedLog, type LogList, staticCtOrigin, UsageError } from "../../lib/index.ts";

/** What says which log is meant. */
export interface LogWanted {
  /** Where it is read: a URL or a path. */
  readonly source: string;
  /** Its origin or submission prefix; counts more than the source, since copies of a log lie anywhere. */
  readonly origin?: string | undefined;
}

/** Logs that a message names. */
const MAX_NAMED = 3;

/**
 * The log of a list that has the origin, or that is read at the source where no origin is given. A `log.v3.json`
 * tells of one log alone: it is meant unless it has another origin than the one that is given.
 * @param listName the list, as messages name it.
 * @throws UsageError if the list has no such log, or several with different keys.
 */
export function listedLog(list: LogList, wanted: LogWanted, listName: string): ListedLog {
  const origin = wanted.origin === undefined ? undefined : staticCtOrigin(wanted.origin);
  if (list.kind === "list") {
    const search = origin === undefined ? bySource(wanted.source, listName) : byOrigin(origin);
    return onlyMatch(list.logs, search, listName);
  }
  if (origin === undefined || origin === list.log.origin) return list.log;
  throw new UsageError({
    object: listName,
    problem: "tells of another log than --origin",
    expected: `origin ${origin}`,
    found: excerpt(list.log.origin),
  });
}

/** How a log is looked for. */
interface Search {
  readonly field: string;
  readonly value: string;
  /** What a log has in the field, written as `value` is. */
  readonly read: (log: ListedLog) => string | undefined;
  /** What to do if it does not give one log. */
  readonly advice: string;
}

const GIVE_ORIGIN = "Pass the log's --origin, and it is looked up by that";

function byOrigin(value: string): Search {
  const advice = "Pass another list, or the log's --public-key instead";
  return { field: "origin", value, read: (log) => log.origin, advice };
}

function bySource(source: string, listName: string): Search {
  const value = placeOf(source);
  if (value === undefined) {
    const problem = `does not say which of its logs is at ${source}`;
    throw new UsageError({ object: listName, problem, advice: GIVE_ORIGIN });
  }
  const read = ({ monitoringUrl }: ListedLog) => placeOf(monitoringUrl ?? "");
  return { field: "monitoring_url", value, read, advice: GIVE_ORIGIN };
}

/**
 * The place that an HTTP URL names, in whichever way it is written; without credentials and query, which are the
 * reader's own. Undefined for anything else.
 */
function placeOf(url: string): string | undefined {
  const parsed = /^https?:\/\//i.test(url) ? URL.parse(url) : null;
  if (parsed === null) return undefined;
  return `${parsed.protocol}//${parsed.host}${parsed.pathname.replace(/(?<!\/)\/+$/, "")}/`;
}

function onlyMatch(logs: readonly ListedLog[], search: Search, listName: string): ListedLog {
  const { field, value, read, advice } = search;
  const matches = distinct(logs.filter((log) => read(log) === value));
  const [match, ...others] = matches;
  if (match !== undefined && others.length === 0) return match;
  const count = matches.length === 0 ? "no log" : `${matches.length} logs`;
  throw new UsageError({
    object: listName,
    problem: `has ${count} with the ${field} ${excerpt(value)}`,
    found: firstOf(match === undefined ? nearest(logs, search) : matches.map(identity)),
    advice,
  });
}

/** A log that has both APIs may be listed once for each. */
function distinct(logs: readonly ListedLog[]): ListedLog[] {
  return [...new Map(logs.map((log) => [identity(log), log])).values()];
}

function identity({ origin, publicKey }: ListedLog): string {
  return `${origin} with the key ${publicKey}`;
}

/** What the logs have in the field, the likest first: the value that was looked for may be a slip. */
function nearest(logs: readonly ListedLog[], { value, read }: Search): string[] {
  const others = new Set(logs.map(read).filter((other) => other !== undefined));
  return [...others].toSorted((a, b) => likeness(b, value) - likeness(a, value));
}

/** How many characters two texts share at their beginnings and at their ends. */
function likeness(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let before = 0;
  while (before < most && a[before] === b[before]) before++;
  let after = 0;
  while (after < most - before && a.at(-1 - after) === b.at(-1 - after)) after++;
  return before + after;
}

function firstOf(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const more = names.length - MAX_NAMED;
  return [...names.slice(0, MAX_NAMED).map(excerpt), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
