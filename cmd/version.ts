/** The tool's version, read from package.json, and the output of --version. */

import { readFileSync } from "node:fs";
import { hasherName } from "../lib/index.ts";

// The published package has compiled files a directory deeper, a clone runs the sources.
const MANIFEST = import.meta.url.endsWith(".ts") ? "../package.json" : "../../package.json";

export const VERSION = readVersion(new URL(MANIFEST, import.meta.url));

/**
 * The version, then the hasher of this installation: scripts cut off the first word.
 * @throws UsageError if the environment asks for a hasher that is unavailable.
 */
export function versionLine(): string {
  return `${VERSION} (hasher: ${hasherName()})`;
}

function readVersion(manifest: URL): string {
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return version;
}
