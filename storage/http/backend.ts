/** Logs over HTTP: sources alone. */

import type { Backend, SourceAccess } from "../../lib/migrate/ports/backend.ts";
import type { HttpSourceOptions } from "./source.ts";

/** The options of a source over HTTP, as plain data. */
export type HttpAccess = SourceAccess & Pick<HttpSourceOptions, "contact" | "timeouts" | "connect">;

export default {
  form: "https://… or http://…",
  async openObjects(url, { access, ...request }) {
    const { HttpSource } = await import("./source.ts");
    return new HttpSource(url, { ...(access as HttpAccess), ...request });
  },
} satisfies Backend;
