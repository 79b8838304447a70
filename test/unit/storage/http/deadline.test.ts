import { describe, expect, it } from "vitest";
import { stoppedClock } from "../../../support/http/clock.ts";
import { ANY, textOf } from "../../../support/http/reads.ts";
import { serve, serveRaw, sourceAt } from "../../../support/http/servers.ts";

const TOO_SLOW = { name: "SourceError", retryable: true, message: expect.stringContaining("for one object") };

const CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

describe("the time for an object", () => {
  it.each([
    ["interim responses", "", "HTTP/1.1 103 Early Hints\r\n\r\n"],
    ["a body of announced length", "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", "x"],
    ["a body that ends with the connection", "HTTP/1.1 200 OK\r\n\r\n", "x"],
    ["the bytes of a chunk", `${CHUNKED}ffff\r\n`, "x"],
    ["the line of a chunk", `${CHUNKED}ffff`, ";x=y"],
    ["many chunks", CHUNKED, "1\r\nx\r\n"],
    ["trailers", `${CHUNKED}0\r\n`, "x: y\r\n"],
  ])("ends amid %s, however that trickles", { timeout: 5000 }, async (_what, start, piece) => {
    const clock = stoppedClock();
    const url = await serveRaw((socket) => {
      socket.once("data", () => {
        socket.write(start);
        const more = (): void => {
          clock.goOn(10);
          // Slowly enough for trailers to stay within the limit of a head until the time is looked at.
          if (!socket.destroyed) socket.write(piece, () => setTimeout(more, 1));
        };
        more();
      });
    });
    const source = sourceAt(url, { timeouts: { headersMs: 600_000, objectMs: 1000 } });
    await expect(source.read("tile/0/000", ANY)).rejects.toMatchObject(TOO_SLOW);
  });

  it("does not run while the request waits for a connection", async () => {
    const clock = stoppedClock();
    const url = await serve((_request, response) => {
      clock.goOn(700);
      response.end("slow");
    });
    const source = sourceAt(url, { connections: 1, timeouts: { objectMs: 1000 } });
    const reads = ["a", "b", "c"].map((path) => textOf(source.read(path, ANY)));
    expect(await Promise.all(reads)).toEqual(["slow", "slow", "slow"]);
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
      return textOf(source.read(path, { ...ANY, reservation: { atLeast } }));
    });
    await Promise.all(asked.map(({ promise }) => promise));
    clock.goOn(3_600_000);
    granted.resolve();
    rest.resolve();
    expect(await Promise.all(reads)).toEqual(["first, rest", "first, rest"]);
  });
});
