/** Logs in directories of Sunlight, whose data tiles are compressed: only sources. */

import type { Backend } from "../../lib/migrate/ports/backend.ts";
import { directoryOf, requireDirectory } from "./file-url.ts";

export default {
  form: "gzip+file:///…",
  isLocal: true,
  checkSource: requireDirectory,
  async openObjects(url) {
    const { GzipSource } = await import("./source.ts");
    return new GzipSource(directoryOf(url));
  },
} satisfies Backend;
