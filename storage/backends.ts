/** The backends by URL scheme. A new one is one folder and one line here. */

import type { BackendModules } from "../lib/migrate/ports/backend.ts";

const modules: Record<string, string> = {
  https: module("./http/backend.ts"),
  http: module("./http/backend.ts"),
  gs: module("./gcs/backend.ts"),
  s3: module("./s3/backend.ts"),
  file: module("./posix/backend.ts"),
  "gzip+file": module("./posix/sunlight-backend.ts"),
  "gzip+s3": module("./s3/sunlight-backend.ts"),
  "archive+file": module("./archive/backend.ts"),
  "serverless+https": module("./serverless/http-backend.ts"),
  "serverless+http": module("./serverless/http-backend.ts"),
  "serverless+file": module("./serverless/file-backend.ts"),
};

/** The modules of all backends, registered ones included. */
export function backendModules(): BackendModules {
  return { ...modules };
}

/**
 * Adds a program's own backend for `scheme://…`.
 * @param scheme in lower case, without a colon.
 * @param url of a module whose default export is a Backend. Each worker thread imports it separately.
 * @throws Error if it is not a valid scheme, or already has a backend.
 */
export function registerBackend(scheme: string, url: URL | string): void {
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) throw new Error(`${scheme} is not a URL scheme in lower case`);
  if (Object.hasOwn(modules, scheme)) throw new Error(`${scheme}:// has a backend already`);
  modules[scheme] = new URL(url).href;
}

/** The published package has compiled files, a clone runs the sources. */
function module(path: string): string {
  const isCompiled = import.meta.url.endsWith(".js");
  return new URL(isCompiled ? path.replace(/\.ts$/, ".js") : path, import.meta.url).href;
}
