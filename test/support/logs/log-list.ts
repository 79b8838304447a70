/** Entries of CT log lists, as browser vendors and logs write them. */

import { hash } from "node:crypto";

/** What every entry of a log with this key (base64 DER) has; `fields` are added, or stand instead. */
export function listEntry(key: string, fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const log_id = hash("sha256", Buffer.from(key, "base64"), "base64");
  return { description: "Some 'Log2026h1' log", log_id, key, mmd: 86_400, ...fields };
}

export function listText(lists: { readonly logs?: unknown; readonly tiled_logs?: unknown }): string {
  const operator = { name: "Some operator", email: ["logs@operator.test"], ...lists };
  return JSON.stringify({
    version: "76.9",
    log_list_timestamp: "2026-08-01T00:00:00Z",
    operators: [operator],
  });
}
