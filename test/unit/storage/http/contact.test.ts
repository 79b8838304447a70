import { describe, expect, test } from "vitest";
import { UsageError } from "../../../../lib/errors.ts";
import type { LogFormat } from "../../../../lib/tlog/layout.ts";
import backend, { contactAddress } from "../../../../storage/http/backend.ts";

const PUBLIC = "https://mon.ct.test/2026h1/";

/** Asks for what is needed to read a log at an address. */
function check(source: string, contact?: string, format: LogFormat = "static-ct") {
  return () => backend.checkSource(new URL(source), { contact }, format);
}

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
    expect(check(source)).toThrow(UsageError);
    expect(check(source)).toThrow(
      /^--contact: is missing, and public Static CT logs slow down or block .*\. Pass --contact with your e-mail/,
    );
    expect(check(source, "ops@your.site")).not.toThrow();
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
  ])("not where nobody is asked: %s", (source) => {
    expect(check(source)).not.toThrow();
  });

  test("not for tlog-tiles", () => {
    expect(check(PUBLIC, undefined, "tiles")).not.toThrow();
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
  ])("may be %s", (contact) => {
    expect(contactAddress(contact)).toBe(contact);
  });

  test.each([
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
    ["", /e-mail/],
  ])("is not %s", (contact, problem) => {
    expect(() => contactAddress(contact)).toThrow(UsageError);
    expect(() => contactAddress(contact)).toThrow(problem);
  });
});
