import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { namesMatch } from "../../../../lib/tlog/x509/issuer.ts";
import { commonName, der, oid, SEQUENCE } from "../../../logs/x509.ts";
import { mutated } from "../../../support/logs/bundles.ts";

const UTF8 = 0x0c;
const PRINTABLE = 0x13;
const TELETEX = 0x14;
const BMP = 0x1e;

const text = (tag: number, value: string, encoding: BufferEncoding = "utf8"): Buffer =>
  der(tag, Buffer.from(value, encoding));
const attribute = (identifier: string, value: Buffer): Buffer => der(SEQUENCE, oid(identifier), value);
const name = (...sets: readonly (readonly Buffer[])[]): Buffer =>
  der(SEQUENCE, ...sets.map((attributes) => der(0x31, ...attributes)));
const organization = (value: Buffer): Buffer => name([attribute("55040a", value)]);

const PLAIN = organization(text(PRINTABLE, "Example Trust"));
const COUNTRY = attribute("550406", text(PRINTABLE, "IE"));
const UNIT = attribute("55040b", text(UTF8, "Unit"));

describe("namesMatch", () => {
  it.each([
    ["the same bytes", PLAIN, Buffer.from(PLAIN)],
    ["another kind of string", PLAIN, organization(text(UTF8, "Example Trust"))],
    [
      "a string of two bytes a character",
      organization(text(BMP, "\0Z\0\u00fc\0r", "latin1")),
      organization(text(UTF8, "Zür")),
    ],
    ["a Teletex string", organization(text(TELETEX, "Z\u00fcr", "latin1")), organization(text(UTF8, "Zür"))],
    ["other capitals and spaces", PLAIN, organization(text(PRINTABLE, " EXAMPLE   trust "))],
    ["another order within a set", name([COUNTRY, UNIT]), name([UNIT, COUNTRY])],
    ["no parts", name(), name()],
  ])("sees through %s", (_, a, b) => {
    expect(namesMatch(a, b)).toBe(true);
    expect(namesMatch(b, a)).toBe(true);
  });

  it.each([
    ["another text", organization(text(PRINTABLE, "Example Rust"))],
    ["no space", organization(text(PRINTABLE, "ExampleTrust"))],
    ["another attribute", name([attribute("55040b", text(PRINTABLE, "Example Trust"))])],
    ["one part more", name([attribute("55040a", text(PRINTABLE, "Example Trust"))], [COUNTRY])],
    ["bits for a string", organization(der(0x03, Buffer.from("Example Trust")))],
    ["no parts", name()],
    ["no name", text(PRINTABLE, "Example Trust")],
    ["nothing", Buffer.alloc(0)],
  ])("tells names apart: %s", (_, other) => {
    expect(namesMatch(PLAIN, other)).toBe(false);
    expect(namesMatch(other, PLAIN)).toBe(false);
  });

  it("does not take two sets for one", () => {
    expect(namesMatch(name([COUNTRY, UNIT]), name([COUNTRY], [UNIT]))).toBe(false);
    expect(namesMatch(name([COUNTRY], [UNIT]), name([UNIT], [COUNTRY]))).toBe(false);
  });

  it("answers for any bytes", () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (choices) => {
        const other = mutated(commonName("Example Trust"), choices);
        expect(namesMatch(other, Buffer.from(other))).toBe(true);
        expect([true, false]).toContain(namesMatch(other, commonName("example trust")));
      }),
      { numRuns: 1000 },
    );
  });
});
