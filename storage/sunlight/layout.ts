/** How Sunlight stores a log (filippo.io/sunlight v0.8.1, internal/ctlog): in S3 with these headers, in a directory without. */

import { CHECKPOINT_PATH, ISSUER_DIRECTORY } from "../../lib/tlog/layout.ts";
import type { StoredHeaders } from "../bucket/bucket.ts";

/** What Sunlight stores compressed, and what its witness does: data tiles, names tiles, entry bundles. */
export const COMPRESSED = /^tile\/(?:data|entries|names)\//;

const CHECKPOINT: StoredHeaders = { contentType: "text/plain; charset=utf-8" };
/** Of our own documents, which change. */
const STATE: StoredHeaders = { contentType: "application/json", cacheControl: "no-store" };
const IMMUTABLE = "public, max-age=604800, immutable";
const TILE: StoredHeaders = { contentType: "application/octet-stream", cacheControl: IMMUTABLE };
const DATA_TILE: StoredHeaders = { ...TILE, contentEncoding: "gzip" };
const ISSUER: StoredHeaders = { contentType: "application/pkix-cert", cacheControl: IMMUTABLE };

export function sunlightHeaders(path: string): StoredHeaders {
  if (path === CHECKPOINT_PATH) return CHECKPOINT;
  if (path.startsWith(".state/")) return STATE;
  if (path.startsWith(`${ISSUER_DIRECTORY}/`)) return ISSUER;
  return COMPRESSED.test(path) ? DATA_TILE : TILE;
}
