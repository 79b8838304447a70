/** Logs of the old serverless layout in directories on this machine: only sources. */

import type { Backend } from "../../lib/migrate/ports/backend.ts";
import { directoryOf, requireDirectory } from "../posix/file-url.ts";
import { requireTiles } from "./format.ts";

export default {
  form: "serverless+file:///…",
  isLocal: true,
  checkSource(url, _options, format) {
    requireTiles(url, format);
    return requireDirectory(url);
  },
  async openSource(url, { connections }) {
    const [{ ServerlessSource }, { LogDirectory }] = await Promise.all([
      import("./source.ts"),
      import("./directory.ts"),
    ]);
    const directory = new LogDirectory(directoryOf(url));
    return new ServerlessSource(directory, directory.address, connections);
  },
} satisfies Backend;
