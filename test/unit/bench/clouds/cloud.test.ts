/** The emulated cloud of one run after another; its emulators and its proxy are made up here. */

import { beforeEach, describe, expect, it, vi } from "vitest";
import { BenchCloud, type CloudHome, type CloudKind } from "../../../../bench/clouds/cloud.ts";

/** What was started and ended, in order. */
const events: string[] = [];
const { startDelayProxy } = vi.hoisted(() => ({ startDelayProxy: vi.fn() }));
vi.mock(import("../../../../bench/servers/delay-proxy.ts"), () => ({ startDelayProxy }) as never);

const NAMES = { bucket: "$BUCKET", target: "x://$BUCKET" } as CloudHome;

let started = 0;
const KIND: CloudKind = {
  names: NAMES,
  async start() {
    const pid = 100 + ++started;
    events.push(`cloud ${pid}`);
    return {
      homeBehind: (storeOrigin) => ({ ...NAMES, bucket: `bucket-${pid}`, env: { STORE: storeOrigin } }),
      storePort: 4443,
      objectsDirectory: `/objects/${pid}`,
      pids: [pid],
      async stop() {
        events.push(`cloud ${pid} stopped`);
        return { PUT: pid, GET: 2000 };
      },
    };
  },
};

beforeEach(() => {
  events.length = 0;
  started = 0;
  startDelayProxy.mockReset().mockImplementation(async ({ upstreamPort, roundTripMs }) => {
    events.push(`proxy of ${upstreamPort}, ${roundTripMs} ms`);
    return { port: 5000, pid: 7, close: async () => void events.push("proxy closed") };
  });
});

describe("a cloud", () => {
  it("has names for everything before it is opened, and after it is closed", async () => {
    const cloud = new BenchCloud(KIND);
    expect([cloud.home, cloud.pids, cloud.objectsDirectory]).toEqual([NAMES, [], undefined]);
    await cloud.close();
    await cloud.open();
    expect(cloud.home).toMatchObject({ bucket: "bucket-101", env: { STORE: "http://127.0.0.1:4443" } });
    expect(cloud.objectsDirectory).toBe("/objects/101");
    await cloud.close();
    expect([cloud.home, cloud.pids, cloud.objectsDirectory]).toEqual([NAMES, [], undefined]);
  });

  it("is another one for each run, and remembers how often the last was called", async () => {
    const cloud = new BenchCloud(KIND);
    expect([cloud.lastCounts, cloud.lastCalls]).toEqual([{}, "none"]);
    for (const pid of [101, 102]) {
      await cloud.open();
      expect(cloud.pids).toEqual([pid]);
      await cloud.close();
      expect(cloud.lastCounts).toEqual({ PUT: pid, GET: 2000 });
    }
    expect(cloud.lastCalls).toBe("2,000 GET, 102 PUT");
    expect(events).toEqual(["cloud 101", "cloud 101 stopped", "cloud 102", "cloud 102 stopped"]);
  });

  it.each([0, 20])(
    "that is %i ms away has a proxy before its object store, and nothing else",
    async (away) => {
      const cloud = new BenchCloud(KIND, away);
      await cloud.open();
      expect(cloud.home.env).toEqual({ STORE: "http://127.0.0.1:5000" });
      expect(cloud.pids).toEqual([101, 7]);
      await cloud.close();
      expect(events).toEqual(["cloud 101", `proxy of 4443, ${away} ms`, "proxy closed", "cloud 101 stopped"]);
    },
  );

  it("that could not be opened leaves nothing behind", async () => {
    startDelayProxy.mockRejectedValue(new Error("no port"));
    const cloud = new BenchCloud(KIND, 20);
    await expect(cloud.open()).rejects.toThrow("no port");
    expect(events).toEqual(["cloud 101", "cloud 101 stopped"]);
    expect(cloud.pids).toEqual([]);
  });
});
