import type { IncomingHttpHeaders } from "node:http";
import { describe, expect, it } from "vitest";
import { SourceError } from "../../../../lib/migrate/ports/source.ts";
import { redirectTarget } from "../../../../storage/http/redirects.ts";
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

/** A base address that redirects as told, a place for its objects, and what both were asked for. */
async function redirecting(locationOf: (path: string, there: URL) => string | undefined) {
  const asked = { base: [] as string[], there: [] as string[] };
  const missing = new Set<string>();
  const headers: IncomingHttpHeaders[] = [];
  const there = await serve((request, response) => {
    asked.there.push(request.url ?? "");
    headers.push(request.headers);
    if (missing.has(request.url ?? "")) response.writeHead(404).end();
    else response.end(request.url);
  });
  const base = await serve((request, response) => {
    asked.base.push(request.url ?? "");
    const location = locationOf(request.url ?? "", there);
    if (location === undefined) response.end("here");
    else response.writeHead(302, { location }).end();
  });
  return { base: new URL("x/", base), asked, missing, headers };
}

const TILES = ["tile/0/000", "tile/0/001", "tile/0/002"];

describe("a base address that redirects each object to the same place elsewhere", () => {
  const below = (path: string, there: URL) => `${there}y${path.slice(2)}`;

  it("is asked for one of them, and then no more", async () => {
    const { base, asked } = await redirecting(below);
    const source = sourceAt(base);
    for (const path of TILES) expect(await textOf(source.read(path, ANY))).toBe(`/y/${path}`);
    expect(asked.base).toEqual(["/x/tile/0/000"]);
    expect(asked.there).toEqual(TILES.map((path) => `/y/${path}`));
  });

  it("may be the same host, and several steps away", async () => {
    let asked = 0;
    const url = await serve((request, response) => {
      asked++;
      const [, step, path] = /^\/(\d)(.*)$/.exec(request.url ?? "") ?? [];
      if (step === "3") response.end(`${request.headers.authorization} ${path}`);
      else response.writeHead(301, { location: `/${Number(step) + 1}${path}` }).end();
    });
    url.username = "ops";
    const source = sourceAt(new URL("0", url));
    for (const path of TILES) expect(await textOf(source.read(path, ANY))).toBe(`Basic b3BzOg== /${path}`);
    expect(asked).toBe(4 + 1 + 1);
  });

  it("does not give away what was given for it", async () => {
    const { base, headers } = await redirecting(below);
    base.password = "secret";
    base.search = "?token=secret";
    const source = sourceAt(base, { headers: [["x-token", "secret"]] });
    for (const path of TILES) await source.read(path, ANY);
    expect(headers).toHaveLength(3);
    expect(JSON.stringify(headers)).not.toMatch(/secret|authorization|x-token/);
  });

  it("is asked again for what is to be read past caches", async () => {
    const { base, asked } = await redirecting(below);
    const source = sourceAt(base);
    for (let times = 0; times < 2; times++) await source.read("checkpoint", { ...ANY, fresh: true });
    expect(asked.base).toEqual(["/x/checkpoint", "/x/checkpoint"]);
  });

  it("is asked whether an object is missing, and is believed as before if it redirects again", async () => {
    const { base, asked, missing } = await redirecting(below);
    const source = sourceAt(base);
    missing.add("/y/tile/0/001");
    const found = [];
    for (const path of TILES) found.push(await source.read(path, ANY));
    expect(found.map((bytes) => bytes !== undefined)).toEqual([true, false, true]);
    expect(asked.base).toEqual(["/x/tile/0/000", "/x/tile/0/001"]);
  });

  it("may redirect elsewhere later: it is asked where once the first place fails", async () => {
    let isBroken = false;
    const first = await serve((request, response) => {
      if (isBroken) response.writeHead(request.url?.includes("002") ? 503 : 403).end();
      else response.end("first");
    });
    const second = await serve((_request, response) => response.end("second"));
    const base = await serve((request, response) => {
      const there = isBroken ? second : first;
      response.writeHead(302, { location: `${there.origin}${request.url}` }).end();
    });
    for (const [path, failure] of [
      ["tile/0/001", undefined],
      ["tile/0/002", "answered 503"],
    ] as const) {
      isBroken = false;
      const source = sourceAt(base);
      expect(await textOf(source.read("tile/0/000", ANY))).toBe("first");
      isBroken = true;
      // What may pass is for the caller to try again.
      if (failure !== undefined) await expect(source.read(path, ANY)).rejects.toThrow(failure);
      expect(await textOf(source.read(path, ANY))).toBe("second");
    }
  });
});

