import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Deadline } from "../../../storage/http-deadline.ts";
import type { ReadOptions } from "../../../storage/source.ts";
import { serve, serveRaw, sourceAt } from "./http-servers.ts";

const ANY: ReadOptions = { maxBytes: 1_000_000 };
const TOO_SLOW = { name: "SourceError", retryable: true, message: expect.stringContaining("for one object") };

/** Time that stands still until it is told to go on, as far as deadlines see. */
function stoppedClock(): { goOn(milliseconds: number): void } {
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
  onTestFinished(() => clock.mockRestore());
  return {
    goOn(milliseconds) {
      now += milliseconds;
    },
  };
}

describe("a source gives up on a server", () => {
  it("that trickles one byte at a time for ever", async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { "content-length": "1000000" });
      const trickle = setInterval(() => response.write("x"), 10);
      response.on("close", () => clearInterval(trickle));
    });
    const source = sourceAt(url, { timeouts: { objectMs: 200 } });
    await expect(source.read("tile/0/000", ANY)).rejects.toMatchObject(TOO_SLOW);
  }, 5000);

  it("that sends early hints for ever", async () => {
    const url = await serveRaw((socket) => {
      const hints = setInterval(() => socket.write("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"), 10);
      socket.on("close", () => clearInterval(hints));
    });
    const source = sourceAt(url, { timeouts: { objectMs: 200 } });
    await expect(source.read("tile/0/000", ANY)).rejects.toMatchObject(TOO_SLOW);
  }, 5000);
});

describe("the time for an object", () => {
  it("does not run while the request waits for a connection", async () => {
    const clock = stoppedClock();
    const url = await serve((_request, response) => {
      clock.goOn(700);
      response.end("slow");
    });
    const source = sourceAt(url, { connections: 1, timeouts: { objectMs: 1000 } });
    const reads = ["a", "b", "c"].map((path) => source.read(path, ANY));
    for (const bytes of await Promise.all(reads)) expect(Buffer.from(bytes ?? []).toString()).toBe("slow");
  });

  it("does not run while the body waits for its reservation, and goes on after", async () => {
    const clock = stoppedClock();
    const rest = Promise.withResolvers<void>();
    const url = await serve((request, response) => {
      response.write("first, ");
      rest.promise.then(() => {
        if (request.url === "/late") clock.goOn(600);
        response.end("rest");
      });
    });
    const source = sourceAt(url, { timeouts: { objectMs: 1000 } });
    const asked = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const granted = Promise.withResolvers<void>();
    const reads = ["late", "prompt"].map((path, i) => {
      const atLeast = (): Promise<void> => {
        asked[i]?.resolve();
        return granted.promise;
      };
      return source.read(path, { ...ANY, reservation: { atLeast } });
    });
    await Promise.all(asked.map(({ promise }) => promise));
    clock.goOn(3_600_000);
    granted.resolve();
    rest.resolve();
    for (const bytes of await Promise.all(reads)) {
      expect(Buffer.from(bytes ?? []).toString()).toBe("first, rest");
    }
  });

  it("is what was given, without the time that it was held", () => {
    const clock = stoppedClock();
    const deadline = new Deadline();
    clock.goOn(5000);
    expect(deadline.passed).toBe(false);
    deadline.start(1000);
    clock.goOn(600);
    deadline.hold();
    clock.goOn(5000);
    deadline.hold();
    expect(deadline.passed).toBe(false);
    deadline.release();
    deadline.release();
    clock.goOn(400);
    expect(deadline.passed).toBe(false);
    clock.goOn(1);
    expect(deadline.passed).toBe(true);
  });
});
