/** --contact, --ca, --cert, --key and --header: what they do, and what is said where they make no sense. */

import { writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import type { BackendOption } from "../../../../lib/migrate/ports/backend.ts";
import type { LogFormat } from "../../../../lib/tlog/layout.ts";
import backend, { contactAddress, httpOptions } from "../../../../storage/http/backend.ts";
import { ANY } from "../../../support/http/reads.ts";
import { listening, serve, sourceAt } from "../../../support/http/servers.ts";
import { LOCALHOST, OTHER_HOST } from "../../../support/http/test-certificates.ts";
import { memoryDirectory } from "../../../support/places/directory.ts";

const SOURCE = new URL("https://log.example/");

/** The value that an option makes of what was given for it. */
function parsed(name: string, ...given: readonly string[]): unknown {
  const option: BackendOption | undefined = backend.sourceOptions.find(({ flags }) =>
    flags.startsWith(`${name} `),
  );
  let value: unknown;
  for (const text of given) value = option?.parse?.(text, value);
  return value;
}

function fileOf(text: string): string {
  const path = join(memoryDirectory(), "file.pem");
  writeFileSync(path, text);
  return path;
}

describe("--header", () => {
  it("is sent to the source's own origin, and not where it redirects to", async () => {
    const seen: Record<string, string | string[] | undefined>[] = [];
    const other = await serve(({ headers }, response) => {
      seen.push({ at: "other", token: headers["x-token"] });
      response.end("there");
    });
    const own = await serve(({ headers, url }, response) => {
      seen.push({ at: url, token: headers["x-token"], id: headers["x-id"] });
      if (url === "/away") response.writeHead(302, { location: other.href }).end();
      else if (url === "/near") response.writeHead(302, { location: "/here" }).end();
      else response.end("here");
    });
    const header = parsed("--header", "X-Token: secret", "x-id:  7 ");
    const source = sourceAt(own, httpOptions({ header }, own));
    for (const path of ["near", "away"]) await source.read(path, ANY);
    const shown = { token: "secret", id: "7" };
    expect(seen).toEqual([
      { at: "/near", ...shown },
      { at: "/here", ...shown },
      { at: "/away", ...shown },
      { at: "other", token: undefined },
    ]);
    expect(JSON.stringify([source.location, source.locate("tile/0/000")])).not.toContain("secret");
  });

  const WRONG = ["secret", ": secret", "a name: secret", "name\n: secret", "name: secret\r\nhost: x"];
  it.each(WRONG)("is refused without being shown where it is %j", (text) => {
    const refused = () => httpOptions({ header: parsed("--header", text) }, SOURCE);
    expect(refused).toThrow(UsageError);
    expect(refused).toThrow("--header: is not of the form 'Name: value'");
    expect(refused).not.toThrow("secret");
  });

  it.each([
    "Host",
    "content-length",
    "Transfer-Encoding",
    "Accept-Encoding",
    "User-Agent",
    "Proxy-Authorization",
  ])("cannot be %s, which the request itself decides", (name) => {
    expect(() => httpOptions({ header: [`${name}: x`] }, SOURCE)).toThrow(
      `--header ${name}: is a header that cannot`,
    );
  });
});

describe("--ca, --cert and --key", () => {
  it("make a source trusted by an authority of one's own, and the client known to that source alone", async () => {
    const seen: [string, boolean][] = [];
    const tlsServer = (name: string, respond: (url: string | undefined) => string | undefined) => {
      const options = { ...LOCALHOST, requestCert: true, rejectUnauthorized: false };
      const server = createServer(options, ({ socket, url }, response) => {
        seen.push([name, Object.keys((socket as TLSSocket).getPeerCertificate()).length > 0]);
        const location = respond(url);
        if (location !== undefined) response.writeHead(302, { location });
        response.end("here");
      });
      return listening(server, "https");
    };
    const other = await tlsServer("other", () => undefined);
    const own = await tlsServer("own", () => other.href);
    const files = { ca: LOCALHOST.cert, cert: OTHER_HOST.cert, key: OTHER_HOST.key };
    const values = Object.fromEntries(
      Object.entries(files).map(([name, pem]) => [name, parsed(`--${name}`, fileOf(pem))]),
    );
    const access = { userAgentVersion: "1", ...values };
    const source = await backend.openObjects(own, { access, connections: 1 });
    expect(String(await source.read("checkpoint", ANY))).toBe("here");
    await source.close();
    expect(seen).toEqual([
      ["own", true],
      ["other", false],
    ]);
  });

  it.each<[what: string, values: Record<string, string>, message: RegExp]>([
    ["a certificate without its key", { cert: LOCALHOST.cert }, /^--cert: .*Pass --cert and --key$/],
    ["a key without its certificate", { key: LOCALHOST.key }, /^--key: .*Pass --cert and --key$/],
    [
      "a key of another certificate",
      { cert: LOCALHOST.cert, key: OTHER_HOST.key },
      /cannot be used: .*mismatch/,
    ],
    ["no PEM", { ca: "secret" }, /cannot be used: it contains no certificate/],
    ["a key for an authority", { ca: LOCALHOST.key }, /cannot be used: it contains no certificate/],
  ])("are refused with a clear word where they are %s", (_, values, message) => {
    expect(() => httpOptions(values, SOURCE)).toThrow(UsageError);
    expect(() => httpOptions(values, SOURCE)).toThrow(message);
    expect(() => httpOptions(values, SOURCE)).not.toThrow(/secret|PRIVATE KEY/);
  });

  it("are refused where there is no such file", () => {
    expect(() => parsed("--ca", "/no/such/file")).toThrow(
      /^\/no\/such\/file: cannot be read: no such file or directory$/,
    );
  });
});

const PUBLIC = "https://mon.ct.test/2026h1/";

/** Asks for what is needed to read a log at an address. */
function check(source: string, contact?: string, format: LogFormat = "static-ct") {
  return () => backend.checkSource(new URL(source), { contact }, format);
}

describe("a contact is asked for", () => {
  it.each([
    PUBLIC,
    "http://mon.ct.test",
    "HTTPS://MON.CT.TEST/",
    "https://192.0.2.1/",
    "https://[2001:db8::1]/",
    "https://localhost.ct.test/",
    "https://notlocalhost/",
    "https://127.0.0.1.ct.test/",
    "https://128.0.0.1/",
    "https://me:localhost@ct.test/",
  ])("before a Static CT log is read at %s", (source) => {
    expect(check(source)).toThrow(UsageError);
    expect(check(source)).toThrow(
      /^--contact: is missing, and public Static CT logs slow down or block .*\. Pass --contact with your e-mail/,
    );
    expect(check(source, "ops@your.site")).not.toThrow();
  });

  it.each([
    "http://localhost:8080/",
    "http://LOCALHOST./",
    "https://ct.localhost/",
    "http://127.0.0.1:8080/ct",
    "http://127.255.255.254/",
    "http://127.1/",
    "http://[::1]:8080/",
    "http://[0:0:0:0:0:0:0:1]/",
  ])("not where nobody is asked: %s", (source) => {
    expect(check(source)).not.toThrow();
  });

  it("not for tlog-tiles", () => {
    expect(check(PUBLIC, undefined, "tiles")).not.toThrow();
  });
});

describe("a contact", () => {
  it.each([
    "ops@your.site",
    "first.last+ct@mail.your-site.co.uk",
    "ops@myexample.com",
    "ops@example.com.your.site",
    "https://your.site/",
    "https://your.site/people?example.com",
    "https://me@your.site/",
    "me@10.your.site",
  ])("may be %s", (contact) => {
    expect(contactAddress(contact)).toBe(contact);
  });

  it.each([
    ["me@example.com", /example/],
    ["me@Mail.EXAMPLE.org.", /example/],
    ["https://example.net/contact", /example/],
    ["https://www.example.com:8443/", /example/],
    ["https://me@example.com/", /example/],
    ["me@pc.localhost", /example/],
    ["http://your.site/~me", /https URL/],
    ["me@localhost", /e-mail/],
    ["me@pc", /e-mail/],
    ["me@10.1.2.3", /e-mail/],
    ["https://localhost/", /e-mail/],
    ["https://10.1.2.3/", /e-mail/],
    ["https://0x0a010203/", /e-mail/],
    ["https://[::1]/", /e-mail/],
    ["somebody", /e-mail/],
    ["your.site", /e-mail/],
    ["@your.site", /e-mail/],
    ["me@", /e-mail/],
    ["me you@your.site", /e-mail/],
    ["ftp://your.site/", /e-mail/],
    ["https://", /e-mail/],
    ["https:your.site", /e-mail/],
    ["https://me:hunter2@your.site/", /has a password/],
    ["", /e-mail/],
  ])("is not %s", (contact, problem) => {
    expect(() => contactAddress(contact)).toThrow(UsageError);
    expect(() => contactAddress(contact)).toThrow(problem);
  });
});
