/** The tool's version, of which package.json is the only place. */

import { readFileSync } from "node:fs";

// The published package has compiled files a directory deeper, a clone runs the sources.
const MANIFEST = import.meta.url.endsWith(".ts") ? "../package.json" : "../../package.json";

export const VERSION = readVersion(new URL(MANIFEST, import.meta.url));

function readVersion(manifest: URL): string {
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return version;
}
