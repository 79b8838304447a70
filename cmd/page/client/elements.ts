/** The elements of index.html that the page fills, by their ids. */

export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no element ${id}`);
  return found;
}

/** Writes a text, unless it is there already: a screen reader would say it again. */
export function setText(id: string, text: string): void {
  const found = element(id);
  if (found.textContent !== text) found.textContent = text;
}

/** An element with a text or children. */
export function create(
  name: string,
  content: string | readonly Node[],
  attributes: Readonly<Record<string, string>> = {},
): HTMLElement {
  const created = document.createElement(name);
  if (typeof content === "string") created.textContent = content;
  else created.append(...content);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  return created;
}
