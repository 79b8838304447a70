/** What an observer hears of a request between its start and its end: enough to know what the server has to do. */

import { expect, it, vi } from "vitest";
import type { RequestObserver } from "../../../../lib/migrate/ports/backend.ts";
import { stoppedClock } from "../../../support/http/clock.ts";
import { Lender } from "../../../support/http/lender.ts";
import { ANY } from "../../../support/http/reads.ts";
import { head, okay, scriptedServer } from "../../../support/http/scripted-server.ts";

/** An observer that notes what it hears. */
function recorder() {
  const heard: string[] = [];
  const observer: RequestObserver = {
    started: () => void heard.push("started"),
    answered: (status, milliseconds, retryAfterMs) =>
      void heard.push(`answered ${status} after ${milliseconds} ms, again in ${retryAfterMs} ms`),
    released: (status) => void heard.push(`released ${status}`),
    ended: (status) => void heard.push(`ended ${status}`),
  };
  const until = (what: string) => vi.waitUntil(() => heard.includes(what), { timeout: 10_000, interval: 5 });
  return { heard, observer, until };
}

it("the head of a response, with the time since the request was sent: neither the connection's nor the body's", async () => {
  const clock = stoppedClock();
  const server = await scriptedServer("plain");
  const { heard, observer, until } = recorder();
  const source = server.source({ observer });
  const first = source.read("first", ANY);
  const second = source.read("second", ANY);
  const connection = await server.connection();
  await connection.request();
  clock.goOn(3000);
  connection.send(okay("first"));
  await first;
  await connection.request();
  clock.goOn(40);
  connection.send(head("content-length: 3\r\n"));
  await until("answered 200 after 40 ms, again in undefined ms");
  clock.goOn(500);
  connection.send("abc");
  await second;
  expect(heard).toEqual([
    "started",
    "started",
    "answered 200 after 3000 ms, again in undefined ms",
    "released 200",
    "ended 200",
    "answered 200 after 40 ms, again in undefined ms",
    "released 200",
    "ended 200",
  ]);
});

it("a refusal, with what Retry-After asks for, before its reader does and before its body has come", async () => {
  stoppedClock();
  const server = await scriptedServer("plain", (connection) =>
    connection.send(head("content-length: 1\r\nretry-after: 7\r\n", "429 Too Many Requests")),
  );
  const { heard, observer } = recorder();
  const read = server.source({ observer }).read("first", ANY);
  await expect(read).rejects.toMatchObject({ status: 429, retryAfterMs: 7000 });
  expect(heard).toEqual(["started", "answered 429 after 0 ms, again in 7000 ms"]);
});

it("that a server is held up, since it has nothing more to do then; and no second time when it has ended", async () => {
  const server = await scriptedServer("plain");
  const { heard, observer, until } = recorder();
  const lender = new Lender({ held: true });
  const read = server.source({ observer }).read("first", { ...ANY, reservation: lender });
  const connection = await server.connection();
  const halves = [Buffer.alloc(50_000, "a"), Buffer.alloc(50_000, "b")] as const;
  connection.send(head("content-length: 100000\r\n"), halves[0]);
  await until("released 200");
  expect(heard).not.toContain("ended 200");
  connection.send(halves[1]);
  lender.grant();
  expect(await read).toEqual(Buffer.concat(halves));
  expect(heard.slice(2)).toEqual(["released 200", "ended 200"]);
});

it("the end of a request that was given up the moment it was admitted, and never sent", async () => {
  const server = await scriptedServer("plain");
  const { heard, observer, until } = recorder();
  const admission = Promise.withResolvers<void>();
  const stop = new AbortController();
  const source = server.source({ observer, admit: () => admission.promise });
  const read = source.read("first", { ...ANY, signal: stop.signal });
  admission.resolve();
  stop.abort("enough");
  await expect(read).rejects.toBe("enough");
  await until("ended 0");
  expect(heard).toEqual(["started", "released 0", "ended 0"]);
  expect(server.requests).toEqual([]);
});
