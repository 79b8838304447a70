import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forEachEntry } from "../../../../lib/tlog/bundle.ts";
import {
  ADDON_PATH,
  loadAddon,
  type NativeAddon,
  type NativeHashBundle,
  trustedFunction,
} from "../../../../lib/tlog/hasher/native.ts";
import { BORDER_SIZES, trialBundles } from "../../../../lib/tlog/hasher/self-test.ts";
import type { LogFormat } from "../../../../lib/tlog/layout.ts";
import { agreementProperties } from "../../../support/hasher-agreement.ts";
import { HAS_NATIVE_HASHER } from "../../../support/hashers.ts";
import { laneProperties } from "../../../support/lane-agreement.ts";

const FORMATS: LogFormat[] = ["tiles", "static-ct"];

const addon: NativeAddon | undefined = HAS_NATIVE_HASHER ? loadAddon() : undefined;
const { hashBundle: inTurn = never, hashBundleInLanes: inLanes = never } = addon ?? {};

/** Whether it has the Node that it was built for, whose OpenSSL stands in the same file. */
const IS_FOR_LANES = process.arch === "x64" && !process.config.variables.node_shared_openssl;

function never(): never {
  throw new Error("there is no such function");
}

describe.skipIf(addon === undefined)("the addon's two ways of hashing", () => {
  it.runIf(IS_FOR_LANES)("are both there", () => {
    expect(addon).toEqual({ hashBundle: expect.any(Function), hashBundleInLanes: expect.any(Function) });
  });

  describe.each(FORMATS)("in %s", (format) => {
    for (const [name, property] of Object.entries(laneProperties(inTurn, format))) {
      it(`one after the other agrees with the JavaScript hasher ${name}`, () =>
        fc.assert(property, { numRuns: 200 }));
    }
    const properties = { ...agreementProperties(inLanes, format), ...laneProperties(inLanes, format) };
    for (const [name, property] of Object.entries(properties)) {
      it.skipIf(inLanes === never)(`side by side agrees with the JavaScript hasher ${name}`, () =>
        fc.assert(property, { numRuns: 300 }),
      );
    }
  });
});

