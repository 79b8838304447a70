/**
 * Lists of Certificate Transparency logs, of schema v3 (https://www.gstatic.com/ct/log_list/v3/log_list_schema.json;
 * Apple's list has the same fields), and `log.v3.json`, an entry of such a list by which a log describes itself, and
 * an archive the log that it holds.
 */

import { hash } from "node:crypto";
import { staticCtOrigin } from "./checkpoint.ts";
import { FormatError } from "./errors.ts";
import { decodeBase64, excerpt } from "./note.ts";
import { requireNotPrivate } from "./private-key.ts";

export interface ListedLog {
  /** The origin of its checkpoints, from its submission prefix; in archives of RFC 6962 logs, from the log's URL. */
  readonly origin: string;
  /** Base64 of the DER SubjectPublicKeyInfo, as `staticCtVerifier` takes it. Not checked to be a key. */
  readonly publicKey: string;
  /** Where a Static CT log is read; undefined for an RFC 6962 log, which is read by another API. */
  readonly monitoringUrl: string | undefined;
}

export type LogList =
  | { readonly kind: "log"; readonly log: ListedLog }
  | { readonly kind: "list"; readonly logs: readonly ListedLog[] };

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a log list or a `log.v3.json`. Fields that say nothing about keys or URLs are ignored.
 * @throws FormatError if it is neither, if a log lacks its key or URL, or if a log id is not the SHA-256 of its key
 *   (RFC 6962 §3.2).
 */
export function parseLogList(json: string): LogList {
  const document = fieldsOf(parseJson(json), "the log list");
  if ("operators" in document) {
    return { kind: "list", logs: arrayIn(document, "operators", "the list").flatMap(parseOperator) };
  }
  if ("key" in document) return { kind: "log", log: parseLog(document, "the log") };
  throw new FormatError("is not a log list: it has neither operators nor the key of a log");
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    requireNotPrivate(json);
    throw new FormatError("is not a log list: it is not JSON");
  }
}

function parseOperator(operator: unknown, index: number): ListedLog[] {
  const where = `operators[${index}]`;
  const fields = fieldsOf(operator, where);
  // Lists from before Static CT have no tiled_logs.
  return ["logs", "tiled_logs"].flatMap((kind) =>
    arrayIn(fields, kind, where).map((log, at) => parseLog(log, `${where}.${kind}[${at}]`)),
  );
}

function parseLog(log: unknown, where: string): ListedLog {
  const fields = fieldsOf(log, where);
  const publicKey = stringIn(fields, "key", where);
  const der = decodeBase64(publicKey);
  const logId = der && hash("sha256", der, "base64");
  if (logId === undefined || fields.log_id !== logId) {
    const found = typeof fields.log_id === "string" ? excerpt(fields.log_id) : "none";
    throw new FormatError(`${where} has a log_id that is not the SHA-256 of its key`, logId, found);
  }
  const url = stringIn(fields, fields.submission_url === undefined ? "url" : "submission_url", where);
  const monitoringUrl =
    fields.monitoring_url === undefined ? undefined : stringIn(fields, "monitoring_url", where);
  return { origin: staticCtOrigin(url), publicKey, monitoringUrl };
}

function stringIn(fields: Fields, field: string, where: string): string {
  const value = fields[field];
  if (typeof value === "string") return value;
  throw new FormatError(`${where} has no ${field}, or one that is not a string`);
}

/** The elements of a field that may be missing. */
function arrayIn(fields: Fields, field: string, where: string): readonly unknown[] {
  const value = fields[field] ?? [];
  if (Array.isArray(value)) return value;
  throw new FormatError(`${where} has ${field} that are not an array`);
}

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new FormatError(`${where} is not a JSON object`);
}
