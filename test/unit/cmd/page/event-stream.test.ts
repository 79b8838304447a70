import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { EventStream, eventText } from "../../../../cmd/page/event-stream.ts";

/** A client that takes what it is sent when it is told to. */
function newClient(stream: EventStream) {
  const sent: string[] = [];
  const taken: (() => void)[] = [];
  let isGone = false;
  const response = Object.assign(new EventEmitter(), {
    writeHead: () => response,
    write(text: string, callback: () => void) {
      sent.push(text);
      taken.push(callback);
      return false;
    },
    end(text: string) {
      sent.push(text);
    },
    destroy() {
      isGone = true;
      response.emit("close");
    },
  });
  stream.add(response as unknown as ServerResponse, {}, "first\n\n");
  return {
    sent,
    isGone: () => isGone,
    takeAll: () => taken.splice(0).forEach((callback) => void callback()),
  };
}

test("a client that is slow misses what it has no time for, and gets the newest", () => {
  const stream = new EventStream();
  const [slow, fast] = [newClient(stream), newClient(stream)];
  for (let second = 1; second <= 5; second++) {
    fast.takeAll();
    if (second === 4) slow.takeAll();
    stream.send(`${second}`, performance.now());
  }
  expect(fast.sent.slice(1)).toEqual(["1", "2", "3", "4", "5"]);
  expect(slow.sent.slice(1)).toEqual(["4"]);
});

test("a client that takes nothing is let go, and others are not", () => {
  const stream = new EventStream();
  const now = performance.now();
  const [stuck, alive] = [newClient(stream), newClient(stream)];
  for (let second = 1; second <= 16; second++) {
    alive.takeAll();
    stream.send("state", now + second * 1000);
  }
  expect([stuck.isGone(), alive.isGone()]).toEqual([true, false]);
  expect(stuck.sent.length).toBe(1);
  expect(alive.sent.length).toBe(17);
  const { sent } = newClient(stream);
  stream.send("later", now + 17_000);
  expect([stuck.sent.length, sent.length, stream.isEmpty]).toEqual([1, 1, false]);
});

test("a client that is gone at the end of the run is not waited for", async () => {
  const stream = new EventStream();
  const { sent } = newClient(stream);
  await stream.end("last", 5);
  expect(sent.at(-1)).toBe("last");
});

test("an event is one line, whatever is in it", () => {
  const text = eventText("status", { origin: "a\nevent: evil\u2028\u202e" });
  expect(text.split("\n")).toEqual(["event: status", expect.stringMatching(/^data: \{.*\}$/), "", ""]);
  expect(JSON.parse(text.split("\n")[1]?.slice(6) ?? "")).toEqual({ origin: "a\nevent: evil\u2028\u202e" });
});
