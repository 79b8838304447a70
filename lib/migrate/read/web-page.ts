/** Web pages in place of a log's objects, such as sign-in pages and "not found" pages. */

import { FormatError } from "../../tlog/errors.ts";

/** The answer shows that there is no object, or at the first contact no log: nothing is there, or a web page in its place. */
export class NothingThereError extends FormatError {}

/** The clause for it in messages. */
export const IS_WEB_PAGE = "is a web page, not an object of a log";

/** Whether bytes begin as HTML does. */
export function isWebPage(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256)).toString("utf8");
  return /^\uFEFF?\s*<(?:!doctype\s+html|html|head|body|title)\b/i.test(start);
}
