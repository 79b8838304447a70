/** undici's dispatchers: its whole index takes every thread 70 ms of CPU time more (undici 8.13.1 on Node 26). */

import { createRequire, Module } from "node:module";
import type * as undici from "undici";

const require = createRequire(import.meta.url);

// It loads node:http2 and node:tls: half of the 75 ms of CPU time, and of the memory, that is left of undici.
loadWhenCalled("undici/lib/dispatcher/client-h2.js");

export const Client: typeof undici.Client = require("undici/lib/dispatcher/client.js");
export const Pool: typeof undici.Pool = require("undici/lib/dispatcher/pool.js");

/** Only where there is a proxy: the whole of undici, whose index gives dispatchers the `connect` that opens a tunnel. */
export function loadEnvHttpProxyAgent(): typeof undici.EnvHttpProxyAgent {
  return require("undici").EnvHttpProxyAgent;
}

/** Puts a function in the place of a module that exports one; others in this process may call it. */
function loadWhenCalled(name: string): void {
  const path = require.resolve(name);
  if (require.cache[path] !== undefined) return;
  const module = new Module(path);
  module.exports = (...parameters: unknown[]): unknown => {
    if (require.cache[path] === module) delete require.cache[path];
    return require(path)(...parameters);
  };
  module.loaded = true;
  require.cache[path] = module;
}