it("a base address that has a place for each object is asked for each in the end", async () => {
  const places = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      serve((request, response) => {
        if (request.url === `/${index}`) response.end(request.url);
        else response.writeHead(404).end();
      }),
    ),
  );
  let asked = 0;
  const base = await serve((request, response) => {
    asked++;
    const [, index = ""] = /(\d+)$/.exec(request.url ?? "") ?? [];
    response.writeHead(302, { location: `${places[Number(index)]}${index}` }).end();
  });
  let requests = 0;
  const observer = { started: () => void requests++, ended: () => {} };
  const source = sourceAt(base, { observer });
  for (const index of places.keys()) expect(await textOf(source.read(`${index}`, ANY))).toBe(`/${index}`);
  expect(asked).toBe(12);
  // The first places are asked for the next object before it is known that there is one for each.
  expect(requests).toBe(2 * 12 + 4);
});

it.each<[how: string, locationOf: (path: string, there: URL) => string | undefined]>([
  [
    "with a signature that is each object's own",
    (path, there) => `${there}y${path.slice(2)}?X-Amz-Signature=${path.length}`,
  ],
  ["to places of other names", (path, there) => `${there}blob/${path.length}`],
  ["to one page", (_path, there) => `${there}missing.html`],
])("redirects %s are followed each for itself", async (_how, locationOf) => {
  const { base, asked } = await redirecting(locationOf);
  const source = sourceAt(base);
  for (const path of TILES) await source.read(path, ANY);
  expect(asked.base).toHaveLength(3);
  expect(asked.there).toHaveLength(3);
});

it("a base address that redirects some objects is asked for the others", async () => {
  const { base, asked } = await redirecting((path, there) =>
    path.endsWith(".p/5") ? `${there}y${path.slice(2)}` : undefined,
  );
  const source = sourceAt(base);
  await source.read("tile/0/003.p/5", ANY);
  for (const path of TILES) await source.read(path, { ...ANY, fresh: true });
  for (const path of TILES) expect(await textOf(source.read(path, ANY))).toBe("here");
  expect(asked.there).toEqual(["/y/tile/0/003.p/5"]);
});

describe("redirectTarget", () => {
  const from = new URL("https://log.example/2026/checkpoint");

  it.each([
    [undefined, "without saying where"],
    ["http://[", "not an address"],
    ["ftp://log.example/checkpoint", "ftp://log.example/checkpoint, which is not HTTP"],
    ["file:///etc/passwd", "not HTTP"],
    ["http://log.example/checkpoint", "from https to plain http"],
  ])("refuses to go to %s", (location, words) => {
    const follow = () => redirectTarget(from, { location });
    expect(follow).toThrow(SourceError);
    expect(follow).toThrow(words);
  });

  it.each([
    ["bucket.s3.amazonaws.com", "eu-west-1", "region eu-west-1", ", at bucket.s3.eu-west-1.amazonaws.com"],
    ["s3.us-east-2.amazonaws.com", "eu-west-1", "region eu-west-1", ", at s3.eu-west-1.amazonaws.com"],
    [
      "my.bucket.s3-us-west-2.amazonaws.com",
      "sa-east-1",
      "region sa-east-1",
      "at my.bucket.s3.sa-east-1.amazonaws.com",
    ],
    ["minio.example", "garage", "region garage", "Give the bucket's address in that region"],
    ["s3.amazonaws.com", "eu-west-1/<script>", "without saying where", "Pass the log's actual address"],
  ])("names the region that %s says instead of an address: %s", (host, region, words, advice) => {
    const headers = { "x-amz-bucket-region": region };
    const follow = () => redirectTarget(new URL(`https://${host}/checkpoint`), headers);
    expect(follow).toThrow(
      expect.objectContaining({
        retryable: false,
        message: expect.stringContaining(words),
        advice: expect.stringContaining(advice),
      }),
    );
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
