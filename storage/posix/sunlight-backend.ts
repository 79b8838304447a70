/** Logs in directories of Sunlight, whose data tiles are compressed. */

import type { Backend } from "../../lib/migrate/ports/backend.ts";
import { describeSunlight, LOCK_OPTIONS, openLock } from "../sunlight-locks.ts";
import { directoryOf, isOfFiles, requireDirectory } from "./file-url.ts";

export default {
  form: "gzip+file:///…",
  isLocal: true,
  targetOptions: LOCK_OPTIONS,
  async checkSource(url) {
    await requireDirectory(url);
    const { requireCompressed } = await import("./compressed-tiles.ts");
    await requireCompressed(directoryOf(url), url.href, url.href.replace("gzip+", ""));
  },
  async openObjects(url) {
    const { GzipSource } = await import("./source.ts");
    return new GzipSource(directoryOf(url));
  },
  async openTarget(url, request) {
    const { source, readOnly = false } = request;
    const [{ SunlightTarget }, lock] = await Promise.all([import("./sunlight-target.ts"), openLock(request)]);
    const from = source && isOfFiles(source) ? directoryOf(source) : undefined;
    return new SunlightTarget(directoryOf(url), { source: from, readOnly }, lock);
  },
  describeTarget: describeSunlight,
} satisfies Backend;
