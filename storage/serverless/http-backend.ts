/** Logs of the old serverless layout over HTTP: only sources. What reaches any log over HTTP reaches them. */

import type { Backend } from "../../lib/migrate/ports/backend.ts";
import http from "../http/backend.ts";
import { requireTiles } from "./format.ts";

export default {
  form: "serverless+https://…",
  sourceOptions: http.sourceOptions,
  checkSource(url, options, format) {
    requireTiles(url, format);
    http.checkSource(addressOf(url), options, format);
  },
  async openSource(url, request) {
    const { ServerlessSource } = await import("./source.ts");
    const objects = await http.openObjects(addressOf(url), request);
    return new ServerlessSource(objects, objects.location, request.connections);
  },
} satisfies Backend;

function addressOf({ href }: URL): URL {
  return new URL(href.slice("serverless+".length));
}
