/**
 * What lists of Certificate Transparency logs say about a log: its key and where it is. Read are log lists of
 * schema v3 (https://www.gstatic.com/ct/log_list/v3/log_list_schema.json; Apple's list has the same fields), and
 * `log.v3.json`, the one entry of such a list by which a log describes itself and an archive the log that it holds.
 */

import { hash } from "node:crypto";
import { staticCtOrigin } from "./checkpoint.ts";
import { FormatError } from "./errors.ts";
import { decodeBase64, excerpt } from "./note.ts";

/** One log of a list. */
export interface ListedLog {
  /**
   * The origin of its checkpoints: the submission prefix without scheme and trailing slashes. Archives of RFC 6962
   * logs have theirs from the log's URL in the same way.
   */
  readonly origin: string;
  /** Base64 of the DER SubjectPublicKeyInfo, as `staticCtVerifier` takes it. Whether it is a key is not looked at. */
  readonly publicKey: string;
  /** Where a Static CT log is read; undefined for an RFC 6962 log, which is read by another API. */
  readonly monitoringUrl: string | undefined;
}

/** A `log.v3.json`, or a whole list. */
export type LogList =
  | { readonly kind: "log"; readonly log: ListedLog }
  | { readonly kind: "list"; readonly logs: readonly ListedLog[] };

/** A JSON object whose fields are anybody's. */
type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a log list or a `log.v3.json`. Fields that say nothing about keys or places are ignored.
 *
 * @param json the whole text; its size is for the caller to bound.
 * @throws FormatError if it is neither, if a log lacks its key, log id or URL, or if a log id is not the SHA-256
 *   of its key (RFC 6962 §3.2).
 */
export function parseLogList(json: string): LogList {
  const document = parseJson(json);
  if (!isFields(document)) throw new FormatError("is no log list: it is JSON, but no object");
  if ("operators" in document) {
    return { kind: "list", logs: parseArray(document, "operators", "the list").flatMap(parseOperator) };
  }
  if ("key" in document) return { kind: "log", log: parseLog(document, "the log") };
  throw new FormatError("is no log list: it has neither operators nor the key of a log");
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new FormatError("is no log list: it is not JSON");
  }
}

function parseOperator(operator: unknown, index: number): ListedLog[] {
  const where = `operators[${index}]`;
  if (!isFields(operator)) throw new FormatError(`${where} is no object`);
  // Lists from before Static CT have no tiled_logs.
  return ["logs", "tiled_logs"].flatMap((kind) =>
    parseArray(operator, kind, where).map((log, at) => parseLog(log, `${where}.${kind}[${at}]`)),
  );
}

function parseLog(log: unknown, where: string): ListedLog {
  if (!isFields(log)) throw new FormatError(`${where} is no object`);
  const publicKey = parseKey(log, where);
  const submission = log.submission_url === undefined ? "url" : "submission_url";
  const submissionUrl = parseString(log, submission, where);
  requireHttpUrl(submissionUrl, submission, where);
  const monitoringUrl =
    log.monitoring_url === undefined ? undefined : parseString(log, "monitoring_url", where);
  return { origin: staticCtOrigin(submissionUrl), publicKey, monitoringUrl };
}

function parseKey(log: Fields, where: string): string {
  const publicKey = parseString(log, "key", where);
  const der = decodeBase64(publicKey);
  if (der === undefined) throw new FormatError(`${where} has a key that is not base64`);
  const [expected, found] = [hash("sha256", der, "base64"), parseString(log, "log_id", where)];
  if (found !== expected) {
    throw new FormatError(
      `${where} has a log_id that is not the SHA-256 of its key`,
      expected,
      excerpt(found),
    );
  }
  return publicKey;
}

function requireHttpUrl(url: string, field: string, where: string): void {
  const protocol = URL.parse(url)?.protocol;
  if (protocol === "https:" || protocol === "http:") return;
  throw new FormatError(`${where} has a ${field} that is no URL of a log`, "https://…", excerpt(url));
}

function parseString(fields: Fields, field: string, where: string): string {
  const value = fields[field];
  if (typeof value === "string") return value;
  throw new FormatError(`${where} has no ${field}, or one that is no string`);
}

/** The elements of a field that may be missing. */
function parseArray(fields: Fields, field: string, where: string): readonly unknown[] {
  const value = fields[field] ?? [];
  if (Array.isArray(value)) return value;
  throw new FormatError(`${where} has ${field} that are no array`);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
