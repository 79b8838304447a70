/** Logs in directories on this machine. */

import type { Backend } from "../../lib/migrate/ports/backend.ts";
import { directoryOf, isOfFiles, requireDirectory } from "./file-url.ts";

export default {
  form: "file:///… or a path",
  isLocal: true,
  targetOptions: [
    {
      flags: "--into-existing",
      description: "a log in a directory: allow other files there that are not part of a log",
      commands: ["copy", "plan", "follow", "worker"],
    },
  ],
  checkSource: requireDirectory,
  async openObjects(url) {
    const { PosixSource } = await import("./source.ts");
    return new PosixSource(directoryOf(url));
  },
  async openTarget(url, { options, source, readOnly = false, isToTakeBack = false }) {
    const { PosixTarget } = await import("./target.ts");
    return new PosixTarget(directoryOf(url), {
      source: source && isOfFiles(source) ? directoryOf(source) : undefined,
      intoExisting: options.intoExisting === true || isToTakeBack,
      readOnly,
    });
  },
} satisfies Backend;
