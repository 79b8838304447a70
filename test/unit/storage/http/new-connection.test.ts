/** What is said of new connections: which were served, which were not, and when one has waited for long enough. */

import type { Socket } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { ANY } from "../../../support/http/reads.ts";
import {
  okay,
  type ScriptedConnection,
  scriptedServer,
  TRANSPORTS,
} from "../../../support/http/scripted-server.ts";
import { closedPlace, serveRaw, sourceAt } from "../../../support/http/servers.ts";

/** What is said of connections, in order. */
function recorder() {
  const heard: string[] = [];
  const observer = {
    started: () => {},
    ended: () => {},
    connected: () => void heard.push("connected"),
    disconnected: () => void heard.push("disconnected"),
    turnedAway: () => void heard.push("turned away"),
    released: () => void heard.push("released"),
  };
  return { heard, observer };
}

/** Others have answers, unless they do not. */
const others = (haveAnswers: boolean, firstAnswerMs = 0) => {
  let successes = 0;
  return {
    get successes() {
      return haveAnswers ? successes++ : successes;
    },
    firstAnswerMs,
    areScarce: false,
  };
};

async function failureOf(read: Promise<unknown>): Promise<SourceError> {
  const failure = await read.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SourceError);
  return failure as SourceError;
}

describe.each(TRANSPORTS)("over %s", (transport) => {
  test("one that brings an answer was served, however often it is used, until it ends", async () => {
    const server = await scriptedServer(transport, (connection) => connection.send(okay("x")));
    const { heard, observer } = recorder();
    const source = server.source({ observer });
    await source.read("a", ANY);
    await source.read("b", ANY);
    expect(heard).toEqual(["connected", "released", "released"]);
    await source.close();
    await vi.waitUntil(() => heard.includes("disconnected"));
  });

  test.each<[string, (connection: ScriptedConnection) => void]>([
    ["reset", (connection) => connection.reset()],
    ["ended", (connection) => connection.socket.end()],
  ])("one that is %s before an answer was turned away", async (_how, end) => {
    const server = await scriptedServer(transport, end);
    const { heard, observer } = recorder();
    const failure = await failureOf(server.source({ observer }).read("a", ANY));
    expect(failure).toMatchObject({ turnedAway: true, retryable: true });
    expect(heard).toEqual(["turned away", "released"]);
  });

  test("one that breaks off later was not", async () => {
    const server = await scriptedServer(transport, (connection, path) => {
      if (path === "/a") connection.send(okay("x"));
      else connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nx");
      if (path === "/b") connection.socket.end();
    });
    const { heard, observer } = recorder();
    const source = server.source({ observer });
    await source.read("a", ANY);
    expect(await failureOf(source.read("b", ANY))).toMatchObject({ turnedAway: false });
    expect(heard.filter((what) => what !== "disconnected")).toEqual(["connected", "released", "released"]);
  });

  test("one that is left without an answer while others have some is given up, and ended", async () => {
    const server = await scriptedServer(transport);
    const { heard, observer } = recorder();
    const source = server.source({ observer, outlook: others(true) });
    const failure = await failureOf(source.read("a", ANY));
    expect(failure.message).toMatch(/ did not answer on a new connection for .* s$/);
    expect(failure).toMatchObject({ turnedAway: true, retryable: true });
    expect(heard).toEqual(["turned away", "released"]);
    await server.allClosed();
  });

  test("an object that is slow by itself gets its answer: each time it is given up, it has more time", async () => {
    const server = await scriptedServer(transport, (connection) => {
      setTimeout(() => connection.send(okay("slow")), 300);
    });
    const outlook = { ...others(true, 100), areScarce: true };
    const source = server.source({ observer: recorder().observer, outlook, timeouts: { bodyMs: 200 } });
    const outcomes: string[] = [];
    while (outcomes.at(-1) !== "slow" && outcomes.length < 8) {
      outcomes.push(String(await source.read("a", ANY).catch((error: Error) => error.message)));
    }
    expect(outcomes.at(0)).toMatch(/did not answer on a new connection/);
    expect(outcomes.at(-1)).toBe("slow");
  });

  test.each([
    ["nobody has an answer", others(false)],
    ["it has not been for long", others(true, 60_000)],
  ])("one without an answer has its usual time where %s", async (_where, outlook) => {
    const server = await scriptedServer(transport);
    const timeouts = { headersMs: 600 };
    const { observer } = recorder();
    const failure = await failureOf(server.source({ observer, outlook, timeouts }).read("a", ANY));
    expect(failure.message).toMatch(/did not answer within 0.6 s$/);
  });

  test("those that carry nothing are closed where they are scarce, and the next request has one all the same", async () => {
    const server = await scriptedServer(transport, (connection) => connection.send(okay("x")));
    const { heard, observer } = recorder();
    const outlook = { ...others(true, 60_000), areScarce: true };
    const source = server.source({ observer, outlook });
    await source.read("a", ANY);
    await vi.waitUntil(() => heard.includes("disconnected"));
    await source.read("b", ANY);
    expect(heard.filter((what) => what === "connected")).toHaveLength(2);
  });
});

test("a connection that is refused was turned away", async () => {
  const { heard, observer } = recorder();
  const source = sourceAt(new URL(`http://${await closedPlace()}/`), { observer });
  expect(await failureOf(source.read("a", ANY))).toMatchObject({ turnedAway: true, unreachable: true });
  expect(heard).toEqual(["turned away", "released"]);
});

test("a handshake that nobody answers while others have answers is given up, and ended", async () => {
  const ended = Promise.withResolvers<void>();
  const silent = (socket: Socket): void => {
    socket.resume().on("close", () => ended.resolve());
  };
  const { host } = await serveRaw(silent);
  const { heard, observer } = recorder();
  const source = sourceAt(new URL(`https://${host}/`), { observer, outlook: others(true) });
  expect((await failureOf(source.read("a", ANY))).message).toMatch(/did not answer on a new connection/);
  await ended.promise;
  await vi.waitUntil(() => heard.includes("released"));
  expect(heard).toEqual(["turned away", "released"]);
});
