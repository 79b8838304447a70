/** Entries of CT log lists, as browser vendors and logs write them. */

import { hash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../places/directory.ts";

/** What every entry of a log with this key (base64 DER) has; `fields` are added, or stand instead. */
export function listEntry(key: string, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const log_id = hash("sha256", Buffer.from(key, "base64"), "base64");
  return { description: "Some 'Log2026h1' log", log_id, key, mmd: 86_400, ...fields };
}

export function listText(lists: { readonly logs?: unknown; readonly tiled_logs?: unknown }): string {
  const operator = { name: "Some operator", email: ["logs@operator.test"], ...lists };
  const list = { version: "76.9", log_list_timestamp: "2026-08-01T00:00:00Z", operators: [operator] };
  return JSON.stringify(list);
}

/** The path of a file `list.json` with this text, which is removed when the running test ends. */
export function listFile(text: string): string {
  const path = join(temporaryDirectory(), "list.json");
  writeFileSync(path, text);
  return path;
}
