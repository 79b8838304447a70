import { readdirSync, statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { JAVASCRIPT_HASHER } from "../../../../lib/tlog/hasher/javascript.ts";
import {
  ADDON_PATH,
  loadAddon,
  loadNativeHasher,
  type NativeHashBundle,
  nativeHasher,
  roomForHashes,
} from "../../../../lib/tlog/hasher/native.ts";
import type { LogFormat } from "../../../../lib/tlog/layout.ts";
import { agreementProperties } from "../../../support/hasher-agreement.ts";
import { HAS_NATIVE_HASHER } from "../../../support/hashers.ts";
import { testLog } from "../../../support/logs/generated-log.ts";

const FORMATS: LogFormat[] = ["tiles", "static-ct"];

describe("nativeHasher", () => {
  const bundle = testLog({ size: 256 }).object("tile/entries/000");

  it("refuses in the words of the JavaScript hasher", () => {
    const hasher = nativeHasher(() => -1);
    for (const bytes of [bundle.subarray(1), bundle.subarray(0, 5), Buffer.alloc(0)]) {
      const refusal = errorOf(() => JAVASCRIPT_HASHER.hashBundle("tiles", bytes, 256));
      expect(refusal).toBeInstanceOf(FormatError);
      expect(errorOf(() => hasher.hashBundle("tiles", bytes, 256))).toEqual(refusal);
    }
  });

  it("takes neither side where the two hashers disagree", () => {
    for (const count of [-1, 0, 255, 257]) {
      const refusal = errorOf(() => nativeHasher(() => count).hashBundle("tiles", bundle, 256));
      expect(refusal).not.toBeInstanceOf(FormatError);
      expect(refusal?.message).toMatch(/refuses a bundle that the JavaScript one takes/);
    }
  });

  it("asks the addon for no bundle that cannot be", () => {
    const hasher = nativeHasher(() => {
      throw new Error("asked");
    });
    for (const width of [0, 257]) {
      expect(() => hasher.hashBundle("tiles", bundle, width)).toThrow("a bundle holds 1 to 256 entries");
    }
  });
});

describe("loadNativeHasher", () => {
  it("throws where there is no addon, and where there is something else", () => {
    expect(() => loadNativeHasher("/nonexistent/bundle-hasher.node")).toThrow();
    expect(() => loadNativeHasher(import.meta.filename)).toThrow();
  });
});

describe.skipIf(!HAS_NATIVE_HASHER)("the addon", () => {
  let loaded: NativeHashBundle | undefined;
  const hashNatively: NativeHashBundle = (...bundle) => {
    loaded ??= loadAddon().hashBundle;
    return loaded(...bundle);
  };

  it("is built of the sources as they are now (npm run install)", () => {
    const directory = new URL("../../../../lib/tlog/hasher/native/", import.meta.url);
    const sources = readdirSync(directory).filter((name) => /\.[ch]$/.test(name));
    expect(sources).toContain("bundle-hasher.c");
    for (const source of [...sources, "build.js"]) {
      expect(statSync(ADDON_PATH).mtimeMs).toBeGreaterThanOrEqual(
        statSync(new URL(source, directory)).mtimeMs,
      );
    }
  });

  it("gives the known answers", () => {
    expect(loadNativeHasher().name).toBe("native");
  });

  describe.each(FORMATS)("agrees with the JavaScript hasher, in %s", (format) => {
    for (const [name, property] of Object.entries(agreementProperties(hashNatively, format))) {
      it(name, () => fc.assert(property, { numRuns: 300 }));
    }
  });

  it("refuses arguments of other types", () => {
    const bundle = Buffer.of(0, 0);
    const hashes = roomForHashes(1);
    expect(hashNatively(0, bundle, hashes)).toBe(1);
    const call = hashNatively as (...args: unknown[]) => unknown;
    const noFormats = [undefined, null, "0", "tiles", 0n, {}, Symbol("0"), -1, 2, 256];
    const noBytes = [
      undefined,
      null,
      7,
      "00",
      [0, 0],
      {},
      new ArrayBuffer(2),
      new DataView(new ArrayBuffer(2)),
      new Int8Array(2),
      new Uint8ClampedArray(2),
      new Uint16Array(2),
      new Float64Array(2),
      new BigUint64Array(2),
      ...("Float16Array" in globalThis ? [new (globalThis.Float16Array as Float16ArrayConstructor)(2)] : []),
      new Proxy(bundle, {}),
    ];
    for (const format of noFormats) expect(() => call(format, bundle, hashes)).toThrow(TypeError);
    for (const bytes of noBytes) {
      expect(() => call(0, bytes, hashes)).toThrow(TypeError);
      expect(() => call(0, bundle, bytes)).toThrow(TypeError);
    }
    expect(() => call()).toThrow(TypeError);
    expect(() => call(0)).toThrow(TypeError);
    expect(() => call(0, bundle)).toThrow(TypeError);
  });

  it("sees nothing in memory that is gone", () => {
    const gone = new Uint8Array(2);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect(hashNatively(0, gone, roomForHashes(1))).toBe(0);
    expect(hashNatively(0, Buffer.of(0, 0), gone)).toBe(-1);
    const resizable = new ArrayBuffer(64, { maxByteLength: 64 });
    const shrunk = new Uint8Array(resizable);
    resizable.resize(1);
    expect(hashNatively(0, shrunk, roomForHashes(32))).toBe(-1);
  });

  it("serves many threads at once", async () => {
    const log = testLog({ size: 256, format: "static-ct" });
    const bundle = log.object("tile/data/000");
    const expected = log.object("tile/0/000").toString("hex");
    const threads = Array.from({ length: 4 }, () => hashInThread(bundle, 200));
    expect(await Promise.all(threads)).toEqual(Array(4).fill([expected]));
  });
});

/** Hashes a full Static CT bundle in a thread of its own, many times over. Gives the different results, in hex. */
async function hashInThread(bundle: Buffer, times: number): Promise<string[]> {
  const program = `
    import { parentPort, workerData } from "node:worker_threads";
    const { loadNativeHasher } = await import(workerData.module);
    const hasher = loadNativeHasher();
    const hashOnce = () => hasher.hashBundle("static-ct", workerData.bundle, 256).leafHashes;
    const found = Array.from({ length: workerData.times }, () => Buffer.from(hashOnce()).toString("hex"));
    parentPort.postMessage([...new Set(found)]);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
    workerData: {
      module: new URL("../../../../lib/tlog/hasher/native.ts", import.meta.url).href,
      bundle,
      times,
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<string[]>();
  worker.once("message", resolve).once("error", reject);
  return await promise.finally(() => worker.terminate());
}

function errorOf(call: () => unknown): Error | undefined {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  return undefined;
}
