import { createServer } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { HttpSource } from "../../../storage/http.ts";
import { SourceError } from "../../../storage/source.ts";

it("gives up on a server that trickles one byte at a time for ever", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-length": "1000000" });
    const trickle = setInterval(() => response.write("x"), 10);
    response.on("close", () => clearInterval(trickle));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const source = new HttpSource(new URL(`http://127.0.0.1:${port}/`), {
    connections: 1,
    userAgentVersion: "test",
    timeouts: { objectMs: 200 },
  });
  onTestFinished(() => source.close());
  const failure = await source.read("tile/0/000", { maxBytes: 1_000_000 }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(SourceError);
  expect(failure).toMatchObject({ retryable: true, message: expect.stringContaining("for one object") });
});
