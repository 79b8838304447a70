/**
 * undici's dispatchers, loaded one by one: its index also loads fetch, caches, mocks and WebSockets, which takes every
 * thread 70 ms of CPU time more (measured with undici 8.13.1 on Node 26).
 */

import { createRequire } from "node:module";
import type * as undici from "undici";

const require = createRequire(import.meta.url);

export const Client: typeof undici.Client = require("undici/lib/dispatcher/client.js");
export const Pool: typeof undici.Pool = require("undici/lib/dispatcher/pool.js");

/** Only where there is a proxy: the whole of undici, whose index gives dispatchers the `connect` that opens a tunnel. */
export function loadEnvHttpProxyAgent(): typeof undici.EnvHttpProxyAgent {
  return require("undici").EnvHttpProxyAgent;
}
