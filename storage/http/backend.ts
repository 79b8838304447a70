/** Logs over HTTP: sources alone. */

import type { Backend, SourceAccess } from "../../lib/migrate/ports/backend.ts";
import { HTTP_OPTIONS, httpOptions, requireContact } from "./options.ts";
import type { HttpSourceOptions } from "./source.ts";

/** The options of a source over HTTP, as plain data; beside these, those of `HTTP_OPTIONS`. */
type HttpAccess = SourceAccess & Pick<HttpSourceOptions, "contact" | "timeouts">;

export default {
  form: "https://… or http://…",
  sourceOptions: HTTP_OPTIONS,
  checkSource: (url, { contact }, format) => requireContact(contact, url, format),
  async openObjects(url, { access, ...request }) {
    const { HttpSource } = await import("./source.ts");
    const { userAgentVersion, contact, timeouts } = access as HttpAccess;
    return new HttpSource(url, {
      userAgentVersion,
      ...(contact !== undefined && { contact }),
      ...(timeouts !== undefined && { timeouts }),
      ...httpOptions(access),
      ...request,
    });
  },
} satisfies Backend;
