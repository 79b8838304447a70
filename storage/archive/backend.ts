/** Logs in archives of zips: only sources. */

import type { Backend } from "../../lib/migrate/ports/backend.ts";
import { directoryOf, requireDirectory } from "../posix/file-url.ts";

export default {
  form: "archive+file:///…",
  isLocal: true,
  checkSource: requireDirectory,
  async openObjects(url) {
    const { ArchiveSource } = await import("./source.ts");
    return new ArchiveSource(directoryOf(url));
  },
} satisfies Backend;
