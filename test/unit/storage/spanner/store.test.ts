/** How a Spanner database is named: by a bucket's document, whose form stays readable for ever, and by options. */

import { expect, it } from "vitest";
import { spannerStores } from "../../../../storage/spanner/store.ts";

const DATABASE = "projects/p/instances/i/databases/d";

/** As the first versions of the document wrote it. */
const document = (tablePrefix: string) =>
  `{"tlog-migrate-database":"${DATABASE}","tablePrefix":"${tablePrefix}",` +
  '"note":"The log in this bucket is, or is to be, written by log software that uses this database."}';

it.each([
  [undefined, "", `--spanner ${DATABASE}`],
  ["", "", `--spanner ${DATABASE}`],
  ["a_", "a_", `--spanner ${DATABASE} --spanner-table-prefix a_`],
])("with the table prefix %j is written and read as it always was", async (prefix, written, options) => {
  const named = spannerStores.named({ spanner: DATABASE, spannerTablePrefix: prefix });
  const state = await named?.open("gs://bucket/log/");
  expect(JSON.stringify(state?.binding)).toBe(document(written));
  expect(state?.options).toBe(options);
  expect(spannerStores.optionsIn(JSON.parse(document(written)))).toBe(options);
});

const OTHERS = [{}, { "tlog-migrate-database": 7 }, { "tlog-migrate-marker": 2 }];
it.each(OTHERS)("is not named by the document %j", (other) => {
  expect(spannerStores.optionsIn(other)).toBeUndefined();
});
