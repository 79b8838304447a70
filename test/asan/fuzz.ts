/**
 * Holds a function of an addon to the JavaScript hasher, on new bundles every time, for about so many seconds.
 * `run.ts` runs it under AddressSanitizer.
 * Usage: node fuzz.ts <addon> <hashBundle|hashBundleInLanes> <seconds> [seed]
 */

import fc from "fast-check";
import { loadAddon, type NativeAddon } from "../../lib/tlog/hasher/native.ts";
import type { LogFormat } from "../../lib/tlog/layout.ts";
import { agreementProperties } from "../support/hasher-agreement.ts";
import { laneProperties } from "../support/lane-agreement.ts";

const [addon = "", name = "hashBundle", seconds = "20", seed = String(Date.now() & 0x7fffffff)] =
  process.argv.slice(2);
const hashNatively = loadAddon(addon)[name as keyof NativeAddon];
if (hashNatively === undefined) throw new Error(`the addon has no ${name}`);
const formats: LogFormat[] = ["tiles", "static-ct"];
const properties = formats.flatMap((format) => [
  ...Object.values(agreementProperties(hashNatively, format)),
  ...Object.values(laneProperties(hashNatively, format)),
]);
const deadline = performance.now() + 1000 * Number(seconds);
let runs = 0;
// A failure prints the seed of its own.
for (let round = Number(seed); runs === 0 || performance.now() < deadline; round++) {
  for (const property of properties) fc.assert(property, { seed: round, numRuns: 20 });
  runs += 20 * properties.length;
}
console.log(`${name}: ${runs} runs from seed ${seed}, every one as the JavaScript hasher`);
