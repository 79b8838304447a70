/** Whether the data tiles of a directory are stored gzip-compressed, as its name says. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../../lib/errors.ts";
import { MAX_OBJECT_BYTES } from "../../lib/migrate/ports/source.ts";
import { forEachEntry } from "../../lib/tlog/bundle.ts";
import { bundlePath, FULL_WIDTH, type LogFormat } from "../../lib/tlog/layout.ts";
import { beginsAsGzip } from "../shared/inflate.ts";
import { RegularFile } from "./regular-file.ts";

/**
 * A first bundle that is a bundle as it is was never compressed: the log has a wrong name. One that is neither, or cannot be
 * read, is found where it is needed.
 * @throws UsageError
 */
export async function requireCompressed(directory: string, name: string, plainName: string): Promise<void> {
  for (const format of ["static-ct", "tiles"] as const) {
    for (const width of await widthsOfFirst(directory, format)) {
      if (!(await isPlain(join(directory, bundlePath(format, { index: 0, width })), format, width))) continue;
      throw new UsageError({
        object: name,
        problem: "has its entries uncompressed, and not in gzip as below gzip+file://",
        advice: `Name it as ${plainName}`,
      });
    }
  }
}

/** The full bundle, and partial ones that may be there in its place. */
async function widthsOfFirst(directory: string, format: LogFormat): Promise<number[]> {
  const partials = join(directory, `${bundlePath(format, { index: 0, width: FULL_WIDTH })}.p`);
  const names = await readdir(partials).catch(() => []);
  return [FULL_WIDTH, ...names.map(Number).filter((width) => width >= 1 && width < FULL_WIDTH)];
}

async function isPlain(path: string, format: LogFormat, width: number): Promise<boolean> {
  const file = await RegularFile.open(path).catch(() => undefined);
  try {
    if (file === undefined || file.size > MAX_OBJECT_BYTES) return false;
    const bytes = Buffer.alloc(file.size);
    await file.read(bytes, 0);
    if (beginsAsGzip(bytes)) return false;
    forEachEntry(format, bytes, width, () => {});
    return true;
  } catch {
    return false;
  } finally {
    await file?.close();
  }
}
