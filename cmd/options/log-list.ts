/** `--log-list`: which log of a CT log list is meant. */

import {
  excerpt,
  type ListedLog,
  type LogList,
  parseLogList,
  shownAddress,
  staticCtOrigin,
  UsageError,
} from "../../lib/index.ts";
import { readFile, readValue } from "./values.ts";

/** Which log is meant: its origin or submission prefix counts more than where it is read, since copies are anywhere. */
export interface LogWanted {
  readonly source: string;
  readonly origin?: string | undefined;
}

/** The option with its value, as messages name it. */
export function listName(path: string): string {
  return `--log-list ${shownAddress(path)}`;
}

/** @throws UsageError if the file cannot be read or is not a log list. */
export function readLogList(path: string): LogList {
  const object = listName(path);
  return readValue(object, () => parseLogList(readFile(path, object).toString("utf8")));
}

/**
 * The log of a list that has the origin, or that is read at the source where no origin is given. A `log.v3.json`
 * is about one log: it is meant unless another origin is given.
 * @throws UsageError if the list has no such log, or several with different keys.
 */
export function listedLog(list: LogList, wanted: LogWanted, object: string): ListedLog {
  const origin = wanted.origin === undefined ? undefined : staticCtOrigin(wanted.origin);
  if (list.kind === "log") {
    if (origin === undefined || origin === list.log.origin) return list.log;
    const [expected, found] = [`origin ${origin}`, excerpt(list.log.origin)];
    throw new UsageError({ object, problem: "is about another log than --origin", expected, found });
  }
  const url = normalUrl(wanted.source);
  if (origin === undefined && url === undefined) {
    const problem = `does not say which of its logs is at ${excerpt(shownAddress(wanted.source))}`;
    throw new UsageError({ object, problem, advice: GIVE_ORIGIN });
  }
  const matches = list.logs.filter((log) =>
    origin === undefined ? normalUrl(log.monitoringUrl ?? "") === url : log.origin === origin,
  );
  // A log that has both APIs may be listed once for each.
  const distinct = new Map(matches.map((log) => [`${log.origin} with the key ${log.publicKey}`, log]));
  const [match, ...others] = distinct.values();
  if (match !== undefined && others.length === 0) return match;
  const [field, value = ""] = origin === undefined ? ["monitoring_url", url] : ["origin", origin];
  throw new UsageError({
    object,
    problem: `has ${match === undefined ? "no log" : `${distinct.size} logs`} with the ${field} ${excerpt(value)}`,
    found: match === undefined ? `${list.logs.length} other logs` : firstOf([...distinct.keys()]),
    advice: origin === undefined ? GIVE_ORIGIN : "Pass another list, or the log's --public-key instead",
  });
}

const GIVE_ORIGIN =
  "Pass the log's --origin, as the list's submission_url or url has it, and it is looked up by that";

function firstOf(names: readonly string[]): string {
  const more = names.length > 3 ? [`${names.length - 3} more`] : [];
  return [...names.slice(0, 3).map(excerpt), ...more].join(", ");
}

/** An HTTP URL in one of its spellings, without the reader's own credentials and query; undefined for anything else. */
function normalUrl(url: string): string | undefined {
  const parsed = /^https?:\/\//i.test(url) ? URL.parse(url) : null;
  if (parsed === null) return undefined;
  return `${parsed.protocol}//${parsed.host}${parsed.pathname.replace(/(?<!\/)\/+$/, "")}/`;
}
