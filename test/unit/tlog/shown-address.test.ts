/** What is secret in an address is never shown, however the address is written. */

import { describe, expect, it } from "vitest";
import { OperationError } from "../../../lib/errors.ts";
import { shownAddress, withShownAddresses } from "../../../lib/tlog/shown-address.ts";
import { ADDRESSES_WITH_SECRETS, SECRET } from "../../support/secrets.ts";

const PLAIN = [
  "https://log.example/2026h1/",
  "http://127.0.0.1:8080/",
  "gs://bucket/a@b/c",
  "file:///srv/a@b/log",
  "gzip+file:///srv/log",
  "/srv/a@b?c#d",
  "./user:log",
  "C:\\log@x",
];

describe("an address as it is shown", () => {
  it.each(ADDRESSES_WITH_SECRETS)("has no secret: %s", (address) => {
    expect(shownAddress(address)).not.toMatch(SECRET);
    expect(withShownAddresses(`before ${address} behind`)).toMatch(/^before /);
  });

  it.each(PLAIN.filter((address) => !address.startsWith("gs:")))(
    "is the same if it has none: %s",
    (address) => {
      expect(shownAddress(address)).toBe(address);
    },
  );

  it("says where it leads, wherever that is certain", () => {
    expect(shownAddress("https://user:pw@log.example/2026h1/?token=x#y")).toBe("https://log.example/2026h1/");
    expect(shownAddress("file:///srv/a@b/log?x")).toBe("file:///srv/a@b/log");
    expect(shownAddress("https://log.example/?mail=a@b")).toBe("https://…");
  });
});

it.each(PLAIN)("a message keeps %s", (address) => {
  const message = `${address}: is missing. See ${address} (or ${address})`;
  expect(withShownAddresses(message)).toBe(message);
});

it("an error has no secret of an address in any of its facts", () => {
  const text = "see https://hunter2:hunter2@log.example/x?hunter2=1, then go on";
  const facts = { object: text, problem: text, expected: text, found: text, advice: text };
  const error = new OperationError(facts);
  for (const part of [error.message, ...Object.values(error.facts)]) {
    expect(part).toMatch(/^see https:\/\/log\.example\/x then go on/);
    expect(part).not.toMatch(SECRET);
  }
});
