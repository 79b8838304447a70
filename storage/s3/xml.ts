/**
 * Reads the XML that S3 answers with: elements and text. What S3 does not use (comments, CDATA, a document type, entities
 * of its own) is refused rather than understood, so that nothing that comes can grow.
 */

import { FormatError } from "../../lib/tlog/errors.ts";

export interface XmlElement {
  readonly name: string;
  /** Of an element without children; all of it, with the blanks around it. */
  text: string;
  readonly children: XmlElement[];
}

/** A page of a listing has a thousand objects, each with a dozen elements. An element takes many times its bytes in memory. */
const MAX_ELEMENTS = 50_000;

const DECLARATION = /^(?:\uFEFF)?\s*<\?xml\s[^<>]*\?>/;
/** A tag, or the text up to the next. */
const TOKEN = /<(\/?)([A-Za-z_][\w.-]*)(?:\s[^<>]*?)?(\/?)>|([^<]+)/y;

/** The root element. @throws FormatError unless it is a whole document of elements and text. */
export function parseXml(document: string): XmlElement {
  const root: XmlElement = { name: "", text: "", children: [] };
  const open = [root];
  let elements = 0;
  let at = DECLARATION.exec(document)?.[0].length ?? 0;
  while (at < document.length) {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(document);
    const parent = open.at(-1);
    if (token === null || parent === undefined) throw new FormatError("is not XML as S3 writes it");
    at = TOKEN.lastIndex;
    const [, closes, name = "", isEmpty, text] = token;
    if (text !== undefined) parent.text += unescaped(text);
    else if (closes === "/") {
      if (open.length === 1 || parent.name !== name) throw new FormatError("has a tag that closes nothing");
      open.pop();
    } else {
      if (++elements > MAX_ELEMENTS) throw new FormatError("has too many elements");
      const element: XmlElement = { name, text: "", children: [] };
      parent.children.push(element);
      if (isEmpty !== "/") open.push(element);
    }
  }
  const [element, another] = root.children;
  if (open.length > 1) throw new FormatError("breaks off");
  if (element === undefined || another !== undefined || root.text.trim() !== "") {
    throw new FormatError("is not one element");
  }
  return element;
}

/** The text of the first child of this name. */
export function textIn({ children }: XmlElement, name: string): string | undefined {
  return children.find((child) => child.name === name)?.text;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescaped(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(\w+));|&/g, (_, decimal, hex, name) => {
    const entity = name === undefined ? undefined : ENTITIES[name];
    if (entity !== undefined) return entity;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    if (code <= 0x10ffff) return String.fromCodePoint(code);
    throw new FormatError("has an entity that S3 does not use");
  });
}