describe.skipIf(inLanes === never)("hashing side by side", () => {
  // OpenSSL's OPENSSL_ia32cap(3): what it is not to use.
  it.each([
    ["whatever it has", undefined],
    ["no SHA", ":~0x20000000"],
    ["no SHA and no AVX2", ":~0x20000020"],
    ["no SHA and no AVX", "~0x1000000000000000:~0x20000020"],
  ])("is right on a processor with %s", (_, OPENSSL_ia32cap) => {
    const { status, stderr } = inProcessOfItsOwn(
      "tryAddon(path); if (!loadAddon(path).hashBundleInLanes) throw new Error('no lanes');",
      { OPENSSL_ia32cap },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("has room on the stack of a thread, however deep a call is", () => {
    const { status, stderr } = inProcessOfItsOwn(`
      const { isMainThread, Worker, workerData } = await import("node:worker_threads");
      const deepest = (hash) => { try { return deepest(hash); } catch (error) { hash(); return error.name; } };
      const { hashBundleInLanes } = loadAddon(path);
      const bundle = Buffer.alloc(256 * 102);
      for (let i = 0; i < 256; i++) bundle[i * 102 + 1] = 100;
      for (let i = 0; i < 100; i++) {
        const found = deepest(() => {
          if (hashBundleInLanes(0, bundle, Buffer.alloc(257 * 32)) !== 256) throw new TypeError("refused");
        });
        if (found !== "RangeError") throw new Error(found);
      }
      if (isMainThread) new Worker(new URL("data:text/javascript," + encodeURIComponent(program)), { argv: process.argv.slice(1) });`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe.skipIf(inLanes === never)("trustedFunction", () => {
  it("takes the one that hashes side by side", () => {
    expect(trustedFunction({ hashBundle: inTurn, hashBundleInLanes: inLanes })).toBe(inLanes);
  });

  it("takes the other where it is alone", () => {
    expect(trustedFunction({ hashBundle: inTurn })).toBe(inTurn);
  });

  it("takes the other where a single bit is wrong, whichever it is", () => {
    const calls = callsOf((hashBundleInLanes) => trustedFunction({ hashBundle: inTurn, hashBundleInLanes }));
    expect(calls).toBeGreaterThan(20);
    for (let wrong = 0; wrong < calls; wrong++) {
      const hashBundleInLanes = wrongOnce(wrong, (hashes) => {
        const at = (wrong * 37) % hashes.length;
        hashes[at] = (hashes[at] as number) ^ (1 << (wrong % 8));
      });
      expect(trustedFunction({ hashBundle: inTurn, hashBundleInLanes })).toBe(inTurn);
    }
  });

  it("takes the other where a bundle is refused", () => {
    expect(trustedFunction({ hashBundle: inTurn, hashBundleInLanes: () => -1 })).toBe(inTurn);
    const refusing: NativeHashBundle = (format, bundle, hashes) =>
      hashes.length === 32 ? -1 : inLanes(format, bundle, hashes);
    expect(trustedFunction({ hashBundle: inTurn, hashBundleInLanes: refusing })).toBe(inTurn);
  });

  it("takes neither where the other is wrong", () => {
    const wrong = wrongOnce(0, (hashes) => hashes.fill(0));
    expect(() => trustedFunction({ hashBundle: wrong, hashBundleInLanes: inLanes })).toThrow("known-answer");
  });

  /** A function that is right but in one call: what it would refuse it takes, and other hashes it spoils. */
  function wrongOnce(when: number, spoil: (hashes: Uint8Array) => void): NativeHashBundle {
    let calls = 0;
    return (format, bundle, hashes) => {
      const count = inLanes(format, bundle, hashes);
      if (calls++ !== when) return count;
      if (count === -1) return Math.min(256, hashes.length / 32);
      spoil(hashes);
      return count;
    };
  }

  function callsOf(trial: (hashNatively: NativeHashBundle) => unknown): number {
    let calls = 0;
    trial((format, bundle, hashes) => {
      calls++;
      return inLanes(format, bundle, hashes);
    });
    return calls;
  }
});

describe("trialBundles", () => {
  it.each(FORMATS)("gives %s bundles that take 1 to 9 lanes, of all sizes", (format) => {
    const [lanes, sizes] = [new Set<number>(), new Set<number>()];
    for (const trial of trialBundles(BORDER_SIZES)) {
      if (trial.format !== format) continue;
      const found: number[] = [];
      forEachEntry(format, trial.bundle, trial.width, ({ leafStart, leafEnd }) => {
        found.push((format === "tiles" ? 1 : 3) + leafEnd - leafStart);
      });
      for (const size of found) sizes.add(size);
      // 64 blocks of 64 bytes, of which 9 are padding.
      lanes.add(found.filter((size) => size <= 64 * 64 - 9).length);
    }
    expect(lanes).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 9]));
    const least = format === "tiles" ? 1 : 18;
    expect(sizes).toEqual(new Set(BORDER_SIZES.filter((size) => size >= least)));
  });
});

/** Runs a program in which `path` is where the addon is, and `loadAddon` and `tryAddon` are imported. */
function inProcessOfItsOwn(body: string, environment: NodeJS.ProcessEnv = {}) {
  const module = new URL("../../../../lib/tlog/hasher/native.ts", import.meta.url).href;
  const program = `
    const [module, path, program] = process.argv.slice(-3);
    const { loadAddon, tryAddon } = await import(module);
    ${body}`;
  const args = ["--input-type=module", "-e", program, module, ADDON_PATH, program];
  const env = { ...process.env, OPENSSL_ia32cap: undefined, ...environment };
  return spawnSync(process.execPath, args, { encoding: "utf8", env });
}
