/** What a source and its server say to each other before they speak HTTP. */

import type { TLSSocket, TlsOptions } from "node:tls";
import { describe, expect, it } from "vitest";
import { ANY } from "../../../support/http/reads.ts";
import {
  head,
  type ScriptedConnection,
  type ScriptedServer,
  scriptedServer,
} from "../../../support/http/scripted-server.ts";
import { OTHER_HOST } from "../../../support/http/test-certificates.ts";

/** A server that ends the connection behind each answer, and what it knew of each when it was asked. */
async function serverOfOne(
  options: TlsOptions = {},
): Promise<{ server: ScriptedServer; seen: [version: string | null, reused: boolean][] }> {
  const seen: [string | null, boolean][] = [];
  const script = (connection: ScriptedConnection): void => {
    const socket = connection.socket as TLSSocket;
    seen.push([socket.getProtocol(), socket.isSessionReused()]);
    connection.send(head("content-length: 2\r\nconnection: close\r\n"), "ok");
  };
  return { server: await scriptedServer("TLS", script, options), seen };
}

function socketsOf(server: ScriptedServer): TLSSocket[] {
  return server.connections.map(({ socket }) => socket as TLSSocket);
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("over %s", (version) => {
  it("later connections go on with the session of an earlier one, as long as the server knows it", async () => {
    const { server, seen } = await serverOfOne({ minVersion: version, maxVersion: version });
    const source = server.source({ connections: 2 });
    await source.read("first", ANY);
    await Promise.all([source.read("second", ANY), source.read("third", ANY)]);
    server.forgetSessions();
    await source.read("fourth", ANY);
    await source.read("fifth", ANY);
    expect(seen).toEqual([false, true, true, false, true].map((reused) => [version, reused]));
  });
});

describe("a source tells its server", () => {
  it("the name by which it looks for it, and no address", async () => {
    const { server } = await serverOfOne();
    await server.source().read("by-address", ANY);
    server.url.hostname = "localhost";
    await server.source().read("by-name", ANY);
    expect(socketsOf(server).map(({ servername }) => servername)).toEqual([false, "localhost"]);
  });

  it("that it speaks HTTP/1.1, also where the server would rather have another protocol", async () => {
    const { server } = await serverOfOne({ ALPNProtocols: ["h2", "http/1.1"] });
    await server.source().read("checkpoint", ANY);
    expect(socketsOf(server).map(({ alpnProtocol }) => alpnProtocol)).toEqual(["http/1.1"]);
  });

  it("nothing, where that speaks only another protocol", async () => {
    const { server } = await serverOfOne({ ALPNProtocols: ["h2"] });
    await expect(server.source().read("checkpoint", ANY)).rejects.toMatchObject({
      message: expect.stringContaining("no TLS connection to"),
      retryable: false,
    });
    expect(server.requests).toEqual([]);
  });

  it.each([
    ["an authority that is not known", "", /--ca <file> .* NODE_EXTRA_CA_CERTS/],
    ["another host", OTHER_HOST.cert, /^Check the address, and this machine's clock$/],
  ])(
    "nothing, where its certificate is of %s, and the remedy is that of this fault",
    async (_what, ca, advice) => {
      const { server } = await serverOfOne(OTHER_HOST);
      const read = server.source({ tls: ca === "" ? {} : { ca } }).read("x", ANY);
      await expect(read).rejects.toMatchObject({ advice: expect.stringMatching(advice) });
    },
  );

  it("nothing, where it is another", async () => {
    const { server } = await serverOfOne(OTHER_HOST);
    await expect(server.source({ tls: { ca: OTHER_HOST.cert } }).read("x", ANY)).rejects.toMatchObject({
      message: expect.stringContaining("the certificate is for another host name"),
    });
    expect(server.requests).toEqual([]);
  });
});
