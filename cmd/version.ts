/** The tool's version. */

import { createRequire } from "node:module";

/** By the package's own name: compiled files are a directory deeper than the sources. */
export const VERSION: string = createRequire(import.meta.url)("tlog-migrate/package.json").version;
