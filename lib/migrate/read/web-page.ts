/** Web pages in the place of a log's objects: sign-in pages, and pages that say that nothing is there. */

/** What messages call one, as a clause. */
export const IS_WEB_PAGE = "is a web page, not an object of a log";

/** Whether bytes begin as HTML does. */
export function isWebPage(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256)).toString("utf8");
  return /^\uFEFF?\s*<(?:!doctype\s+html|html|head|body|title)\b/i.test(start);
}
