/** The notices of the run, the newest first. */

import type { NoticeFacts } from "../document.ts";
import { create, element } from "./elements.ts";
import { time } from "./words.ts";

export class Notices {
  readonly #list = element("notices");
  #shown: readonly NoticeFacts[] = [];

  /** Adds what is new: a screen reader says what is added. */
  show(notices: readonly NoticeFacts[]): void {
    const last = this.#shown.at(-1);
    const known = last === undefined ? -1 : notices.findLastIndex((each) => isSame(each, last));
    if (known === -1) this.#list.replaceChildren();
    for (const notice of notices.slice(known + 1)) this.#list.prepend(itemOf(notice));
    while (this.#list.childElementCount > notices.length) this.#list.lastElementChild?.remove();
    this.#shown = notices;
    element("no-notices").hidden = notices.length > 0;
    this.#list.hidden = notices.length === 0;
  }
}

function isSame(one: NoticeFacts, other: NoticeFacts): boolean {
  return one.at === other.at && one.text === other.text;
}

function itemOf({ at, level, text }: NoticeFacts): HTMLElement {
  const mark = level === "warning" ? [create("b", "Warning: ")] : [];
  const when = create("time", time(new Date(at), new Date()), { datetime: at });
  return create("li", [when, ...mark, new Text(text)], { "data-level": level });
}
