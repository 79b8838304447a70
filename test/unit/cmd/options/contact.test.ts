import { describe, expect, test } from "vitest";
import { contactFault, contactWarning, requireContact } from "../../../../cmd/options/contact.ts";
import { UsageError } from "../../../../lib/index.ts";

const PUBLIC = "https://mon.ct.test/2026h1/";

describe("a contact is asked for", () => {
  test.each([
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
    expect(() => requireContact({ format: "static-ct" }, source)).toThrow(UsageError);
    expect(() => requireContact({ format: "static-ct" }, source)).toThrow(
      /^--contact: is missing, and public Static CT logs slow down or block .*\. Pass --contact with your e-mail/,
    );
    expect(() => requireContact({ format: "static-ct", contact: "ops@your.site" }, source)).not.toThrow();
  });

  test.each([
    "http://localhost:8080/",
    "http://LOCALHOST./",
    "https://ct.localhost/",
    "http://127.0.0.1:8080/ct",
    "http://127.255.255.254/",
    "http://127.1/",
    "http://[::1]:8080/",
    "http://[0:0:0:0:0:0:0:1]/",
    "gs://bucket/ct",
    "file:///srv/ct",
    "/srv/ct",
    "srv/http://ct",
    "https://[",
  ])("not where nobody is asked: %s", (source) => {
    expect(() => requireContact({ format: "static-ct" }, source)).not.toThrow();
  });

  test("not for tlog-tiles", () => {
    expect(() => requireContact({ format: "tiles" }, PUBLIC)).not.toThrow();
  });

  test("of a contact that looks right and counts as none, a sentence is said where none is asked for", () => {
    expect(contactWarning("http://your.site/")).toMatch(
      /^--contact http:\/\/your\.site\/ is an http URL, not an https one: public logs count that as no contact$/,
    );
    expect(contactWarning("https://192.168.0.1/")).toMatch(/private network/);
    for (const contact of ["https://your.site/", "ops@your.site", "somebody"]) {
      expect(contactWarning(contact)).toBeUndefined();
    }
  });

  test("and one that counts as none is told with its fault", () => {
    const options = { format: "static-ct", contact: "me@example.com" } as const;
    expect(() => requireContact(options, PUBLIC)).toThrow(UsageError);
    expect(() => requireContact(options, PUBLIC)).toThrow(
      /^--contact me@example\.com: is an example address, and .*Pass --contact/,
    );
  });
});

describe("a contact", () => {
  test.each([
    "ops@your.site",
    "first.last+ct@mail.your-site.co.uk",
    "ops@myexample.com",
    "ops@example.com.your.site",
    "https://your.site/",
    "https://your.site/people?example.com",
    "https://me@your.site/",
    "me@10.your.site",
    "https://9.9.9.9/",
    "https://[2620:fe::fe]/",
  ])("may be %s", (contact) => {
    expect(contactFault(contact)).toBeUndefined();
  });

  const none: [contact: string, fault: RegExp][] = [
    ["me@example.com", /example/],
    ["me@Mail.EXAMPLE.org.", /example/],
    ["https://example.net/contact", /example/],
    ["https://www.example.com:8443/", /example/],
    ["https://me@example.com/", /example/],
    ["me@localhost", /own machine/],
    ["me@pc.localhost", /own machine/],
    ["http://localhost/", /own machine/],
    ["http://127.0.0.1:8080/", /own machine/],
    ["https://[::1]/", /own machine/],
    ["https://[::ffff:127.0.0.1]/", /own machine/],
    ["http://your.site/~me", /an http URL, not an https one/],
    ["HTTP://your.site/", /an http URL, not an https one/],
    ["https://10.1.2.3/", /private/],
    ["https://0x0a010203/", /private/],
    ["https://172.31.0.1:8443/", /private/],
    ["http://192.168.178.1/", /private/],
    ["https://169.254.0.1/", /private/],
    ["https://0.0.0.0/", /private/],
    ["https://[fd00::1]/", /private/],
    ["https://[fe80::1]/", /private/],
    ["https://[::ffff:10.1.2.3]/", /private/],
    ["me@10.1.2.3", /private/],
    ["somebody", /neither/],
    ["your.site", /neither/],
    ["me@pc", /neither/],
    ["@your.site", /neither/],
    ["me@", /neither/],
    ["me you@your.site", /neither/],
    ["ftp://your.site/", /neither/],
    ["https://", /neither/],
    ["https:your.site", /neither/],
    ["", /neither/],
  ];
  test.each(none)("is not %s", (contact, fault) => {
    expect(contactFault(contact)).toMatch(fault);
  });
});
