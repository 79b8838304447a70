/** Layout of plain text: aligned fields, wrapped lists. */

import { styleText } from "node:util";
import { oneLine } from "../../lib/index.ts";

const INDENT = "  ";
const [MIN_WIDTH, MAX_WIDTH] = [40, 100];

/** Columns that results are wrapped to. */
export function outputWidth(): number {
  const { isTTY, columns } = process.stdout;
  return Math.max(MIN_WIDTH, Math.min((isTTY && columns) || MAX_WIDTH, MAX_WIDTH));
}

/** A label and its value; without one the line is left out. */
export type Field = readonly [label: string, value: string | false | undefined];

/** Labels in one column, values in the next. Values are not wrapped, so that they can be copied. */
export function alignFields(fields: readonly Field[]): string {
  const present = fields.flatMap(([label, value]) =>
    typeof value === "string" ? [[label, oneLine(value)] as const] : [],
  );
  const width = Math.max(...present.map(([label]) => label.length));
  return present.map(([label, value]) => `${INDENT}${label.padEnd(width)}  ${value}\n`).join("");
}

/** A heading and sentences below it, numbered or not; nothing where there are none. */
export function listSection(
  heading: string,
  sentences: readonly string[],
  options: { width: number; numbered?: boolean },
): string {
  if (sentences.length === 0) return "";
  const items = sentences.map((sentence, index) => {
    const mark = options.numbered ? `${index + 1}. ` : "- ";
    return wrap(sentence, options.width, INDENT + mark);
  });
  return `\n${heading}\n${items.join("")}`;
}

/**
 * Breaks a text at its spaces; lines after the first are indented like the text of the first. A text after
 * a newline is on a line of its own, unbroken: a command to be copied.
 */
export function wrap(text: string, width: number, lead: string): string {
  const [prose = "", ...verbatim] = text.split("\n");
  const lines: string[] = [];
  for (const word of prose.split(" ")) {
    const joined = `${lines.at(-1)} ${word}`;
    if (lines.length === 0 || lead.length + joined.length > width) lines.push(word);
    else lines[lines.length - 1] = joined;
  }
  const indent = " ".repeat(lead.length);
  return [...lines, ...verbatim].map((part, index) => `${index === 0 ? lead : indent}${part}\n`).join("");
}

/** Styles a text where standard output is a terminal that shows it. */
const styled = (format: Parameters<typeof styleText>[0]) => (text: string) =>
  styleText(format, text, { stream: process.stdout });

export const emphasis: (text: string) => string = styled("bold");
export const good: (text: string) => string = styled(["bold", "green"]);
export const bad: (text: string) => string = styled(["bold", "red"]);
