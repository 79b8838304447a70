/** Logs in directories on this machine. */

import type { Backend } from "../../lib/migrate/ports/backend.ts";
import { directoryOf } from "./file-url.ts";

export default {
  form: "file:///… or a path",
  isLocal: true,
  async openObjects(url) {
    const { PosixSource } = await import("./source.ts");
    return new PosixSource(directoryOf(url));
  },
  async openTarget(url) {
    const { PosixTarget } = await import("./target.ts");
    return new PosixTarget(directoryOf(url));
  },
} satisfies Backend;
