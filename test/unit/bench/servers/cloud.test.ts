/** The emulated cloud of one run after another; its emulators and its proxy are made up here. */

import { beforeEach, describe, expect, it, vi } from "vitest";
import { BenchCloud } from "../../../../bench/servers/cloud.ts";

/** What was started and ended, in order. */
const events: string[] = [];
const { startEmulators, startDelayProxy } = vi.hoisted(() => ({
  startEmulators: vi.fn(),
  startDelayProxy: vi.fn(),
}));
vi.mock(
  import("../../../support/go/gcp-emulators.ts"),
  () => ({ GcpEmulators: { start: startEmulators } }) as never,
);
vi.mock(import("../../../../bench/servers/delay-proxy.ts"), () => ({ startDelayProxy }) as never);

const ENV = { STORAGE_EMULATOR_HOST: "http://127.0.0.1:4443", SPANNER_EMULATOR_HOST: "127.0.0.1:9010" };
const HOME = { bucket: "bucket-1", database: "projects/p/instances/i/databases/d", env: ENV };

beforeEach(() => {
  events.length = 0;
  let started = 0;
  startEmulators.mockReset().mockImplementation(async () => {
    const pid = 100 + ++started;
    events.push(`emulators ${pid}`);
    const end = (how: string) => void events.push(`emulators ${pid} ${how}`);
    return {
      pid,
      storageUrl: ENV.STORAGE_EMULATOR_HOST,
      newHome: async () => HOME,
      stop: async () => {
        end("stopped");
        return { "storage POST": pid };
      },
      [Symbol.asyncDispose]: async () => end("disposed of"),
    };
  });
  startDelayProxy.mockReset().mockImplementation(async ({ upstreamPort, roundTripMs }) => {
    events.push(`proxy of ${upstreamPort}, ${roundTripMs} ms`);
    return { port: 5000, pid: 7, close: async () => void events.push("proxy closed") };
  });
});

// The benchmark runs by the clone's own Node: Node 22 has no AsyncDisposableStack.
describe.skipIf(!("AsyncDisposableStack" in globalThis))("a cloud", () => {
  it("has names for everything before it is opened, and after it is closed", async () => {
    const cloud = new BenchCloud();
    const names = cloud.home;
    expect(names).toMatchObject({ bucket: "$BUCKET", database: "$DATABASE" });
    expect(cloud.pids).toEqual([]);
    await cloud.close();
    await cloud.open();
    expect(cloud.home).toEqual(HOME);
    await cloud.close();
    expect(cloud.home).toEqual(names);
    expect(cloud.pids).toEqual([]);
  });

  it("is another one for each run, and remembers how often the last was called", async () => {
    const cloud = new BenchCloud();
    expect(cloud.lastCounts).toEqual({});
    for (const pid of [101, 102]) {
      await cloud.open();
      expect(cloud.pids).toEqual([pid]);
      await cloud.close();
      expect(cloud.lastCounts).toEqual({ "storage POST": pid });
    }
    expect(events).toEqual([
      "emulators 101",
      "emulators 101 stopped",
      "emulators 102",
      "emulators 102 stopped",
    ]);
  });

  it.each([0, 20])("that is %i ms away has a proxy before Cloud Storage, and nothing else", async (away) => {
    const cloud = new BenchCloud(away);
    await cloud.open();
    expect(cloud.home.env).toEqual({ ...ENV, STORAGE_EMULATOR_HOST: "http://127.0.0.1:5000" });
    expect(cloud.pids).toEqual([101, 7]);
    await cloud.close();
    expect(events).toEqual([
      "emulators 101",
      `proxy of 4443, ${away} ms`,
      "proxy closed",
      "emulators 101 stopped",
    ]);
  });

  it("that could not be opened leaves nothing behind", async () => {
    startDelayProxy.mockRejectedValue(new Error("no port"));
    const cloud = new BenchCloud(20);
    await expect(cloud.open()).rejects.toThrow("no port");
    expect(events).toEqual(["emulators 101", "emulators 101 disposed of"]);
    expect(cloud.pids).toEqual([]);
  });
});
