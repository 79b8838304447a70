/** The tool's version, of which package.json is the only place, and what else --version tells. */

import { readFileSync } from "node:fs";
import { hasherName } from "../lib/index.ts";

// The published package has compiled files a directory deeper, a clone runs the sources.
const MANIFEST = import.meta.url.endsWith(".ts") ? "../package.json" : "../../package.json";

export const VERSION = readVersion(new URL(MANIFEST, import.meta.url));

/**
 * The version, then what this installation came to: scripts cut off the first word.
 * @throws UsageError if the environment asks for a hasher that is not there.
 */
export function versionLine(): string {
  return `${VERSION} (hasher: ${hasherName()})`;
}

function readVersion(manifest: URL): string {
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return version;
}
