/** Help for narrow terminals: where a second column would be too narrow, a description comes below its term. */

import { Help, type HelpConfiguration } from "commander";

const INDENT = " ".repeat(6);

/** Columns that a description has at least, next to its term or below it. */
const MIN_COLUMNS = 20;

export const HELP_LAYOUT: HelpConfiguration = {
  minWidthToWrap: MIN_COLUMNS,
  formatItem(term, termWidth, description, helper) {
    const width = helper.helpWidth ?? 80;
    const isWide = width - termWidth - 4 >= MIN_COLUMNS;
    if (isWide || description === "") {
      return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
    }
    const wrapped = helper.boxWrap(description, Math.max(width - INDENT.length, MIN_COLUMNS));
    return `  ${term}\n${wrapped.replaceAll(/^/gm, INDENT)}`;
  },
};
