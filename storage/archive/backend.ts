/** Logs in archives of zips: only sources. */

import { readdir } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { UsageError } from "../../lib/errors.ts";
import type { Backend } from "../../lib/migrate/ports/backend.ts";
import { directoryOf, requireDirectory } from "../posix/file-url.ts";
import { zipName, zipNumber } from "./layout.ts";

export default {
  form: "archive+file:///…",
  isLocal: true,
  async checkSource(url) {
    await requireDirectory(url);
    const directory = directoryOf(url);
    // What keeps it from being listed is found out where it is read.
    const names = await readdir(directory).catch(() => undefined);
    if (names === undefined || names.some((name) => zipNumber(name) !== undefined)) return;
    throw new UsageError({
      object: directory,
      problem: "has no zips of an archived log",
      expected: `${zipName(0)} and those that follow it`,
      advice: `Name the directory that has them; or the log without archive+, if it is not in zips: ${pathToFileURL(directory)}`,
    });
  },
  async openObjects(url) {
    const { ArchiveSource } = await import("./source.ts");
    return new ArchiveSource(directoryOf(url));
  },
} satisfies Backend;
