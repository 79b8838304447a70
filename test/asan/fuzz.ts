/**
 * Holds an addon to the JavaScript hasher, on new bundles every time, for about so many seconds. `run.ts` runs it
 * under AddressSanitizer. Usage: node fuzz.ts <addon> <seconds> [seed]
 */

import fc from "fast-check";
import type { LogFormat } from "../../lib/tlog/layout.ts";
import { loadAddon } from "../../lib/tlog/native-hasher.ts";
import { agreementProperties } from "../support/hasher-agreement.ts";

const [addon = "", seconds = "20", seed = String(Date.now() & 0x7fffffff)] = process.argv.slice(2);
const hashNatively = loadAddon(addon);
const formats: LogFormat[] = ["tiles", "static-ct"];
const properties = formats.flatMap((format) => Object.entries(agreementProperties(hashNatively, format)));
const deadline = performance.now() + 1000 * Number(seconds);
let runs = 0;
// A failure prints the seed of its own.
for (let round = Number(seed); runs === 0 || performance.now() < deadline; round++) {
  for (const [, property] of properties) fc.assert(property, { seed: round, numRuns: 20 });
  runs += 20 * properties.length;
}
console.log(`${runs} runs from seed ${seed}, every one as the JavaScript hasher`);
