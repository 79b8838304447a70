import { describe, expect, it } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { redirectTarget } from "../../../../storage/http/headers.ts";
import { ANY, textOf } from "../../../support/http/reads.ts";
import { serve, serveTls, sourceAt } from "../../../support/http/servers.ts";
import { LOCALHOST } from "../../../support/http/test-certificates.ts";

describe("an object that stands elsewhere", () => {
  it.each([301, 302, 303, 307, 308])("is followed on %i to a place seen from the old one", async (status) => {
    const url = await serve((request, response) => {
      if (request.url === "/old/checkpoint") {
        response.writeHead(status, { location: "../new/checkpoint?v=1" }).end();
      } else response.end(request.url);
    });
    expect(await textOf(sourceAt(new URL("old", url)).read("checkpoint", ANY))).toBe("/new/checkpoint?v=1");
  });

  it("is followed to another origin, which gets no credentials", async () => {
    const authorizations: (string | undefined)[] = [];
    const elsewhere = await serve((request, response) => {
      authorizations.push(request.headers.authorization);
      response.end(`${request.headers["cache-control"]} ${request.url}`);
    });
    const url = await serve((request, response) => {
      authorizations.push(request.headers.authorization);
      response.writeHead(302, { location: `${elsewhere}blob/7` }).end();
    });
    url.username = "ops";
    expect(await textOf(sourceAt(url).read("checkpoint", { ...ANY, fresh: true }))).toBe("no-cache /blob/7");
    expect(authorizations).toEqual(["Basic b3BzOg==", undefined]);
  });

  it("keeps its credentials on its own origin", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/checkpoint") response.writeHead(302, { location: "/2" }).end();
      else response.end(request.headers.authorization);
    });
    url.username = "ops";
    expect(await textOf(sourceAt(url).read("checkpoint", ANY))).toBe("Basic b3BzOg==");
  });

  it("is followed from where it was last, and from https there never to plain http", async () => {
    const url: URL = await serve((request, response) =>
      response.writeHead(302, { location: `${elsewhere}old${request.url}` }).end(),
    );
    const elsewhere = await serveTls(LOCALHOST, (request, response) => {
      const location = { "/old/checkpoint": "../new/1", "/old/plain": `${url}2` }[request.url ?? ""];
      if (location === undefined) response.end(`${request.headers.host} ${request.url}`);
      else response.writeHead(302, { location }).end();
    });
    const source = sourceAt(url, { tls: { ca: LOCALHOST.cert } });
    expect(await textOf(source.read("checkpoint", ANY))).toBe(`${elsewhere.host} /new/1`);
    await expect(source.read("plain", ANY)).rejects.toThrow(`from https to plain http, at ${url}2`);
  });

  it("is missing when it is missing there", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/checkpoint") response.writeHead(302, { location: "/2" }).end();
      else response.writeHead(404).end();
    });
    expect(await sourceAt(url).read("checkpoint", ANY)).toBeUndefined();
  });

  it.each([
    [5, true],
    [6, false],
  ])("after %i redirects is found: %s", async (redirects, found) => {
    const url = await serve((request, response) => {
      const step = Number(request.url?.slice(1));
      if (step < redirects) response.writeHead(302, { location: `/${step + 1}` }).end();
      else response.end("here");
    });
    const read = sourceAt(url).read("0", ANY);
    if (found) expect(await read).toBeDefined();
    else await expect(read).rejects.toMatchObject({ name: "SourceError", retryable: false });
  });

  it("is not sought in a circle", async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests++;
      response.writeHead(302, { location: "/checkpoint" }).end();
    });
    await expect(sourceAt(url).read("checkpoint", ANY)).rejects.toThrow("is redirected more than 5 times");
    expect(requests).toBe(6);
  });

  it("is reported once where it leads from http to https", async () => {
    const secure = await serveTls(LOCALHOST, (_request, response) => void response.end("there"));
    const url = await serve((request, response) =>
      response.writeHead(302, { location: new URL(request.url ?? "", secure).href }).end(),
    );
    const notices: string[] = [];
    const source = sourceAt(url, {
      tls: { ca: LOCALHOST.cert },
      notice: (sentence) => void notices.push(sentence),
    });
    for (const path of ["checkpoint", "tile/0/000"]) await source.read(path, ANY);
    expect(notices).toEqual([`${url} redirects to ${secure.origin}: give the https address`]);
  });

  it("names the host that failed", async () => {
    const elsewhere = await serve((_request, response) => response.writeHead(403).end());
    const url = await serve((_request, response) =>
      response.writeHead(302, { location: `${elsewhere}` }).end(),
    );
    await expect(sourceAt(url).read("checkpoint", ANY)).rejects.toThrow(`${elsewhere.host} answered 403`);
  });
});

describe("redirectTarget", () => {
  const from = new URL("https://log.example/2026/checkpoint");

  it.each([
    [undefined, "without saying where"],
    ["http://[", "no address"],
    ["ftp://log.example/checkpoint", "ftp://log.example/checkpoint, which is not HTTP"],
    ["file:///etc/passwd", "not HTTP"],
    ["http://log.example/checkpoint", "from https to plain http"],
  ])("refuses to go to %s", (location, words) => {
    const follow = () => redirectTarget(from, { location });
    expect(follow).toThrow(SourceError);
    expect(follow).toThrow(words);
  });

  it("goes from plain http to https", () => {
    expect(redirectTarget(new URL("http://a/"), { location: "https://b/c" }).href).toBe("https://b/c");
  });

  it("takes no credentials from a server, and shows no query", () => {
    expect(redirectTarget(from, { location: "https://u:p@b/c" }).href).toBe("https://b/c");
    const follow = () => redirectTarget(from, { location: "http://u:hidden@b/c?sig=hidden" });
    expect(follow).toThrow("http://b/c");
    expect(follow).not.toThrow("hidden");
  });
});
