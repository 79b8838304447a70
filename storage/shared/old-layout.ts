/** Where a log of tlog-tiles is looked for, there may be one in the old serverless layout. */

import type { ObjectSource } from "../../lib/migrate/ports/source.ts";
import { isWebPage } from "../../lib/migrate/read/web-page.ts";
import { MAX_ENTRY_BYTES } from "../../lib/tlog/bundle.ts";

/** The first entry of every log in the old layout. */
const FIRST_ENTRY = "seq/00/00/00/00/00";

/** How to name a place as a log in the old layout, undefined if it has none. @param address of the place. */
export async function asOldLayout(objects: ObjectSource, address: string): Promise<string | undefined> {
  const found = await objects.read(FIRST_ENTRY, { maxBytes: MAX_ENTRY_BYTES });
  return found && !isWebPage(found) ? `serverless+${address}` : undefined;
}
