/** XML as S3 writes it, and what else may come in its place. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../../lib/tlog/errors.ts";
import { parseXml, textIn } from "../../../../storage/s3/xml.ts";

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';

it("a document is its elements and their text", () => {
  const root = parseXml(
    `${DECLARATION}\n<List xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\n  <Key>a b</Key><Empty/><Of a='>'>\n<Size>1</Size></Of></List>\n`.replace(
      "a='>'",
      'a="b"',
    ),
  );
  expect(root.name).toBe("List");
  expect(root.children.map(({ name }) => name)).toEqual(["Key", "Empty", "Of"]);
  expect(textIn(root, "Key")).toBe("a b");
  expect(textIn(root, "Empty")).toBe("");
  expect(textIn(root, "Missing")).toBeUndefined();
  expect(textIn(root.children[2] ?? root, "Size")).toBe("1");
});

it("text is unescaped once, as every store escapes it", () => {
  const text = parseXml("<a>&lt;&amp;gt;&gt;&quot;&apos;&#34;&#39;&#xA;&#x65E5;&#128273;ü</a>").text;
  expect(text).toBe("<&gt;>\"'\"'\n日🔑ü");
});

it("any text that is escaped comes back", () => {
  const inXml = (text: string) =>
    text.replaceAll(/[<>&"']/g, (character) => `&#${character.codePointAt(0)};`);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(parseXml(`<a>${inXml(text)}</a>`).text).toBe(text);
    }),
  );
});

describe("refused is", () => {
  it.each([
    ["nothing", ""],
    ["text", "hello"],
    ["JSON", '{"a":1}'],
    ["a web page", "<!DOCTYPE html><html><body>Sign in</body></html>"],
    ["a page with a tag that is not closed", "<html><br>Sign in</html>"],
    ["a document type with entities", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
    ["an entity that is not known", "<a>&nbsp;</a>"],
    ["an entity that does not end", "<a>&amp</a>"],
    ["an entity beyond all characters", "<a>&#x110000;</a>"],
    ["an entity without a number", "<a>&#;</a>"],
    ["a comment", "<a><!-- b --></a>"],
    ["CDATA", "<a><![CDATA[b]]></a>"],
    ["an instruction", "<a><?b?></a>"],
    ["what breaks off", "<a><b>"],
    ["what breaks off in a tag", "<a><b"],
    ["tags that cross", "<a><b></a></b>"],
    ["a tag that closes nothing", "<a></a></a>"],
    ["two elements", "<a></a><b></b>"],
    ["text behind the end", "<a></a>b"],
    ["text before the beginning", "b<a></a>"],
    ["what is nested deeply", "<a>".repeat(100_000)],
  ])("%s", (_what, document) => {
    expect(() => parseXml(document)).toThrow(FormatError);
  });
});

it("has no more elements than a page has, however deep or many they are", () => {
  const page = `<List>${"<Contents><Key>k</Key><Size>1</Size></Contents>".repeat(1000)}</List>`;
  expect(parseXml(page).children).toHaveLength(1000);
  for (const document of [`<a>${"<b/>".repeat(50_000)}</a>`, "<a>".repeat(50_001) + "</a>".repeat(50_001)]) {
    expect(() => parseXml(document)).toThrow(/too many elements/);
  }
});

it("hostile bytes are refused in time that grows with their number", () => {
  const documents = ["<", "<a ", "&", "<a", "</", "<a b='", " ", "<?xml ", "<a/>"].map((part) =>
    part.repeat(300_000),
  );
  // Squared, it would take hours.
  for (const document of documents) expect(() => parseXml(document)).toThrow(FormatError);
});

it("whatever comes, there is a document or a FormatError", () => {
  const part = fc.constantFrom("<a>", "</a>", "<b/>", "&amp;", "&", "x", "<", ">", "?", "<?xml ?>", '"');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      try {
        parseXml(parts.join(""));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
  );
});
